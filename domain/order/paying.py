"""The money facts of an order, as far as others report them. They never move stock."""

from domain.errors import AlreadyExists, CurrencyMismatch, Invalid, OverRefund, UnknownPayment
from domain.order.events import PaymentCaptured, RefundSucceeded
from domain.order.exceptions import flagged
from domain.order.guards import check_known
from domain.order.model import OVER, MoneyFact
from domain.order.state import Order, money_key
from domain.values import MAX_AMOUNT, check_name, check_text

TOO_MUCH = "All payments of an order are together at most 10^15 minor units."


def record_payment(
    order: Order,
    *,
    payment_id: str,
    provider: str,
    provider_ref: str,
    amount: int,
    currency: str,
) -> list[object]:
    """Money came, whatever became of the order. A provider's reference counts once."""
    check_known(order)
    check_name(payment_id, "payment_id")
    _check_money(order, provider, provider_ref, amount, currency)
    key = money_key("captured", provider, provider_ref)
    if _known(order, key, MoneyFact(payment_id, amount)):
        return []
    if order.captured + amount > MAX_AMOUNT:
        raise Invalid(TOO_MUCH, field="amount", captured=order.captured)
    captured = PaymentCaptured(
        payment_id=payment_id,
        provider=provider,
        provider_ref=provider_ref,
        amount=amount,
        currency=currency,
    )
    return [captured, flagged(order, "paid-after-end")] if order.status in OVER else [captured]


def record_refund(
    order: Order,
    *,
    refund_id: str,
    payment_id: str,
    provider: str,
    provider_ref: str,
    amount: int,
    currency: str,
    cause: str,
) -> list[object]:
    """Money of one payment went back: never more than it brought."""
    check_known(order)
    check_name(refund_id, "refund_id")
    check_text(cause, "cause")
    _check_money(order, provider, provider_ref, amount, currency)
    if payment_id not in order.payments:
        raise UnknownPayment(payment_id=payment_id)
    key = money_key("refunded", provider, provider_ref)
    if _known(order, key, MoneyFact(payment_id, amount)):
        return []
    left = order.payments[payment_id] - order.refunds.get(payment_id, 0)
    if amount > left:
        raise OverRefund(field="amount", refundable=left)
    return [
        RefundSucceeded(
            refund_id=refund_id,
            payment_id=payment_id,
            provider=provider,
            provider_ref=provider_ref,
            amount=amount,
            currency=currency,
            cause=cause,
        )
    ]


def payment_of(order: Order, provider: str, provider_ref: str) -> str | None:
    """The payment that the provider told of under this reference."""
    known = order.money_facts.get(money_key("captured", provider, provider_ref))
    return known.payment_id if known else None


def refund_of(order: Order, provider: str, provider_ref: str) -> str | None:
    """The refund that the provider told of under this reference."""
    known = order.money_facts.get(money_key("refunded", provider, provider_ref))
    return known.refund_id if known else None


def _known(order: Order, key: str, wanted: MoneyFact) -> bool:
    """Whether this was told before. The same reference never stands for two facts."""
    known = order.money_facts.get(key)
    if known is None:
        return False
    if known.payment_id != wanted.payment_id:
        raise AlreadyExists("The provider named another payment here.", payment_id=known.payment_id)
    if known.amount != wanted.amount:
        raise AlreadyExists(
            f"The provider told another amount under this reference: {known.amount}, and now"
            f" {wanted.amount}.",
            recorded=known.amount,
            stated=wanted.amount,
        )
    return True


def _check_money(
    order: Order, provider: str, provider_ref: str, amount: int, currency: str
) -> None:
    check_name(provider, "provider")
    check_name(provider_ref, "provider_ref")
    if not 0 < amount <= MAX_AMOUNT:
        raise Invalid("An amount is 1 to 10^15 minor units.", field="amount")
    if currency != order.currency:
        raise CurrencyMismatch("The order has another currency.", field="currency")
