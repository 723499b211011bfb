"""Money that came, and money that went back."""

from api.asked import Asked
from api.fields import Amount, Body, Currency, Id, OrderId, Reason
from api.routing import Routes
from commands.payment import RecordPayment, RecordRefund

routes = Routes("payments")


class PaymentBody(Body):
    """What the provider says was paid. A payment without an id gets one."""

    provider: Id
    provider_ref: Id
    amount: Amount
    currency: Currency
    payment_id: Id | None = None


class RefundBody(Body):
    """What the provider says was given back, of which payment, and why."""

    payment_id: Id
    provider: Id
    provider_ref: Id
    amount: Amount
    currency: Currency
    cause: Reason
    refund_id: Id | None = None


@routes.command("/orders/{order_id}/payments")
def record_payment(asked: Asked, order_id: OrderId, body: PaymentBody) -> RecordPayment:
    """Money of the customer reached the shop; the same (provider, provider_ref) is a repeat."""
    payment_id = body.payment_id or asked.derived_id("payment")
    return RecordPayment(order_id=order_id, **dict(body) | {"payment_id": payment_id})


@routes.command("/orders/{order_id}/refunds")
def record_refund(asked: Asked, order_id: OrderId, body: RefundBody) -> RecordRefund:
    """Money went back to the customer; this never moves stock."""
    refund_id = body.refund_id or asked.derived_id("refund")
    return RecordRefund(order_id=order_id, **dict(body) | {"refund_id": refund_id})
