"""What may be asked of an order's money."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Receipt, Streams, derived_id
from commands.on_order import decided, needs_order, stream_of
from domain.order import paying
from domain.order.state import ORDER, Order
from domain.values import check_happened


@dataclass(slots=True, kw_only=True)
class RecordPayment:
    """Money of the customer reached the shop; the same (provider, ref) twice is a repeat.

    A payment without an id gets one. `at` says when the money came, which may be before its order.
    """

    order_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    payment_id: str | None = None
    at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class RecordRefund:
    """Money went back to the customer. A refund without an id gets one."""

    order_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    cause: str
    refund_id: str | None = None
    at: datetime | None = None


def record_payment(
    command: RecordPayment, streams: Streams, context: Context, now: datetime
) -> Receipt:
    known = paying.payment_of(_order(command, streams), command.provider, command.provider_ref)
    payment_id = command.payment_id or known or derived_id(context, "payment")

    def decide(order: Order) -> list[object]:
        _check_time(command, now)
        return paying.record_payment(
            order,
            payment_id=payment_id,
            provider=command.provider,
            provider_ref=command.provider_ref,
            amount=command.amount,
            currency=command.currency,
        )

    receipt = decided(command, streams, now, "paid", decide, at=command.at)
    receipt.details["payment_id"] = payment_id
    return receipt


def record_refund(
    command: RecordRefund, streams: Streams, context: Context, now: datetime
) -> Receipt:
    known = paying.refund_of(_order(command, streams), command.provider, command.provider_ref)
    refund_id = command.refund_id or known or derived_id(context, "refund")

    def decide(order: Order) -> list[object]:
        _check_time(command, now)
        return paying.record_refund(
            order,
            refund_id=refund_id,
            payment_id=command.payment_id,
            provider=command.provider,
            provider_ref=command.provider_ref,
            amount=command.amount,
            currency=command.currency,
            cause=command.cause,
        )

    receipt = decided(command, streams, now, "refunded", decide, at=command.at)
    receipt.details |= {"payment_id": command.payment_id, "refund_id": refund_id}
    return receipt


def _order(command: RecordPayment | RecordRefund, streams: Streams) -> Order:
    return streams.state(ORDER, stream_of(command))


def _check_time(command: RecordPayment | RecordRefund, now: datetime) -> None:
    if command.at is not None:
        check_happened(command.at, "at", since=None, now=now)


HANDLERS: Handlers = {
    RecordPayment: Handling(record_payment, needs_order, stream_of),
    RecordRefund: Handling(record_refund, needs_order, stream_of),
}
