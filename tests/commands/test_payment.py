"""Money facts, and what their receipts tell."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from commands.handling import explained
from commands.order import CancelOrder, PlaceHold, RequestedLine
from commands.payment import RecordPayment, RecordRefund
from commands.stock import ReserveStock
from domain.errors import AlreadyExists, Invalid, UnknownSku
from domain.order.events import PaymentCaptured, RefundSucceeded
from domain.values import named_uuid
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.shop import ORDER_ID, an_order, ask, lamps, refused, trade
from tests.domain.stock.histories import NOW

MONEY: dict[str, Any] = {"order_id": ORDER_ID, "provider": "bank", "currency": "GBP"}
PAID = RecordPayment(**MONEY, provider_ref="c1", amount=100)
DERIVED = str(named_uuid(CONTEXT.command_id, "payment"))
OTHER = replace(CONTEXT, command_id=UUID(int=2))


def shop() -> MemoryLog:
    log = trade(LEEDS=5)
    ask(log, an_order(1))
    return log


def test_receipts_tell_the_ids_that_were_made() -> None:
    log = shop()
    assert ask(log, PAID).details == {"payment_id": DERIVED}
    back = RecordRefund(**MONEY, payment_id=DERIVED, provider_ref="r1", amount=10, cause="goodwill")
    refund_id = str(named_uuid(CONTEXT.command_id, "refund"))
    assert ask(log, back).details == {"payment_id": DERIVED, "refund_id": refund_id}
    held = ask(log, PlaceHold(order_id=ORDER_ID, reason="odd"))
    assert held.details == {"hold_id": str(named_uuid(CONTEXT.command_id, "hold"))}


def test_the_same_reference_without_own_ids_is_a_repeat() -> None:
    log = shop()
    ask(log, PAID)
    again = log.handle(PAID, OTHER, NOW)
    assert (again.changed, again.details) == (False, {"payment_id": DERIVED})


def test_the_same_reference_with_another_amount_is_refused_with_both() -> None:
    log = shop()
    ask(log, PAID)
    refused(log, replace(PAID, amount=99), AlreadyExists, recorded=100, stated=99)
    refused(log, replace(PAID, payment_id="mine"), AlreadyExists, payment_id=DERIVED)


def test_money_may_come_before_its_order_but_not_tomorrow() -> None:
    log = shop()
    ask(log, replace(PAID, at=NOW - timedelta(seconds=5)))
    assert log.time_of(PaymentCaptured) == NOW - timedelta(seconds=5)
    late = replace(PAID, provider_ref="c2", at=NOW + timedelta(seconds=1))
    refused(log, late, Invalid, field="at", latest=NOW)


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_refund_has_its_time(seconds: int) -> None:
    log = shop()
    ask(log, PAID)
    at = NOW - timedelta(seconds=seconds)
    back = RecordRefund(**MONEY, payment_id=DERIVED, provider_ref="r1", amount=10, cause="x", at=at)
    ask(log, back)
    assert log.time_of(RefundSucceeded) == at


def test_a_reservation_without_an_id_gets_one() -> None:
    held = ReserveStock(
        location="LEEDS", sku="lamp", owner="cart", quantity=1, expires_at=NOW + timedelta(hours=1)
    )
    made = str(named_uuid(CONTEXT.command_id, "reservation"))
    assert ask(trade(LEEDS=5), held).details == {"reservation_id": made}


@pytest.mark.parametrize("policy", ["reject", "partial", "backorder"])
def test_an_unknown_sku_is_called_one(policy: Any) -> None:
    strange = RequestedLine(sku="lampe", quantity=1, unit_price=100)
    wanted = an_order(1, lines=(*lamps(1), strange), shortage_policy=policy)
    refused(trade(LEEDS=5), wanted, UnknownSku, field="lines.2.sku", sku="lampe")


def test_a_reason_is_the_callers_or_the_commands() -> None:
    refund = RecordRefund(**MONEY, payment_id="p", provider_ref="r", amount=1, cause="goodwill")
    assert explained(CONTEXT, refund).reason == "goodwill"
    assert explained(replace(CONTEXT, reason="by phone"), refund).reason == "by phone"
    assert explained(CONTEXT, CancelOrder(order_id=ORDER_ID, reason="less")).reason == "less"
    assert explained(CONTEXT, PAID) == CONTEXT
