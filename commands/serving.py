"""Who waits comes first: whatever frees units serves the next in turn, in its own append.

A command says how many units it may free of each item. Whose turn that may be is looked up before
the log is locked; when everything else is decided, those are served of whom it is so. What is left
after the first hundred lines is for the backorder filler.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from commands.handling import Known, Rounds, Streams
from domain.order.events import LineAllocated, LineBackordered
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock.events import BackorderFilled, StockAllocationDisplaced
from domain.stock.promising import FILLED_AT_ONCE, fill_backorders, fills
from domain.stock.state import STOCK_ITEM, StockItem, owner_of
from domain.values import SOURCING_STREAM, order_stream

Gains = Mapping[str, int]
"""Units that a command frees at most, by the stream of their stock item."""


def queues(streams: Known, gains: Gains, own: str = "") -> dict[str, list[str]]:
    """Whose turn it may be at each item: an order id for each line that may be served.

    As if every reservation had expired: who is served in the end is among these, or is the
    command's `own` order, which may as well wait no more by then.
    """
    found: dict[str, list[str]] = {}
    left = FILLED_AT_ONCE
    for name, units in gains.items():
        item = streams.state(STOCK_ITEM, name)
        if not left or not item.backorders or not _is_open(streams, item):
            continue
        found[name] = _queue(item, item.unallocated() + units, left, own)
        left -= len(found[name])
    return found


def _queue(item: StockItem, units: int, most: int, own: str) -> list[str]:
    """The lines of others that so many units reach, and all of one's own."""
    own_lines = [key for key in item.backorders if owner_of(key)[0] == own] if own else []
    own_units = sum(item.backorders[key].quantity for key in own_lines)
    in_turn = fills(item, units + own_units, most + len(own_lines))
    others = [event.order_id for event in in_turn if event.order_id != own]
    return (others + [own] * len(own_lines))[:most]


def _is_open(streams: Known, item: StockItem) -> bool:
    return streams.state(SOURCING_POLICY, SOURCING_STREAM).is_open(item.location)


def orders_in(queued: Mapping[str, Collection[str]]) -> list[str]:
    """The streams of the orders whose turn it may be."""
    return list(dict.fromkeys(order_stream(each) for ids in queued.values() for each in ids))


def needs_in_turn(streams: Known, gains: Gains, own: str = "") -> Rounds:
    """The streams that serving may touch: first the items, then the orders next in turn."""
    yield [SOURCING_STREAM, *gains]
    yield orders_in(queues(streams, gains, own))


def serve(streams: Streams, name: str, most: int, now: datetime) -> None:
    """Promise the item's units to the next in turn, on both sides."""
    item = streams.state(STOCK_ITEM, name)
    filled = fill_backorders(item, now, most)
    streams.append(name, filled)
    tell_orders(streams, item.location, filled)


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
