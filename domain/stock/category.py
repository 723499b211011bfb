"""Stock items as a category, and what `verify` holds each of them against."""

from collections.abc import Iterator, Sequence

from domain.category import Category
from domain.invariants import Entry, Invariants
from domain.stock import events as e
from domain.stock.state import STOCK_ITEM, StockItem


def _at_rest(item: StockItem, events: Sequence[object]) -> Iterator[str]:
    taken = item.allocated + sum(item.unavailable.values())
    if taken > item.on_hand and not any(_forced(event) for event in events):
        yield f"{item.allocated} allocated of {item.on_hand} on hand"
    if (
        item.allocated != sum(item.allocations.values())
        or item.backordered != sum(b.quantity for b in item.backorders.values())
        or item.reserved != sum(r.quantity for r in item.reservations.values())
    ):
        yield "a counter is not the sum of its owners"


def _forced(event: object) -> bool:
    return isinstance(event, e.StockShipped) and event.forced


def _books(stream_id: str, item: StockItem) -> Iterator[Entry]:
    """What it has promised, to whom."""
    for owner, quantity in item.allocations.items():
        yield f"{item.location} {item.sku} for order line {owner}", quantity


STOCK = Category(
    name="stock",
    events=e.EVENTS,
    decider=STOCK_ITEM,
    invariants=Invariants(at_rest=_at_rest, books=_books),
)
