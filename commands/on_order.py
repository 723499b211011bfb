"""What all commands on one order share: its stream, the stock they move, and the receipt."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Protocol

from commands.handling import Known, Receipt, Rounds, Streams
from commands.promises import StockAt, StockSide
from commands.serving import Gains, queues
from domain.order.state import ORDER, Order
from domain.sourcing import Demand, Sourcing, eligible, source
from domain.sourcing_policy import SOURCING_POLICY
from domain.values import (
    SOURCING_STREAM,
    ShortagePolicy,
    check_happened,
    check_text,
    order_stream,
    stock_stream,
)

Decision = Callable[[Order], Sequence[object]]


class OnOrder(Protocol):
    """Names one order."""

    order_id: str


def stream_of(command: OnOrder) -> str:
    """The order's stream. Checked first, since a name that is none must not reach a database."""
    if not (command.order_id.isprintable() and 0 < len(command.order_id) <= 100):
        check_text(command.order_id, "order_id", longest=100)
    return order_stream(command.order_id)


def needs_order(command: OnOrder, streams: Known) -> Rounds:
    yield (stream_of(command),)


def decided(
    command: OnOrder,
    streams: Streams,
    now: datetime,
    outcome: str,
    *decisions: Decision,
    at: datetime | None = None,
    gains: Gains | None = None,
) -> Receipt:
    """Records one decision after the other, and what each means for the stock.

    A fact has the time that it states itself. `at` is that of the first, what follows from it was
    decided now. What is freed, `gains` at most, serves those that wait for it.
    """
    stream = stream_of(command)
    order = streams.state(ORDER, stream)
    before = streams.version(stream)
    if order.placed_at is not None:
        check_happened(now, "occurred_at", since=order.placed_at, now=now)
    queued = queues(streams, gains or {}, command.order_id)
    side = StockSide(streams, command.order_id, order, now)
    for decide in decisions:
        events = decide(order)
        for number, event in enumerate(events):
            stated = None if number else at
            streams.append(stream, [event], at=getattr(event, "at", stated))
        side.follow(events)
    side.finish(queued)
    changed = streams.version(stream) > before
    return Receipt(id=command.order_id, stream_id=stream, outcome=outcome, changed=changed)


def sourced_again(
    streams: Streams,
    order: Order,
    demands: Sequence[Demand],
    excluded: Sequence[str],
    shortage: ShortagePolicy,
    now: datetime,
) -> Sourcing:
    """Where units of a known order could come from now."""
    return source(
        streams.state(SOURCING_POLICY, SOURCING_STREAM),
        demands,
        StockAt(streams, now),
        channel=order.channel,
        country=order.country,
        shortage=shortage,
        excluded=excluded,
    )


def candidates(
    streams: Known,
    channel: str,
    country: str,
    skus: Iterable[str],
    excluded: Sequence[str] = (),
    also: Iterable[str] = (),
) -> Rounds:
    """The policy; and the stock that sourcing would look at, along with other streams."""
    yield (SOURCING_STREAM,)
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    serving, _ = eligible(policy, channel, country, excluded)
    wanted = dict.fromkeys(skus)
    yield chain(also, (stock_stream(place.location, sku) for place in serving for sku in wanted))


def gains_of(order: Order, lines: Iterable[int]) -> dict[str, int]:
    """The stock items that these lines wait for or were promised, and how many units of each."""
    gains: dict[str, int] = {}
    for line in (order.lines[number] for number in lines if number in order.lines):
        for location in (*line.allocated, *line.backordered):
            name = stock_stream(location, line.sku)
            gains[name] = gains.get(name, 0) + line.allocated.get(location, 0)
    return gains
