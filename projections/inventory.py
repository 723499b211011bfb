"""What is on hand, promised, incoming and available, for each sku and location?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.decider import Recorded
from domain.stock import events as e
from domain.stock.state import owner_key
from projections.inventory_rows import TABLES, VIEWS, EndedWaitRow, InventoryRow, MovementRow
from projections.projection import Projection, Query, StreamRows
from projections.rows import bare_id

Fold = Callable[[InventoryRow, Any], None]


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
    item.reserved += event.quantity


def _unreserved(item: InventoryRow, event: e.ReservationReleased) -> None:
    item.reserved -= event.quantity


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
    e.StockPolicyChanged: _policy,
    e.StockItemSuspended: _suspended,
    e.StockItemResumed: _resumed,
    e.StockItemDiscontinued: _discontinued,
    e.StockExpected: _expected,
    e.StockReceived: _received,
    e.StockAdjusted: _adjusted,
    e.StockCounted: _counted,
    e.StockReserved: _reserved,
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


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    event = recorded.event
    item = rows.get(InventoryRow)
    if item is None:
        if not isinstance(event, e.StockItemRegistered):
            return
        item = _registered(recorded, event)
    fold = FOLDS.get(type(event))
    if fold is not None:
        before = item.on_hand
        fold(item, event)
        if isinstance(event, e.BackorderCancelled):
            _note_ended_wait(rows, recorded, event)
        elif isinstance(event, e.StockShipped) and event.forced:
            item.allocated += _unpromised(rows, recorded, event)
        if type(event) in MOVEMENTS:
            rows.put(_movement(item, recorded, item.on_hand - before))
    taken = item.allocated + item.reserved + item.unavailable + item.safety_stock
    item.available = item.on_hand - taken if item.on_hand > taken else 0
    item.updated_at = recorded.recorded_at
    item.version, item.position = recorded.stream_version, recorded.position
    rows.put(item)


def _note_ended_wait(rows: StreamRows, recorded: Recorded, event: e.BackorderCancelled) -> None:
    ended = rows.get(EndedWaitRow)
    if ended is None:
        ended = EndedWaitRow(stock_item=bare_id(recorded), command_id="", units={})
    if ended.command_id != recorded.command_id:
        ended.command_id, ended.units = recorded.command_id, {}
    ended.units[owner_key(event.order_id, event.line)] = event.quantity
    rows.put(ended)


def _unpromised(rows: StreamRows, recorded: Recorded, event: e.StockShipped) -> int:
    """Units that left without a promise: the same command said that they wait no more."""
    ended = rows.get(EndedWaitRow)
    if ended is None or ended.command_id != recorded.command_id:
        return 0
    return ended.units.get(owner_key(event.order_id, event.line), 0)


def _registered(recorded: Recorded, event: e.StockItemRegistered) -> InventoryRow:
    return InventoryRow(
        stock_item=bare_id(recorded),
        location=event.location,
        sku=event.sku,
        title=event.title,
        updated_at=recorded.recorded_at,
        version=recorded.stream_version,
        position=recorded.position,
    )


def _movement(item: InventoryRow, recorded: Recorded, units: int) -> MovementRow:
    row = MovementRow(
        stock_item=item.stock_item,
        stream_version=recorded.stream_version,
        position=recorded.position,
        location=item.location,
        sku=item.sku,
        day=recorded.occurred_at.date(),
        at=recorded.occurred_at,
        kind="",
        units=units,
        on_hand=item.on_hand,
        actor=recorded.actor,
    )
    MOVEMENTS[type(recorded.event)](row, recorded.event)
    return row


def _receipt(row: MovementRow, event: e.StockReceived) -> None:
    row.kind, row.document, row.lot = "received", event.document, event.lot
    row.unit_cost, row.currency = event.unit_cost, event.currency


def _adjustment(row: MovementRow, event: e.StockAdjusted) -> None:
    row.kind, row.document, row.reason = "adjusted", event.reference, event.reason


def _count(row: MovementRow, event: e.StockCounted) -> None:
    row.kind = "counted"


def _shipment(row: MovementRow, event: e.StockShipped) -> None:
    row.kind, row.shipment_id = "shipped", event.shipment_id
    row.order_id, row.line = event.order_id, event.line


MOVEMENTS: Mapping[type, Callable[[MovementRow, Any], None]] = {
    e.StockReceived: _receipt,
    e.StockAdjusted: _adjustment,
    e.StockCounted: _count,
    e.StockShipped: _shipment,
}

INVENTORY = Projection(
    name="inventory",
    version=1,
    categories=frozenset({"stock"}),
    tables=TABLES,
    evolve=evolve,
    views=VIEWS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuInventory:
    """One sku over all its locations; `available` counts active stock items only."""

    sku: str
    locations: int
    on_hand: int
    reserved: int
    allocated: int
    unavailable: int
    backordered: int
    incoming: int
    available: int


def over_locations(sku: str, items: Sequence[InventoryRow]) -> SkuInventory:
    """The sums of one sku, as the view inventory_by_sku has them."""
    return SkuInventory(
        sku=sku,
        locations=len(items),
        on_hand=sum(item.on_hand for item in items),
        reserved=sum(item.reserved for item in items),
        allocated=sum(item.allocated for item in items),
        unavailable=sum(item.unavailable for item in items),
        backordered=sum(item.backordered for item in items),
        incoming=sum(item.incoming for item in items),
        available=sum(item.available for item in items if item.status == "active"),
    )


def stock_item(location: str, sku: str) -> Query:
    return Query(
        row=InventoryRow,
        where={"stock_item": f"{location}-{sku}"},
        order=("stock_item",),
        limit=1,
    )


def inventory_page(
    *,
    sku: str | None = None,
    location: str | None = None,
    status: str | None = None,
    out_of_stock: bool | None = None,
    low_stock: bool | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> Query:
    """Stock items that fit all of what is given, by sku and location."""
    wanted = {
        "sku": sku,
        "location": location,
        "status": status,
        "out_of_stock": out_of_stock,
        "low_stock": low_stock,
    }
    return Query(
        row=InventoryRow,
        where={column: value for column, value in wanted.items() if value is not None},
        order=("sku", "location"),
        after=after,
        limit=limit,
    )


def movements_page(location: str, sku: str, *, after: int | None = None, limit: int = 50) -> Query:
    """What changed the units on hand, the latest first."""
    return Query(
        row=MovementRow,
        where={"stock_item": f"{location}-{sku}"},
        order=("stream_version",),
        descending=True,
        after=None if after is None else (after,),
        limit=limit,
    )
