"""What all commands on one item share: its stream, the orders it concerns, and its alerts."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from commands.handling import Known, Receipt, Rounds, Streams
from commands.serving import queues, serve, tell_orders
from domain.stock.alerts import alerts
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import check_location, check_sku, stock_stream

Decision = Callable[[StockItem], Sequence[object]]


class OnItem(Protocol):
    """Names one sku at one location."""

    location: str
    sku: str


def stream_of(command: OnItem) -> str:
    """The item's stream. Checked first, since a name that is none must not reach a database."""
    check_location(command.location)
    check_sku(command.sku)
    return stock_stream(command.location, command.sku)


def needs_item(command: OnItem, streams: Known) -> Rounds:
    yield (stream_of(command),)


def decided(
    command: OnItem,
    streams: Streams,
    now: datetime,
    outcome: str,
    *decisions: Decision,
    gain: int | None = None,
) -> Receipt:
    """Records one decision after the other, each on what the one before left, then the alerts.

    A `gain`, so many units at most become free, serves those that wait for them.
    """
    stream = stream_of(command)
    before = streams.version(stream)
    item = streams.state(STOCK_ITEM, stream)
    queued = {} if gain is None else queues(streams, {stream: gain})
    for decide in decisions:
        events = decide(item)
        streams.append(stream, events)
        tell_orders(streams, command.location, events)
    for name, in_turn in queued.items():
        serve(streams, name, len(in_turn), now)
    streams.append(stream, alerts(item, now))
    return Receipt(
        id=f"{command.location}/{command.sku}",
        stream_id=stream,
        outcome=outcome,
        changed=streams.version(stream) > before,
    )
