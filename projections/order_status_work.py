"""How the warehouse's and the carrier's facts change an order's rows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain.order import events as e
from projections.order_status_rows import (
    FulfilmentRow,
    OrderLineRow,
    OrderStatusRow,
    ShipmentRow,
)
from projections.projection import StreamRows
from projections.rows import known

Fold = Callable[[StreamRows, OrderStatusRow, Any, datetime], None]

IN_PROGRESS = frozenset({"picking", "packed"})
GIVEN_UP = frozenset({"lost", "returned_to_sender"})
PENDING = frozenset({"open", "picking", "packed"})


def line_of(rows: StreamRows, number: int) -> OrderLineRow:
    """The line, marked as changed."""
    line = known(rows.get(OrderLineRow, number))
    rows.put(line)
    return line


def promise(line: OrderLineRow, location: str, units: int) -> None:
    """So many more units of the line are promised by a location, or fewer."""
    line.allocated += units
    left = line.allocated_at.get(location, 0) + units
    if left > 0:
        line.allocated_at[location] = left
    else:
        line.allocated_at.pop(location, None)


def shrink_work(rows: StreamRows, line: OrderLineRow, location: str) -> None:
    """Nobody shall look for units that are promised no more. What was picked is there, though."""
    number = str(line.line)
    works = [
        work
        for work in rows.all(FulfilmentRow)
        if work.pending and work.location == location and number in work.lines
    ]
    parts = [work.lines[number] for work in works]
    held = sum(part["quantity"] - part["short"] for part in parts)
    excess = held - line.allocated_at.get(location, 0)
    for work, part in zip(works, parts, strict=True):
        cut = min(part["quantity"] - part["short"] - part["picked"], max(0, excess))
        part["quantity"] -= cut
        excess -= cut
        rows.put(work)


def _work_of(rows: StreamRows, fulfilment_id: str, at: datetime) -> FulfilmentRow:
    work = known(rows.get(FulfilmentRow, fulfilment_id))
    work.updated_at = at
    rows.put(work)
    return work


def _shipment_of(rows: StreamRows, shipment_id: str) -> ShipmentRow:
    shipment = known(rows.get(ShipmentRow, shipment_id))
    rows.put(shipment)
    return shipment


def _becomes(order: OrderStatusRow, work: FulfilmentRow, status: str) -> None:
    order.work_in_progress += (status in IN_PROGRESS) - (work.status in IN_PROGRESS)
    work.status, work.pending = status, status in PENDING


def _opened(
    rows: StreamRows, order: OrderStatusRow, event: e.FulfilmentOrderOpened, at: datetime
) -> None:
    lines: dict[str, Any] = {}
    for part in event.lines:
        line = known(rows.get(OrderLineRow, part.line))
        units = {"quantity": part.quantity, "picked": 0, "packed": 0, "short": 0}
        lines[str(part.line)] = {"sku": line.sku, "title": line.title, **units}
    rows.put(
        FulfilmentRow(
            order_id=order.order_id,
            fulfilment_id=event.fulfilment_id,
            location=event.location,
            lines=lines,
            fulfil_by=event.fulfil_by,
            opened_at=at,
            updated_at=at,
        )
    )


def _cancelled(
    rows: StreamRows, order: OrderStatusRow, event: e.FulfilmentOrderCancelled, at: datetime
) -> None:
    work = _work_of(rows, event.fulfilment_id, at)
    _becomes(order, work, "cancelled")
    for number, part in work.lines.items():
        if part["picked"]:
            line_of(rows, int(number)).picked -= part["picked"]
            order.units_picked -= part["picked"]


def _started(rows: StreamRows, order: OrderStatusRow, event: e.PickStarted, at: datetime) -> None:
    work = _work_of(rows, event.fulfilment_id, at)
    _becomes(order, work, "picking")
    work.picker = event.picker


def _picked(rows: StreamRows, order: OrderStatusRow, event: e.ItemsPicked, at: datetime) -> None:
    _work_of(rows, event.fulfilment_id, at).lines[str(event.line)]["picked"] += event.quantity
    line_of(rows, event.line).picked += event.quantity
    order.units_picked += event.quantity


def _short(rows: StreamRows, order: OrderStatusRow, event: e.PickShort, at: datetime) -> None:
    work = _work_of(rows, event.fulfilment_id, at)
    work.lines[str(event.line)]["short"] += event.quantity
    line = line_of(rows, event.line)
    promise(line, work.location, -event.quantity)
    line.unsourced += event.quantity
    order.units_allocated -= event.quantity
    order.units_unsourced += event.quantity


def _packed(rows: StreamRows, order: OrderStatusRow, event: e.ShipmentPacked, at: datetime) -> None:
    work = _work_of(rows, event.fulfilment_id, at)
    _becomes(order, work, "packed")
    for part in event.lines:
        work.lines[str(part.line)]["packed"] += part.quantity
        line_of(rows, part.line).packed += part.quantity
        order.units_packed += part.quantity
    rows.put(
        ShipmentRow(
            order_id=order.order_id,
            shipment_id=event.shipment_id,
            fulfilment_id=event.fulfilment_id,
            location=event.location,
            lines={str(part.line): part.quantity for part in event.lines},
            parcels=event.parcels,
            packer=event.packer,
            packed_at=at,
        )
    )


def _verified(rows: StreamRows, _: OrderStatusRow, event: e.PackVerified, at: datetime) -> None:
    _shipment_of(rows, event.shipment_id).verifier = event.verifier


def _dispatched(
    rows: StreamRows, order: OrderStatusRow, event: e.ShipmentDispatched, at: datetime
) -> None:
    shipment = _shipment_of(rows, event.shipment_id)
    shipment.status, shipment.dispatched_at = "dispatched", at
    shipment.carrier, shipment.tracking = event.carrier, event.tracking
    shipment.forced = event.forced
    _becomes(order, _work_of(rows, shipment.fulfilment_id, at), "dispatched")
    for part in event.lines:
        line = line_of(rows, part.line)
        promise(line, event.location, -part.quantity)
        line.shipped += part.quantity
        order.units_allocated -= part.quantity
        order.units_shipped += part.quantity
    order.dispatched_at = order.dispatched_at or at


def _tracked(rows: StreamRows, _: OrderStatusRow, event: e.TrackingUpdated, at: datetime) -> None:
    shipment = _shipment_of(rows, event.shipment_id)
    if shipment.tracked_at is None or event.at >= shipment.tracked_at:
        shipment.tracking_status, shipment.tracked_at = event.status, event.at


def _delivered(
    rows: StreamRows, order: OrderStatusRow, event: e.ShipmentDelivered, at: datetime
) -> None:
    shipment = _shipment_of(rows, event.shipment_id)
    _found(rows, order, shipment)
    shipment.status, shipment.delivered_at = "delivered", at
    _becomes(order, _work_of(rows, shipment.fulfilment_id, at), "closed")
    for number, quantity in shipment.lines.items():
        line_of(rows, int(number)).delivered += quantity
        order.units_delivered += quantity
    order.delivered_at = max(order.delivered_at or at, at)


def _returned(
    rows: StreamRows, order: OrderStatusRow, event: e.ShipmentReturnedToSender, at: datetime
) -> None:
    shipment = _shipment_of(rows, event.shipment_id)
    _found(rows, order, shipment)
    shipment.status = "returned_to_sender"
    _gone(rows, order, shipment, at)


def _found(rows: StreamRows, order: OrderStatusRow, shipment: ShipmentRow) -> None:
    """What was given up is not, if it was."""
    if shipment.status not in GIVEN_UP:
        return
    for number, quantity in shipment.lines.items():
        line_of(rows, int(number)).lost -= quantity
        order.units_lost -= quantity


def _lost(rows: StreamRows, order: OrderStatusRow, event: e.ShipmentLost, at: datetime) -> None:
    shipment = _shipment_of(rows, event.shipment_id)
    shipment.status = "lost"
    _gone(rows, order, shipment, at)


def _gone(rows: StreamRows, order: OrderStatusRow, shipment: ShipmentRow, at: datetime) -> None:
    _becomes(order, _work_of(rows, shipment.fulfilment_id, at), "closed")
    for number, quantity in shipment.lines.items():
        line_of(rows, int(number)).lost += quantity
        order.units_lost += quantity


FOLDS: Mapping[type, Fold] = {
    e.FulfilmentOrderOpened: _opened,
    e.FulfilmentOrderCancelled: _cancelled,
    e.PickStarted: _started,
    e.ItemsPicked: _picked,
    e.PickShort: _short,
    e.ShipmentPacked: _packed,
    e.PackVerified: _verified,
    e.ShipmentDispatched: _dispatched,
    e.TrackingUpdated: _tracked,
    e.ShipmentDelivered: _delivered,
    e.ShipmentReturnedToSender: _returned,
    e.ShipmentLost: _lost,
}
