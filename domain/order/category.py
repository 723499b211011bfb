"""Orders as a category, and what `verify` holds each of them against."""

from collections.abc import Iterator, Sequence

from domain.category import Category, bare_id
from domain.invariants import Entry, Invariants
from domain.order import events as e
from domain.order.state import ORDER, Order

ALLOWED_FROM: dict[type, frozenset[str]] = {
    e.OrderConfirmed: frozenset({"placed"}),
    e.OrderRejected: frozenset({"placed", "confirmed"}),
    e.OrderExpired: frozenset({"placed"}),
    e.OrderCancelled: frozenset({"placed", "confirmed"}),
    e.OrderCompleted: frozenset({"confirmed"}),
}


def _allowed(order: Order, event: object) -> Iterator[str]:
    before = ALLOWED_FROM.get(type(event))
    if before is not None and order.status not in before:
        yield f"{type(event).__name__} on an order that was {order.status}"


def _at_rest(order: Order, events: Sequence[object]) -> Iterator[str]:
    for line in order.lines.values():
        held = sum(line.allocated.values()) + sum(line.backordered.values())
        if line.kind == "stock" and held + line.unsourced + line.shipped != line.demand:
            yield f"the units of line {line.line} do not add up"


def _books(stream_id: str, order: Order) -> Iterator[Entry]:
    """What the stock items have promised to its lines."""
    order_id = bare_id(stream_id)
    for line in order.lines.values():
        for location, quantity in line.allocated.items():
            yield f"{location} {line.sku} for order line {order_id}/{line.line}", -quantity


ORDERS = Category(
    name="order",
    events=e.EVENTS,
    decider=ORDER,
    mostly_new=True,
    invariants=Invariants(allowed=_allowed, at_rest=_at_rest, books=_books),
)
