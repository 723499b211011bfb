"""What an order's statuses must be: folds of its own state, that read models are held against."""

from domain.order.model import OVER
from domain.order.state import Order


def fulfilment_status(order: Order) -> str:
    """How far its goods have come. An order of charges alone has nothing to wait for."""
    goods = [line for line in order.lines.values() if line.kind == "stock"]
    demand = sum(line.demand for line in goods)
    delivered = sum(line.delivered for line in goods)
    if delivered:
        return "delivered" if delivered >= demand else "partially_delivered"
    shipped = sum(line.shipped for line in goods)
    if shipped:
        return "shipped" if shipped >= demand else "partially_shipped"
    if order.status in OVER or (goods and not demand):
        return "cancelled"
    return _before_dispatch(order) if goods else "delivered"


def _before_dispatch(order: Order) -> str:
    if order.holds:
        return "on_hold"
    if any(work.status in ("picking", "packed") for work in order.fulfilment_orders.values()):
        return "in_progress"
    if any(line.backordered for line in order.lines.values()):
        return "backordered"
    return "unfulfilled"


def payment_status(order: Order) -> str:
    """How its money stands. A refund shows, even where it makes good for a cancellation."""
    captured = sum(order.payments.values())
    refunded = sum(order.refunds.values())
    if refunded:
        return "refunded" if refunded >= captured else "partially_refunded"
    if not captured:
        return _unpaid(order)
    if captured == order.owed:
        return "paid"
    return "partially_paid" if captured < order.owed else "overpaid"


def _unpaid(order: Order) -> str:
    """Where nothing is due, nothing needs to come."""
    if not order.owed and order.status not in OVER:
        return "paid"
    return "on_account" if order.payment_mode == "on_account" else "none"
