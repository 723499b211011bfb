"""How orders end by policy and against it: expired, kept until paid, shipped though cancelled."""

from datetime import timedelta
from typing import Any

from commands.fulfilment import ConfirmDelivery, DispatchCancelled
from commands.order import CancelLines, CancelOrder, CloseOrderException, CompleteOrder, ExpireOrder
from commands.payment import RecordPayment, RecordRefund
from commands.policy import SetOrderPolicy
from commands.stock import SetStockPolicy
from domain.errors import UnknownLine, UnknownStockItem, Unpaid, WrongStatus
from domain.order import events as e
from domain.order.state import ORDER
from domain.stock.events import StockAllocationReleased, StockShipped
from domain.stock.state import STOCK_ITEM
from domain.values import LineQuantity
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.shop import (
    LEEDS,
    ORDER_ID,
    STREAM,
    YORK,
    an_order,
    ask,
    order_of,
    refused,
    trade,
    written,
)
from tests.commands.test_fulfilment import DISPATCH, PARCEL, in_pick, ready
from tests.domain.stock.histories import NOW

HOUR = timedelta(hours=1)
EXPIRE = ExpireOrder(order_id=ORDER_ID)
EXPIRING = SetOrderPolicy(expire_unpaid_after=3_600)


def pay(amount: int, ref: str = "c1") -> RecordPayment:
    return RecordPayment(
        order_id=ORDER_ID, provider="bank", provider_ref=ref, amount=amount, currency="GBP"
    )


def shop(**more: Any) -> MemoryLog:
    log = trade(LEEDS=5)
    ask(log, an_order(3, **more))
    return log


def expire(log: MemoryLog, after: timedelta = HOUR) -> None:
    assert log.handle(EXPIRE, CONTEXT, NOW + after).outcome == "expired"


def test_an_unpaid_order_expires_by_policy_and_frees_its_stock() -> None:
    log = shop()
    refused(log, EXPIRE, WrongStatus)
    ask(log, EXPIRING)
    refused(log, EXPIRE, WrongStatus, due=NOW + HOUR)
    expire(log)
    assert order_of(log).status == "expired"
    assert log.events(STREAM)[-1] == e.OrderExpired(unpaid_since=NOW)
    assert isinstance(log.events(LEEDS)[-1], StockAllocationReleased)
    assert not log.handle(EXPIRE, CONTEXT, NOW + HOUR).changed


def test_what_is_freed_serves_who_waits() -> None:
    log = trade(LEEDS=3)
    ask(log, EXPIRING)
    ask(log, an_order(3))
    ask(log, SetStockPolicy(location="LEEDS", sku="lamp", backorder_limit=None))
    ask(log, an_order(2, order_id="o2", reference="R2", shortage_policy="backorder"))
    expire(log)
    waited = log.state(ORDER, "order-o2").lines[1]
    assert (waited.allocated, waited.backordered) == ({"LEEDS": 2}, {})


def test_only_what_is_to_be_paid_in_advance_expires() -> None:
    for more in ({"payment_mode": "on_account"}, {"payment_mode": "cash_on_delivery"}):
        log = shop(**more)
        ask(log, EXPIRING)
        refused(log, EXPIRE, WrongStatus)
    log = shop()
    ask(log, EXPIRING)
    ask(log, pay(1))
    refused(log, EXPIRE, WrongStatus)


def test_money_for_an_order_that_is_over_is_taken_and_listed() -> None:
    log = shop()
    ask(log, EXPIRING)
    expire(log)
    log.handle(pay(300), CONTEXT, NOW + HOUR)
    *_, captured, flagged = log.events(STREAM)
    assert isinstance(captured, e.PaymentCaptured)
    assert flagged == e.OrderExceptionFlagged(exception_id="X1", kind="paid-after-end")


def test_a_prepaid_order_leaves_when_it_is_paid_if_the_shop_wants_that() -> None:
    log = ready(in_pick(trade(LEEDS=3), 3), 3)
    ask(log, SetOrderPolicy(dispatch_needs_payment=True))
    refused(log, DISPATCH, Unpaid, owed=300, captured=0)
    ask(log, pay(299))
    refused(log, DISPATCH, Unpaid, captured=299)
    ask(log, pay(1, "c2"))
    assert ask(log, DISPATCH).changed


def test_without_that_policy_it_leaves_unpaid() -> None:
    assert ask(ready(in_pick(trade(LEEDS=3), 3), 3), DISPATCH).changed


def test_an_order_on_account_leaves_unpaid_under_that_policy() -> None:
    log = ready(in_pick(trade(LEEDS=3), 3, payment_mode="on_account"), 3)
    ask(log, SetOrderPolicy(dispatch_needs_payment=True))
    assert ask(log, DISPATCH).changed


def anyway(quantity: int, location: str = "LEEDS", line: int = 1) -> DispatchCancelled:
    return DispatchCancelled(
        order_id=ORDER_ID,
        location=location,
        lines=(LineQuantity(line=line, quantity=quantity),),
        carrier="post",
    )


def cancelled_shop() -> MemoryLog:
    log = trade(LEEDS=5, YORK=1)
    ask(log, an_order(3))
    ask(log, CancelOrder(order_id=ORDER_ID, reason="x"))
    return log


def test_a_cancelled_order_that_was_shipped_leaves_the_books() -> None:
    log = cancelled_shop()
    receipt = ask(log, anyway(3))
    assert receipt.details == {"shipment_id": "S1", "exception_id": "X1"}
    assert log.state(STOCK_ITEM, LEEDS).on_hand == 2
    shipped = StockShipped(order_id=ORDER_ID, line=1, quantity=3, shipment_id="S1", forced=True)
    assert shipped in log.events(LEEDS)
    assert order_of(log).lines[1].cancelled == 0
    assert ask(log, ConfirmDelivery(**PARCEL)).changed
    closing = CloseOrderException(order_id=ORDER_ID, exception_id="X1", reason="sent back")
    assert written(log, closing) == [
        (STREAM, e.OrderExceptionClosed(exception_id="X1", reason="sent back"))
    ]


def test_what_was_shipped_anyway_displaces_whom_it_was_promised_to() -> None:
    log = cancelled_shop()
    ask(log, an_order(4, order_id="o2", reference="R2", preferred_location="LEEDS"))
    ask(log, anyway(3))
    waits = log.state(ORDER, "order-o2").lines[1]
    assert (waits.allocated, waits.backordered) == ({"LEEDS": 2}, {"LEEDS": 2})


def test_more_than_the_books_have_may_have_left() -> None:
    log = cancelled_shop()
    ask(log, anyway(3, "YORK"))
    assert log.state(STOCK_ITEM, YORK).on_hand == -2


def test_nothing_leaves_where_it_was_never_kept() -> None:
    log = cancelled_shop()
    refused(log, anyway(3, "PARIS"), UnknownStockItem, location="PARIS", sku="lamp")
    refused(log, anyway(1, line=7), UnknownLine, line=7)
    refused(log, anyway(4), WrongStatus, cancelled=3)


def test_a_delivered_order_with_goodwill_is_completed() -> None:
    log = ready(in_pick(trade(LEEDS=3), 3), 3)
    ask(log, pay(300))
    ask(log, DISPATCH)
    ask(log, ConfirmDelivery(**PARCEL))
    ask(
        log,
        RecordRefund(
            order_id=ORDER_ID,
            payment_id=next(iter(order_of(log).payments)),
            provider="bank",
            provider_ref="g1",
            amount=50,
            currency="GBP",
            cause="goodwill",
        ),
    )
    assert ask(log, CompleteOrder(order_id=ORDER_ID)).changed


def test_what_left_anyway_leaves_the_other_promises_of_its_line_alone() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(4))
    less = (LineQuantity(line=1, quantity=2),)
    ask(log, CancelLines(order_id=ORDER_ID, lines=less, reason="x"))
    ask(log, anyway(2))
    line = order_of(log).lines[1]
    assert (line.allocated, line.shipped, line.cancelled) == ({"LEEDS": 2}, 2, 0)
    assert log.state(STOCK_ITEM, LEEDS).allocations == {f"{ORDER_ID}/1": 2}
