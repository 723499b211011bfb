"""Money that came, and money that went back."""

from typing import Annotated

from fastapi import Query

from api.api_request import Asked
from api.fields import Amount, Body, Currency, Happened, Id, Moment, OrderId, Reason
from api.orders import get_order
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from commands.payment import RecordPayment, RecordRefund
from domain.errors import UnknownPayment
from projections.order_status import ORDER_STATUS, payment_by_id, payments_page
from projections.order_status_rows import PaymentRow

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


@routes.query("/payments", reads=ORDER_STATUS.name)
async def list_payments(
    asked: Asked,
    provider: Id | None = None,
    provider_ref: Id | None = None,
    currency: Currency | None = None,
    channel: Id | None = None,
    customer_id: Id | None = None,
    captured_from: Annotated[Moment | None, Query()] = None,
    captured_to: Annotated[Moment | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PaymentRow]:
    """Payments that fit all of what is given, the youngest first."""
    query = payments_page(
        provider=provider,
        provider_ref=provider_ref,
        currency=currency,
        channel=channel,
        customer_id=customer_id,
        captured_from=captured_from,
        captured_to=captured_to,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/orders/{order_id}/payments", reads=ORDER_STATUS.name)
async def list_order_payments(
    asked: Asked, order_id: OrderId, cursor: Cursor = None, limit: Limit = 50
) -> Page[PaymentRow]:
    """What was paid for the order, and what went back of it, the youngest first."""
    await get_order(asked, order_id)
    return await page_of(asked, payments_page(order_id=order_id, limit=limit), cursor)


@routes.query("/orders/{order_id}/payments/{payment_id}", reads=ORDER_STATUS.name)
async def get_payment(asked: Asked, order_id: OrderId, payment_id: Id) -> PaymentRow:
    """One payment, and what went back of it."""
    found = await asked.rows(payment_by_id(order_id, payment_id))
    if not found:
        raise UnknownPayment(order_id=order_id, payment_id=payment_id)
    payment: PaymentRow = found[0]
    return payment
