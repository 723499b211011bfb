"""How each event changes what a location holds of a sku."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain.stock import events as e
from projections.inventory_rows import InventoryRow

Fold = Callable[[InventoryRow, Any], None]


def _title(item: InventoryRow, event: e.StockItemTitleChanged) -> None:
    item.title = event.title


def _policy(item: InventoryRow, event: e.StockPolicyChanged) -> None:
    item.backorder_limit, item.preorder = event.backorder_limit, event.preorder
    item.safety_stock = event.safety_stock
    item.reorder_point, item.reorder_quantity = event.reorder_point, event.reorder_quantity


def _suspended(item: InventoryRow, event: object) -> None:
    item.status = "suspended"


def _resumed(item: InventoryRow, event: object) -> None:
    item.status = "active"


def _discontinued(item: InventoryRow, event: object) -> None:
    item.status = "discontinued"


def _expected(item: InventoryRow, event: e.StockExpected) -> None:
    eta = event.eta.isoformat() if event.eta else None
    item.incoming_documents[event.document] = {"quantity": event.quantity, "eta": eta}
    if event.quantity <= 0:
        del item.incoming_documents[event.document]
    _sum_incoming(item)


def _received(item: InventoryRow, event: e.StockReceived) -> None:
    item.on_hand += event.quantity
    announced = item.incoming_documents.get(event.document)
    if announced is None:
        return
    announced["quantity"] -= event.quantity
    if announced["quantity"] <= 0:
        del item.incoming_documents[event.document]
    _sum_incoming(item)


def _sum_incoming(item: InventoryRow) -> None:
    item.incoming = sum(announced["quantity"] for announced in item.incoming_documents.values())


def _adjusted(item: InventoryRow, event: e.StockAdjusted) -> None:
    item.on_hand += event.delta


def _counted(item: InventoryRow, event: e.StockCounted) -> None:
    item.on_hand = event.counted


def _reserved(item: InventoryRow, event: e.StockReserved) -> None:
    item.reservations[event.reservation_id] = {
        "owner": event.owner,
        "quantity": event.quantity,
        "expires_at": event.expires_at.isoformat(),
    }
    _look_ahead(item)


def _extended(item: InventoryRow, event: e.ReservationExtended) -> None:
    known = item.reservations.get(event.reservation_id)
    if known is not None:
        known["expires_at"] = event.expires_at.isoformat()
    _look_ahead(item)


def _unreserved(item: InventoryRow, event: e.ReservationReleased) -> None:
    item.reservations.pop(event.reservation_id, None)
    _look_ahead(item)


def _look_ahead(item: InventoryRow) -> None:
    ends = [datetime.fromisoformat(known["expires_at"]) for known in item.reservations.values()]
    item.reserved_until = max(ends, default=None)


def _allocated(item: InventoryRow, event: e.StockAllocated) -> None:
    item.allocated += event.quantity


def _released(item: InventoryRow, event: e.StockAllocationReleased) -> None:
    item.allocated -= event.quantity


def _backordered(item: InventoryRow, event: e.StockBackordered) -> None:
    item.backordered += event.quantity


def _waits_no_more(item: InventoryRow, event: e.BackorderCancelled) -> None:
    item.backordered -= event.quantity


def _filled(item: InventoryRow, event: e.BackorderFilled) -> None:
    item.backordered -= event.quantity
    item.allocated += event.quantity


def _displaced(item: InventoryRow, event: e.StockAllocationDisplaced) -> None:
    item.allocated -= event.quantity
    item.backordered += event.quantity


def _shipped(item: InventoryRow, event: e.StockShipped) -> None:
    item.allocated -= event.quantity
    item.on_hand -= event.quantity


def _moved(item: InventoryRow, event: e.StockStateMoved) -> None:
    states = item.unavailable_by_state
    for state, delta in ((event.from_state, -event.quantity), (event.to_state, event.quantity)):
        if state != "sellable":
            states[state] = states.get(state, 0) + delta
            if states[state] <= 0:
                del states[state]
    item.unavailable = sum(states.values())


def _out(item: InventoryRow, event: object) -> None:
    item.out_of_stock = True


def _back(item: InventoryRow, event: object) -> None:
    item.out_of_stock = False


def _low(item: InventoryRow, event: object) -> None:
    item.low_stock = True


def _cleared(item: InventoryRow, event: object) -> None:
    item.low_stock = False


FOLDS: Mapping[type, Fold] = {
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
    e.StockAllocated: _allocated,
    e.StockBackordered: _backordered,
    e.BackorderFilled: _filled,
    e.BackorderCancelled: _waits_no_more,
    e.StockAllocationReleased: _released,
    e.StockAllocationDisplaced: _displaced,
    e.StockShipped: _shipped,
    e.StockStateMoved: _moved,
    e.OutOfStock: _out,
    e.BackInStock: _back,
    e.LowStockReached: _low,
    e.LowStockCleared: _cleared,
}
