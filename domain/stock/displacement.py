"""When units turn out to be missing, the youngest promises give way and wait again."""

from collections.abc import Callable
from datetime import datetime

from domain.stock.events import StockAllocationDisplaced, StockStateMoved
from domain.stock.state import StockItem, owner_of

OrderFacts = Callable[[str], tuple[datetime, int]]
"""When an order was placed and its priority: a displaced line keeps its turn in the queue."""


def youngest(item: StockItem, units: int) -> list[tuple[str, int, int]]:
    """The latest promises that together hold so many units: order, line and quantity."""
    found: list[tuple[str, int, int]] = []
    for key, held in reversed(item.allocations.items()):
        if units <= 0:
            break
        found.append((*owner_of(key), min(units, held)))
        units -= held
    return found


def missing(item: StockItem, *, on_hand: int, set_aside: int = 0) -> int:
    """Units promised or unavailable beyond what is there; `set_aside` are to be unavailable too."""
    return max(0, item.allocated + _unavailable(item) + set_aside - on_hand)


def displaced(
    item: StockItem, orders: OrderFacts, *, on_hand: int, reason: str, set_aside: int = 0
) -> list[object]:
    """What gives way so that everything promised or unavailable is on hand."""
    lacking = missing(item, on_hand=on_hand, set_aside=set_aside)
    events: list[object] = []
    for order_id, line, quantity in youngest(item, lacking):
        placed_at, priority = orders(order_id)
        events.append(
            StockAllocationDisplaced(
                order_id=order_id,
                line=line,
                quantity=quantity,
                reason=reason,
                placed_at=placed_at,
                priority=priority,
            )
        )
    return events + _gone_too(item, lacking - item.allocated, reason)


def _gone_too(item: StockItem, units: int, reason: str) -> list[object]:
    """Unavailable units that cannot be there either, once no promise is left to give way."""
    events: list[object] = []
    for state, held in reversed(item.unavailable.items()):
        quantity = min(units, held)
        if quantity > 0:
            events.append(
                StockStateMoved(
                    from_state=state, to_state="sellable", quantity=quantity, reason=reason
                )
            )
            units -= quantity
    return events


def _unavailable(item: StockItem) -> int:
    return sum(item.unavailable.values())
