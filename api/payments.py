"""Money that came, and money that went back."""

from api.fields import Amount, Body, Currency, Happened, Id, OrderId, Reason
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
    at: Happened = None


class RefundBody(Body):
    """What the provider says was given back, of which payment, and why."""

    payment_id: Id
    provider: Id
    provider_ref: Id
    amount: Amount
    currency: Currency
    cause: Reason
    refund_id: Id | None = None
    at: Happened = None


@routes.command("/orders/{order_id}/payments")
def record_payment(order_id: OrderId, body: PaymentBody) -> RecordPayment:
    """Money of the customer reached the shop; the same (provider, provider_ref) is a repeat.

    The receipt names the payment.
    """
    return RecordPayment(order_id=order_id, **dict(body))


@routes.command("/orders/{order_id}/refunds")
def record_refund(order_id: OrderId, body: RefundBody) -> RecordRefund:
    """Money went back to the customer; this never moves stock. The receipt names the refund."""
    return RecordRefund(order_id=order_id, **dict(body))
