"""One sku at one location as its history tells it. Every promised unit has an owner."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.decider import Decider, unchanged
from domain.stock import events as e

DOCUMENTS = 1_000
"""How many documents an item remembers: one that is stated again was heard of lately."""


@dataclass(slots=True)
class Reservation:
    """A soft promise."""

    owner: str
    quantity: int
    expires_at: datetime


@dataclass(slots=True)
class Backorder:
    """Accepted demand that waits."""

    quantity: int
    placed_at: datetime
    priority: int


@dataclass(slots=True)
class Incoming:
    """Units that a document announced."""

    quantity: int
    eta: datetime | None


@dataclass(slots=True)
class StockItem:
    """Counters are sums of the maps; the maps are keyed by reservation id or `order_id/line`.

    `received` are units by document, of the last documents under which any came.
    """

    status: str = "none"
    sku: str = ""
    location: str = ""
    title: str = ""
    codes: tuple[str, ...] = ()
    on_hand: int = 0
    allocated: int = 0
    reserved: int = 0
    backordered: int = 0
    unavailable: dict[e.State, int] = field(default_factory=dict)
    incoming: dict[str, Incoming] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    allocations: dict[str, int] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    backorders: dict[str, Backorder] = field(default_factory=dict)
    backorder_limit: int | None = 0
    preorder: bool = False
    safety_stock: int = 0
    reorder_point: int | None = None
    reorder_quantity: int = 0
    out_of_stock: bool = True
    low_stock: bool = False

    def reserved_at(self, now: datetime) -> int:
        """Soft promises that still hold at this moment."""
        if not self.reservations:
            return 0
        return sum(r.quantity for r in self.reservations.values() if r.expires_at > now)

    def unallocated(self) -> int:
        """What could be promised if no reservation held any more."""
        return self.unpromised(None)

    def unpromised(self, now: datetime | None) -> int:
        """Available before it is shown as 0: below zero is what the safety stock lacks.

        Without a moment no reservation counts.
        """
        free = self.on_hand - self.allocated - self.safety_stock
        if self.unavailable:
            free -= sum(self.unavailable.values())
        return free - self.reserved_at(now) if now and self.reservations else free

    def available(self, now: datetime) -> int:
        free = self.unpromised(now)
        return free if free > 0 else 0

    def unclaimed(self, now: datetime, ahead: int = 0) -> int:
        """What new demand may take: who waits here comes first, `ahead` of all but such units."""
        if self.status != "active":
            return 0
        free = self.unpromised(now) - ahead - self.backordered
        return ahead + free if free > 0 else ahead

    def convertible(self, reservation_ids: Collection[str], now: datetime) -> int:
        """Units of these reservations that are there; they stand before those that wait."""
        held = sum(
            known.quantity
            for key, known in self.reservations.items()
            if key in reservation_ids and known.expires_at > now
        )
        return max(0, held + min(0, self.unpromised(now)))

    def backorderable(self) -> int | None:
        """Units of new demand that may wait here; None is without limit.

        With `preorder`, those that are announced may be waited for.
        """
        if self.backorder_limit is None:
            return None
        most = self.backorder_limit
        if self.preorder:
            most = max(most, sum(each.quantity for each in self.incoming.values()))
        return max(0, most - self.backordered)


def owner_key(order_id: str, line: int) -> str:
    return f"{order_id}/{line}"


def owner_of(key: str) -> tuple[str, int]:
    """The order and line that a key of the maps names."""
    order_id, _, line = key.rpartition("/")
    return order_id, int(line)


def _promise(item: StockItem, event: e.StockAllocated | e.BackorderFilled) -> None:
    key = owner_key(event.order_id, event.line)
    item.allocations[key] = item.allocations.get(key, 0) + event.quantity
    item.allocated += event.quantity


def _unpromise(item: StockItem, order_id: str, line: int, quantity: int) -> None:
    key = owner_key(order_id, line)
    held = item.allocations.get(key, 0)
    item.allocated -= min(held, quantity)
    if held > quantity:
        # In its old place of the map: a part that is gone makes the rest no younger.
        item.allocations[key] = held - quantity
    else:
        item.allocations.pop(key, None)


def _wait(item: StockItem, event: e.StockBackordered | e.StockAllocationDisplaced) -> None:
    key = owner_key(event.order_id, event.line)
    known = item.backorders.get(key)
    if known is None:
        item.backorders[key] = Backorder(event.quantity, event.placed_at, event.priority)
    else:
        known.quantity += event.quantity
    item.backordered += event.quantity


def _wait_less(item: StockItem, event: e.BackorderFilled | e.BackorderCancelled) -> None:
    key = owner_key(event.order_id, event.line)
    known = item.backorders.get(key)
    if known is None:
        return
    item.backordered -= min(known.quantity, event.quantity)
    known.quantity -= event.quantity
    if known.quantity <= 0:
        del item.backorders[key]


def _registered(item: StockItem, event: e.StockItemRegistered) -> None:
    item.status, item.sku, item.location = "active", event.sku, event.location
    item.title, item.codes = event.title, event.codes


def _codes(item: StockItem, event: e.StockItemCodesChanged) -> None:
    item.codes = event.codes


def _title(item: StockItem, event: e.StockItemTitleChanged) -> None:
    item.title = event.title


def _policy(item: StockItem, event: e.StockPolicyChanged) -> None:
    item.backorder_limit, item.preorder = event.backorder_limit, event.preorder
    item.safety_stock = event.safety_stock
    item.reorder_point, item.reorder_quantity = event.reorder_point, event.reorder_quantity


def _suspended(item: StockItem, _: e.StockItemSuspended) -> None:
    item.status = "suspended"


def _resumed(item: StockItem, _: e.StockItemResumed) -> None:
    item.status = "active"


def _discontinued(item: StockItem, _: e.StockItemDiscontinued) -> None:
    item.status = "discontinued"


def _expected(item: StockItem, event: e.StockExpected) -> None:
    item.incoming[event.document] = Incoming(event.quantity, event.eta)
    if event.quantity <= 0:
        del item.incoming[event.document]


def _received(item: StockItem, event: e.StockReceived) -> None:
    item.on_hand += event.quantity
    item.received[event.document] = item.received.pop(event.document, 0) + event.quantity
    if len(item.received) > DOCUMENTS:
        del item.received[next(iter(item.received))]
    awaited = item.incoming.get(event.document)
    if awaited is None:
        return
    awaited.quantity -= event.quantity
    if awaited.quantity <= 0:
        del item.incoming[event.document]


def _adjusted(item: StockItem, event: e.StockAdjusted) -> None:
    item.on_hand += event.delta


def _counted(item: StockItem, event: e.StockCounted) -> None:
    item.on_hand = event.counted


def _reserved(item: StockItem, event: e.StockReserved) -> None:
    item.reservations[event.reservation_id] = Reservation(
        event.owner, event.quantity, event.expires_at
    )
    item.reserved += event.quantity


def _extended(item: StockItem, event: e.ReservationExtended) -> None:
    if event.reservation_id in item.reservations:
        item.reservations[event.reservation_id].expires_at = event.expires_at


def _unreserved(item: StockItem, event: e.ReservationReleased) -> None:
    known = item.reservations.get(event.reservation_id)
    if known is None:
        return
    item.reserved -= min(known.quantity, event.quantity)
    known.quantity -= event.quantity
    if known.quantity <= 0:
        del item.reservations[event.reservation_id]


def _filled(item: StockItem, event: e.BackorderFilled) -> None:
    _wait_less(item, event)
    _promise(item, event)


def _released(item: StockItem, event: e.StockAllocationReleased) -> None:
    _unpromise(item, event.order_id, event.line, event.quantity)


def _displaced(item: StockItem, event: e.StockAllocationDisplaced) -> None:
    _unpromise(item, event.order_id, event.line, event.quantity)
    _wait(item, event)


def _shipped(item: StockItem, event: e.StockShipped) -> None:
    _unpromise(item, event.order_id, event.line, event.quantity)
    item.on_hand -= event.quantity


def _moved(item: StockItem, event: e.StockStateMoved) -> None:
    for state, delta in ((event.from_state, -event.quantity), (event.to_state, event.quantity)):
        if state == "sellable":
            continue
        left = item.unavailable.get(state, 0) + delta
        item.unavailable[state] = left
        if left <= 0:
            del item.unavailable[state]


def _out(item: StockItem, _: e.OutOfStock) -> None:
    item.out_of_stock = True


def _back(item: StockItem, _: e.BackInStock) -> None:
    item.out_of_stock = False


def _low(item: StockItem, _: e.LowStockReached) -> None:
    item.low_stock = True


def _cleared(item: StockItem, _: e.LowStockCleared) -> None:
    item.low_stock = False


FOLDS: dict[type, Callable[[StockItem, Any], None]] = {
    e.StockItemRegistered: _registered,
    e.StockItemCodesChanged: _codes,
    e.StockItemTitleChanged: _title,
    e.StockPolicyChanged: _policy,
    e.StockItemSuspended: _suspended,
    e.StockItemResumed: _resumed,
    e.StockItemDiscontinued: _discontinued,
    e.StockExpected: _expected,
    e.StockReceived: _received,
    e.StockAdjusted: _adjusted,
    e.StockCounted: _counted,
    e.StockReserved: _reserved,
    e.ReservationExtended: _extended,
    e.ReservationReleased: _unreserved,
    e.StockAllocated: _promise,
    e.StockBackordered: _wait,
    e.BackorderFilled: _filled,
    e.BackorderCancelled: _wait_less,
    e.StockAllocationReleased: _released,
    e.StockAllocationDisplaced: _displaced,
    e.StockShipped: _shipped,
    e.StockStateMoved: _moved,
    e.OutOfStock: _out,
    e.BackInStock: _back,
    e.LowStockReached: _low,
    e.LowStockCleared: _cleared,
    e.ReorderSuggested: unchanged,
}


def weight(item: StockItem) -> int:
    owned = len(item.allocations) + len(item.backorders) + len(item.reservations)
    return 1_500 + 250 * owned + 150 * len(item.received)


STOCK_ITEM = Decider(initial=StockItem, folds=FOLDS, fold_version=2, weight=weight)
