"""What may be asked of an order's money."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Receipt, Streams
from commands.on_order import decided, needs_order, stream_of
from domain.order import paying
from domain.order.state import Order


@dataclass(slots=True, kw_only=True)
class RecordPayment:
    """Money of the customer reached the shop; the same (provider, ref) twice is a repeat."""

    order_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str


@dataclass(slots=True, kw_only=True)
class RecordRefund:
    """Money went back to the customer."""

    order_id: str
    refund_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    cause: str


def record_payment(
    command: RecordPayment, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return paying.record_payment(
            order,
            payment_id=command.payment_id,
            provider=command.provider,
            provider_ref=command.provider_ref,
            amount=command.amount,
            currency=command.currency,
        )

    return decided(command, streams, now, "paid", decide)


def record_refund(
    command: RecordRefund, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return paying.record_refund(
            order,
            refund_id=command.refund_id,
            payment_id=command.payment_id,
            provider=command.provider,
            provider_ref=command.provider_ref,
            amount=command.amount,
            currency=command.currency,
            cause=command.cause,
        )

    return decided(command, streams, now, "refunded", decide)


HANDLERS: Handlers = {
    RecordPayment: Handling(record_payment, needs_order, stream_of),
    RecordRefund: Handling(record_refund, needs_order, stream_of),
}
