"""How the facts of an order change its rows, those of the warehouse apart."""

from collections.abc import Mapping
from datetime import datetime

from domain.order import events as e
from projections import order_status_work
from projections.amounts import part_of
from projections.order_status_rows import OrderStatusRow, PaymentRow
from projections.order_status_work import Fold, line_of, promise, shrink_work
from projections.projection import StreamRows
from projections.rows import known


def _sourced(
    rows: StreamRows, order: OrderStatusRow, event: e.SourcingDecided, at: datetime
) -> None:
    for share in event.allocations:
        line = line_of(rows, share.line)
        line.unsourced -= share.quantity
        promise(line, share.location, share.quantity)
        order.units_unsourced -= share.quantity
        order.units_allocated += share.quantity
    for share in event.backorders:
        line = line_of(rows, share.line)
        line.unsourced -= share.quantity
        line.backordered += share.quantity
        order.units_unsourced -= share.quantity
        order.units_backordered += share.quantity


def _allocated(
    rows: StreamRows, order: OrderStatusRow, event: e.LineAllocated, at: datetime
) -> None:
    line = line_of(rows, event.line)
    line.backordered -= event.quantity
    promise(line, event.location, event.quantity)
    order.units_backordered -= event.quantity
    order.units_allocated += event.quantity


def _backordered(
    rows: StreamRows, order: OrderStatusRow, event: e.LineBackordered, at: datetime
) -> None:
    line = line_of(rows, event.line)
    line.backordered += event.quantity
    promise(line, event.location, -event.quantity)
    order.units_backordered += event.quantity
    order.units_allocated -= event.quantity
    shrink_work(rows, line, event.location)


def _unsourced(
    rows: StreamRows, order: OrderStatusRow, event: e.LineUnsourced, at: datetime
) -> None:
    line = line_of(rows, event.line)
    if event.promise == "allocated":
        promise(line, event.location, -event.quantity)
        order.units_allocated -= event.quantity
    else:
        line.backordered -= event.quantity
        order.units_backordered -= event.quantity
    line.unsourced += event.quantity
    order.units_unsourced += event.quantity


def _units_cancelled(
    rows: StreamRows, order: OrderStatusRow, event: e.LineQuantityCancelled, at: datetime
) -> None:
    line = line_of(rows, event.line)
    order.cancelled_amount += part_of(line.total, line.ordered, line.cancelled, event.quantity)
    line.cancelled += event.quantity
    if line.kind != "stock":
        return
    order.units_cancelled += event.quantity
    line.unsourced -= event.unsourced
    order.units_unsourced -= event.unsourced
    for share in event.allocated:
        promise(line, share.location, -share.quantity)
        order.units_allocated -= share.quantity
    for share in event.backordered:
        line.backordered -= share.quantity
        order.units_backordered -= share.quantity


def _reinstated(
    rows: StreamRows, order: OrderStatusRow, event: e.LineReinstated, at: datetime
) -> None:
    line = line_of(rows, event.line)
    line.cancelled -= event.quantity
    order.cancelled_amount -= part_of(line.total, line.ordered, line.cancelled, event.quantity)
    promise(line, event.location, event.quantity)
    order.units_cancelled -= event.quantity
    order.units_allocated += event.quantity


def _confirmed(_: StreamRows, order: OrderStatusRow, event: object, at: datetime) -> None:
    order.status, order.confirmed_at = "confirmed", at


def _rejected(_: StreamRows, order: OrderStatusRow, event: object, at: datetime) -> None:
    order.status, order.cancelled_at = "rejected", at


def _expired(_: StreamRows, order: OrderStatusRow, event: object, at: datetime) -> None:
    order.status, order.cancelled_at = "expired", at


def _cancelled(_: StreamRows, order: OrderStatusRow, event: object, at: datetime) -> None:
    order.status, order.cancelled_at = "cancelled", at


def _completed(_: StreamRows, order: OrderStatusRow, event: object, at: datetime) -> None:
    order.status, order.completed_at = "completed", at


def _held(_: StreamRows, order: OrderStatusRow, event: e.HoldPlaced, at: datetime) -> None:
    order.hold_reasons[event.hold_id] = event.reason
    order.holds, order.on_hold = len(order.hold_reasons), True


def _unheld(_: StreamRows, order: OrderStatusRow, event: e.HoldReleased, at: datetime) -> None:
    order.hold_reasons.pop(event.hold_id, None)
    order.holds, order.on_hold = len(order.hold_reasons), bool(order.hold_reasons)


def _captured(
    rows: StreamRows, order: OrderStatusRow, event: e.PaymentCaptured, at: datetime
) -> None:
    order.captured += event.amount
    payment = rows.get(PaymentRow, event.payment_id) or _first_captured(order, event, at)
    payment.captured += event.amount
    payment.captures.append(
        {"provider_ref": event.provider_ref, "amount": event.amount, "at": at.isoformat()}
    )
    payment.updated_at = at
    rows.put(payment)


def _first_captured(order: OrderStatusRow, event: e.PaymentCaptured, at: datetime) -> PaymentRow:
    return PaymentRow(
        order_id=order.order_id,
        payment_id=event.payment_id,
        channel=order.channel,
        country=order.country,
        customer_id=order.customer_id,
        currency=event.currency,
        provider=event.provider,
        provider_ref=event.provider_ref,
        captured_at=at,
        updated_at=at,
    )


def _refunded(
    rows: StreamRows, order: OrderStatusRow, event: e.RefundSucceeded, at: datetime
) -> None:
    order.refunded += event.amount
    payment = known(rows.get(PaymentRow, event.payment_id))
    payment.refunded += event.amount
    refund = {"refund_id": event.refund_id, "provider_ref": event.provider_ref}
    told = {"amount": event.amount, "cause": event.cause, "at": at.isoformat()}
    payment.refunds.append(refund | told)
    payment.updated_at = at
    rows.put(payment)


def _flagged(
    _: StreamRows, order: OrderStatusRow, event: e.OrderExceptionFlagged, at: datetime
) -> None:
    order.exceptions[event.exception_id] = {
        "kind": event.kind,
        "shipment_id": event.shipment_id,
        "since": at.isoformat(),
    }
    order.open_exceptions = len(order.exceptions)


def _looked_at(
    _: StreamRows, order: OrderStatusRow, event: e.OrderExceptionClosed, at: datetime
) -> None:
    order.exceptions.pop(event.exception_id, None)
    order.open_exceptions = len(order.exceptions)


FOLDS: Mapping[type, Fold] = {
    e.SourcingDecided: _sourced,
    e.LineAllocated: _allocated,
    e.LineBackordered: _backordered,
    e.LineUnsourced: _unsourced,
    e.LineQuantityCancelled: _units_cancelled,
    e.LineReinstated: _reinstated,
    e.OrderConfirmed: _confirmed,
    e.OrderRejected: _rejected,
    e.OrderExpired: _expired,
    e.OrderCancelled: _cancelled,
    e.OrderCompleted: _completed,
    e.HoldPlaced: _held,
    e.HoldReleased: _unheld,
    e.PaymentCaptured: _captured,
    e.RefundSucceeded: _refunded,
    e.OrderExceptionFlagged: _flagged,
    e.OrderExceptionClosed: _looked_at,
    **order_status_work.FOLDS,
}
