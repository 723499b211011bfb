"""The ledger's line for an event that changes the units on hand, or counts them."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.decider import Recorded
from domain.fast_init import maker
from domain.stock import events as e
from projections.inventory_rows import InventoryRow, MovementRow
from projections.rows import valid_time

_movement_row = maker(MovementRow)


def movement(item: InventoryRow, recorded: Recorded, units: int) -> MovementRow:
    at = valid_time(recorded)
    row = _movement_row(
        stock_item=item.stock_item,
        stream_version=recorded.stream_version,
        position=recorded.position,
        location=item.location,
        sku=item.sku,
        day=at.date(),
        at=at,
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
