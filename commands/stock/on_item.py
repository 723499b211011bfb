"""What all commands on one item share: its stream, the orders it concerns, and its alerts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from commands.handling import Receipt, Streams
from domain.order.events import LineAllocated, LineBackordered
from domain.stock.alerts import alerts
from domain.stock.events import BackorderFilled, StockAllocationDisplaced
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import check_location, check_sku, order_stream, stock_stream

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


def needs_item(command: OnItem, streams: Streams) -> tuple[str, ...]:
    return (stream_of(command),)


def decided(
    command: OnItem, streams: Streams, now: datetime, outcome: str, *decisions: Decision
) -> Receipt:
    """Records one decision after the other, each on what the one before left, then the alerts."""
    stream = stream_of(command)
    before = streams.version(stream)
    item = streams.state(STOCK_ITEM, stream)
    for decide in decisions:
        events = decide(item)
        streams.append(stream, events)
        tell_orders(streams, command.location, events)
    streams.append(stream, alerts(item, now))
    return Receipt(
        id=f"{command.location}/{command.sku}",
        stream_id=stream,
        outcome=outcome,
        changed=streams.version(stream) > before,
    )


def tell_orders(streams: Streams, location: str, events: Iterable[object]) -> None:
    """A promise has two sides: the item's and the order's. Neither is recorded alone."""
    for event in events:
        match event:
            case BackorderFilled(order_id=order_id, line=line, quantity=quantity):
                other = LineAllocated(
                    line=line, location=location, quantity=quantity, cause="backorder-filled"
                )
                streams.append(order_stream(order_id), [other])
            case StockAllocationDisplaced(order_id=order_id, line=line, quantity=quantity):
                lost = LineBackordered(
                    line=line, location=location, quantity=quantity, cause="displaced"
                )
                streams.append(order_stream(order_id), [lost])
            case _:
                pass
