"""An order as its history tells it. Only `status` is guarded; all else is a fold over facts."""

from collections.abc import Callable
from typing import Any

from domain.decider import Decider
from domain.fast_init import maker
from domain.order import events as e
from domain.order.model import (
    FulfilmentOrder,
    Line,
    MoneyFact,
    Order,
    OrderException,
    Shipment,
    Work,
    money_key,
)

__all__ = ["ORDER", "FulfilmentOrder", "Line", "Order", "Shipment", "Work", "money_key"]

_line = maker(Line)


def _less(counts: dict[str, int], location: str, quantity: int) -> None:
    left = counts.get(location, 0) - quantity
    if left > 0:
        counts[location] = left
    else:
        counts.pop(location, None)


def _more(counts: dict[str, int], key: str, quantity: int) -> None:
    counts[key] = counts.get(key, 0) + quantity


def _placed(order: Order, event: e.OrderPlaced) -> None:
    order.status = "placed"
    order.channel, order.reference = event.channel, event.reference
    order.customer_id, order.country = event.customer_id, event.country
    order.currency, order.total = event.currency, event.totals.total
    order.payment_mode, order.shortage_policy = event.payment_mode, event.shortage_policy
    order.fingerprint, order.priority = event.fingerprint, event.priority
    order.placed_at = event.placed_at
    order.contacts = event.contacts or {}
    for line in event.lines:
        known = _line(line.line, line.sku, line.kind, line.quantity, line.total)
        known.unsourced = line.quantity if line.kind == "stock" else 0
        order.lines[line.line] = known


def _sourced(order: Order, event: e.SourcingDecided) -> None:
    for share in event.allocations:
        line = order.lines[share.line]
        line.unsourced -= share.quantity
        _more(line.allocated, share.location, share.quantity)
    for share in event.backorders:
        line = order.lines[share.line]
        line.unsourced -= share.quantity
        _more(line.backordered, share.location, share.quantity)


def _allocated(order: Order, event: e.LineAllocated) -> None:
    line = order.lines[event.line]
    _less(line.backordered, event.location, event.quantity)
    _more(line.allocated, event.location, event.quantity)


def _backordered(order: Order, event: e.LineBackordered) -> None:
    line = order.lines[event.line]
    _less(line.allocated, event.location, event.quantity)
    _more(line.backordered, event.location, event.quantity)
    _less_work(order, event.line, event.location)


def _unsourced(order: Order, event: e.LineUnsourced) -> None:
    line = order.lines[event.line]
    held = line.allocated if event.promise == "allocated" else line.backordered
    _less(held, event.location, event.quantity)
    line.unsourced += event.quantity


def _less_work(order: Order, line: int, location: str) -> None:
    """Nobody shall look for units that are promised no more. What was picked is there, though."""
    parts = [
        work.lines[line]
        for work in order.fulfilment_orders.values()
        if work.pending and work.location == location and line in work.lines
    ]
    excess = sum(part.held for part in parts) - order.lines[line].allocated.get(location, 0)
    for part in parts:
        cut = min(part.unpicked, max(0, excess))
        part.quantity -= cut
        excess -= cut


def _cancelled(order: Order, event: e.LineQuantityCancelled) -> None:
    line = order.lines[event.line]
    line.cancelled += event.quantity
    line.unsourced -= event.unsourced
    for share in event.allocated:
        _less(line.allocated, share.location, share.quantity)
    for share in event.backordered:
        _less(line.backordered, share.location, share.quantity)


def _reinstated(order: Order, event: e.LineReinstated) -> None:
    line = order.lines[event.line]
    line.cancelled -= event.quantity
    _more(line.allocated, event.location, event.quantity)


def _picked(order: Order, event: e.ItemsPicked) -> None:
    order.fulfilment_orders[event.fulfilment_id].lines[event.line].picked += event.quantity


def _short(order: Order, event: e.PickShort) -> None:
    work = order.fulfilment_orders[event.fulfilment_id]
    work.lines[event.line].short += event.quantity
    line = order.lines[event.line]
    _less(line.allocated, work.location, event.quantity)
    line.unsourced += event.quantity


def _packed(order: Order, event: e.ShipmentPacked) -> None:
    work = order.fulfilment_orders[event.fulfilment_id]
    for part in event.lines:
        work.lines[part.line].packed += part.quantity
    work.status = "packed"
    order.shipments[event.shipment_id] = Shipment(
        event.fulfilment_id, event.location, event.lines, event.packer
    )


def _dispatched(order: Order, event: e.ShipmentDispatched) -> None:
    shipment = order.shipments[event.shipment_id]
    shipment.status, shipment.dispatched_at = "dispatched", event.at
    order.fulfilment_orders[shipment.fulfilment_id].status = "dispatched"
    for part in event.lines:
        line = order.lines[part.line]
        line.shipped += part.quantity
        _less(line.allocated, event.location, part.quantity)


def _delivered(order: Order, event: e.ShipmentDelivered) -> None:
    shipment = order.shipments[event.shipment_id]
    if shipment.gone:
        _found(order, shipment)
    shipment.status = "delivered"
    order.fulfilment_orders[shipment.fulfilment_id].status = "closed"
    for part in shipment.lines:
        order.lines[part.line].delivered += part.quantity


def _found(order: Order, shipment: Shipment) -> None:
    """What was given up as lost or brought back is on its way, in truth."""
    for part in shipment.lines:
        order.lines[part.line].lost -= part.quantity


def _tracked(order: Order, event: e.TrackingUpdated) -> None:
    shipment = order.shipments[event.shipment_id]
    shipment.heard.add((event.status, event.at))
    if shipment.tracked_at is None or event.at >= shipment.tracked_at:
        shipment.tracking, shipment.tracked_at = event.status, event.at


def _money(order: Order, event: e.PaymentCaptured | e.RefundSucceeded) -> None:
    if isinstance(event, e.PaymentCaptured):
        kind, counts, refund_id = "captured", order.payments, None
    else:
        kind, counts, refund_id = "refunded", order.refunds, event.refund_id
    _more(counts, event.payment_id, event.amount)
    key = money_key(kind, event.provider, event.provider_ref)
    order.money_facts[key] = MoneyFact(event.payment_id, event.amount, refund_id)


def _confirmed(order: Order, _: e.OrderConfirmed) -> None:
    order.status = "confirmed"


def _rejected(order: Order, _: e.OrderRejected) -> None:
    order.status = "rejected"


def _expired(order: Order, _: e.OrderExpired) -> None:
    order.status = "expired"


def _order_cancelled(order: Order, _: e.OrderCancelled) -> None:
    order.status = "cancelled"


def _completed(order: Order, _: e.OrderCompleted) -> None:
    order.status = "completed"


def _held(order: Order, event: e.HoldPlaced) -> None:
    order.holds[event.hold_id] = event.reason


def _unheld(order: Order, event: e.HoldReleased) -> None:
    order.holds.pop(event.hold_id, None)


def _opened(order: Order, event: e.FulfilmentOrderOpened) -> None:
    order.fulfilment_orders[event.fulfilment_id] = FulfilmentOrder(
        event.location, "open", {part.line: Work(part.quantity) for part in event.lines}
    )


def _work_cancelled(order: Order, event: e.FulfilmentOrderCancelled) -> None:
    order.fulfilment_orders[event.fulfilment_id].status = "cancelled"


def _pick_started(order: Order, event: e.PickStarted) -> None:
    work = order.fulfilment_orders[event.fulfilment_id]
    work.status, work.picker = "picking", event.picker


def _verified(order: Order, event: e.PackVerified) -> None:
    order.shipments[event.shipment_id].verifier = event.verifier


def _returned(order: Order, event: e.ShipmentReturnedToSender) -> None:
    _gone(order, event.shipment_id, "returned_to_sender")


def _lost(order: Order, event: e.ShipmentLost) -> None:
    _gone(order, event.shipment_id, "lost")


def _gone(order: Order, shipment_id: str, status: str) -> None:
    shipment = order.shipments[shipment_id]
    if shipment.gone:
        _found(order, shipment)
    shipment.status = status
    order.fulfilment_orders[shipment.fulfilment_id].status = "closed"
    for part in shipment.lines:
        order.lines[part.line].lost += part.quantity


def _flagged(order: Order, event: e.OrderExceptionFlagged) -> None:
    order.exceptions[event.exception_id] = OrderException(event.kind, event.shipment_id)


def _looked_at(order: Order, event: e.OrderExceptionClosed) -> None:
    if event.exception_id in order.exceptions:
        order.exceptions[event.exception_id].open = False


FOLDS: dict[type, Callable[[Order, Any], None]] = {
    e.OrderPlaced: _placed,
    e.SourcingDecided: _sourced,
    e.LineAllocated: _allocated,
    e.LineBackordered: _backordered,
    e.LineUnsourced: _unsourced,
    e.LineQuantityCancelled: _cancelled,
    e.LineReinstated: _reinstated,
    e.OrderConfirmed: _confirmed,
    e.OrderRejected: _rejected,
    e.OrderExpired: _expired,
    e.OrderCancelled: _order_cancelled,
    e.OrderCompleted: _completed,
    e.HoldPlaced: _held,
    e.HoldReleased: _unheld,
    e.FulfilmentOrderOpened: _opened,
    e.FulfilmentOrderCancelled: _work_cancelled,
    e.PickStarted: _pick_started,
    e.ItemsPicked: _picked,
    e.PickShort: _short,
    e.ShipmentPacked: _packed,
    e.PackVerified: _verified,
    e.ShipmentDispatched: _dispatched,
    e.TrackingUpdated: _tracked,
    e.ShipmentDelivered: _delivered,
    e.ShipmentReturnedToSender: _returned,
    e.ShipmentLost: _lost,
    e.PaymentCaptured: _money,
    e.RefundSucceeded: _money,
    e.OrderExceptionFlagged: _flagged,
    e.OrderExceptionClosed: _looked_at,
}


def weight(order: Order) -> int:
    return 1_200 + 500 * len(order.lines)


ORDER = Decider(initial=maker(Order), folds=FOLDS, weight=weight)
