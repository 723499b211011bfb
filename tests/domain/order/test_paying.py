"""Money that came and money that went back."""

from typing import Any

import pytest

from domain.errors import (
    AlreadyExists,
    CurrencyMismatch,
    Invalid,
    OverRefund,
    UnknownOrder,
    UnknownPayment,
)
from domain.order.events import OrderCancelled, OrderExceptionFlagged, RefundSucceeded
from domain.order.paying import payment_of, record_payment, record_refund, refund_of
from domain.order.state import ORDER
from tests.domain.order.histories import cancelled, captured, line, placed
from tests.domain.order.statuses import payment_status
from tests.domain.specification import Outcome, given

PAYMENT: dict[str, Any] = {
    "payment_id": "p1",
    "provider": "bank",
    "provider_ref": "r1",
    "amount": 400,
    "currency": "GBP",
}
REFUND: dict[str, Any] = {**PAYMENT, "refund_id": "x", "amount": 100, "cause": "less"}


def pay(*history: object, **more: Any) -> Outcome:
    return given(ORDER, history).when(lambda order: record_payment(order, **{**PAYMENT, **more}))


def refund(*history: object, **more: Any) -> Outcome:
    return given(ORDER, history).when(lambda order: record_refund(order, **{**REFUND, **more}))


def refunded(amount: int, ref: str = "r1") -> RefundSucceeded:
    return RefundSucceeded(**{**REFUND, "amount": amount, "provider_ref": ref})


def test_money_came() -> None:
    pay(placed()).then(captured(400))
    pay(placed(), OrderCancelled(reason="x")).then(
        captured(400), OrderExceptionFlagged(exception_id="X1", kind="paid-after-end")
    )
    pay().then_refused(UnknownOrder)


def test_one_fact_of_a_provider_counts_once() -> None:
    pay(placed(), captured(400)).then_nothing()
    pay(placed(), captured(400), payment_id="p2").then_refused(AlreadyExists, payment_id="p1")
    pay(placed(), captured(300), provider_ref="r2").then(captured(400, ref="r2"))


def test_another_amount_under_the_same_reference_is_refused_with_both() -> None:
    pay(placed(), captured(300)).then_refused(AlreadyExists, recorded=300, stated=400)
    refund(placed(), captured(400), refunded(50)).then_refused(
        AlreadyExists, recorded=50, stated=100
    )


def test_a_reference_tells_its_payment_or_refund() -> None:
    order = ORDER.fold([placed(), captured(400), refunded(50)])
    assert payment_of(order, "bank", "r1") == "p1"
    assert refund_of(order, "bank", "r1") == "x"
    assert payment_of(order, "bank", "r2") is refund_of(order, "bank", "r2") is None


def test_all_payments_of_an_order_have_a_limit_together() -> None:
    pay(placed(), captured(10**15), provider_ref="r2").then_refused(
        Invalid, field="amount", captured=10**15
    )


def test_a_capture_and_a_refund_may_share_a_reference() -> None:
    refund(placed(), captured(400)).then(refunded(100))


def test_references_are_not_mixed_up_with_providers() -> None:
    odd = {"provider": "bank'", "provider_ref": "r1"}
    pay(placed(), captured(400), **odd).accepted()
    assert pay(placed(), captured(400), **odd).events


def test_no_more_goes_back_than_came() -> None:
    refund(placed(), captured(400), amount=401).then_refused(
        OverRefund, field="amount", refundable=400
    )
    refund(placed(), captured(400), refunded(350, "r9"), amount=51).then_refused(
        OverRefund, refundable=50
    )
    refund(placed(), captured(400), refunded(350, "r9"), amount=50).then(refunded(50))


def test_one_payment_does_not_pay_back_another() -> None:
    two = [placed(), captured(100), captured(300, "p2", "r2")]
    refund(*two, amount=200).then_refused(OverRefund, refundable=100)


def test_a_refund_needs_its_payment() -> None:
    refund(placed()).then_refused(UnknownPayment, payment_id="p1")
    refund().then_refused(UnknownOrder)


def test_one_refund_counts_once() -> None:
    refund(placed(), captured(400), refunded(100)).then_nothing()


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", 0), ("amount", -1), ("amount", 10**16), ("provider", ""), ("provider_ref", "\0")],
)
def test_bad_money_is_named(field: str, value: Any) -> None:
    pay(placed(), **{field: value}).then_refused(Invalid, field=field)
    refund(placed(), captured(400), **{field: value}).then_refused(Invalid, field=field)


def test_ids_and_causes_are_words() -> None:
    pay(placed(), payment_id="").then_refused(Invalid, field="payment_id")
    refund(placed(), captured(400), refund_id="").then_refused(Invalid, field="refund_id")
    refund(placed(), captured(400), cause=" ").then_refused(Invalid, field="cause")


def test_another_currency_is_refused() -> None:
    pay(placed(), currency="EUR").then_refused(CurrencyMismatch, field="currency")


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ([], "none"),
        ([captured(399)], "partially_paid"),
        ([captured(400)], "paid"),
        ([captured(401)], "overpaid"),
        ([captured(400), refunded(1)], "partially_refunded"),
        ([captured(400), refunded(400)], "refunded"),
        ([cancelled(1, 1, unsourced=1), captured(300)], "paid"),
    ],
)
def test_the_payment_status_follows_the_facts(history: list[object], status: str) -> None:
    assert payment_status(ORDER.fold([placed(), *history])) == status


def test_where_nothing_is_due_nothing_needs_to_come() -> None:
    free = placed(line(1, 4, discount=400))
    assert payment_status(ORDER.fold([free])) == "paid"
    gone = [cancelled(1, 4, unsourced=4), OrderCancelled(reason="x")]
    assert payment_status(ORDER.fold([placed(), *gone])) == "none"


def test_an_order_on_account_says_so_until_it_is_paid() -> None:
    on_account = placed(payment_mode="on_account")
    assert payment_status(ORDER.fold([on_account])) == "on_account"
    assert payment_status(ORDER.fold([on_account, captured(400)])) == "paid"


def test_parts_of_a_line_never_lose_a_penny() -> None:
    odd = placed(line(1, 3, tax=100))
    order = ORDER.fold([odd, cancelled(1, 1, unsourced=1), cancelled(1, 1, unsourced=1)])
    assert order.owed == 400 - 400 * 2 // 3
    assert ORDER.fold([odd, cancelled(1, 3, unsourced=3)]).owed == 0
