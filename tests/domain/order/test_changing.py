"""Accepting, refusing, holding, sourcing again and closing an order."""

from typing import Any

import pytest

from domain.errors import (
    AlreadyExists,
    Invalid,
    UnknownHold,
    UnknownOrder,
    WrongStatus,
)
from domain.order.changing import (
    complete,
    confirm,
    place_hold,
    reject,
    release_hold,
)
from domain.order.events import (
    HoldPlaced,
    HoldReleased,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderRejected,
    RefundSucceeded,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentReturnedToSender,
)
from domain.order.state import ORDER
from tests.domain.order.histories import (
    CONFIRMED,
    HELD,
    ON_ITS_WAY,
    PROMISED,
    cancelled,
    captured,
    line,
    placed,
    share,
    sourced,
)
from tests.domain.specification import Given, given
from tests.domain.stock.histories import NOW

PLACED = [placed(), sourced(share(1, 4))]
CANCELLED = [*PLACED, cancelled(1, 4, allocated=(share(1, 4),)), OrderCancelled(reason="x")]
DELIVERED = [*ON_ITS_WAY, ShipmentDelivered(shipment_id="S1", at=NOW)]


def order(*history: object) -> Given[Any]:
    return given(ORDER, history)


def test_a_placed_order_is_confirmed_once() -> None:
    order(*PLACED).when(confirm).then(OrderConfirmed())
    order(*PLACED, CONFIRMED).when(confirm).then_nothing()


@pytest.mark.parametrize("decide", [confirm, complete, lambda o: reject(o, "odd")])
def test_an_order_that_was_never_placed_is_unknown(decide: Any) -> None:
    order().when(decide).then_refused(UnknownOrder)


def test_a_cancelled_order_stays_so() -> None:
    order(*CANCELLED).when(confirm).then_refused(WrongStatus, status="cancelled")
    order(*CANCELLED).when(lambda o: reject(o, "x")).then_refused(WrongStatus)
    order(*CANCELLED).when(complete).then_refused(WrongStatus, status="cancelled")


def test_a_rejected_order_gives_everything_back() -> None:
    two = [placed(line(1, 4), line(2, 3)), sourced(share(1, 4), backorders=(share(2, 2),))]
    gone = [
        cancelled(1, 4, "odd", allocated=(share(1, 4),)),
        cancelled(2, 3, "odd", backordered=(share(2, 2),), unsourced=1),
        OrderRejected(reason="odd"),
    ]
    order(*two).when(lambda o: reject(o, "odd")).then(*gone)
    order(*two, *gone).when(lambda o: reject(o, "odd")).then_nothing()


def test_a_confirmed_order_is_not_rejected_any_more() -> None:
    order(*PROMISED).when(lambda o: reject(o, "odd")).then_refused(WrongStatus)
    order(*PLACED).when(lambda o: reject(o, " ")).then_refused(Invalid, field="reason")


def test_several_holds_stand_beside_each_other() -> None:
    order(*PLACED, HELD).when(lambda o: place_hold(o, "h2", "address", "order")).then(
        HoldPlaced(hold_id="h2", reason="address")
    )


def test_a_hold_is_placed_once() -> None:
    order(*PLACED, HELD).when(lambda o: place_hold(o, "h1", "fraud", "order")).then_nothing()
    order(*PLACED, HELD).when(lambda o: place_hold(o, "h1", "other", "order")).then_refused(
        AlreadyExists, hold_id="h1"
    )
    order(*CANCELLED).when(lambda o: place_hold(o, "h1", "x", "order")).then_refused(WrongStatus)
    order(*PLACED).when(lambda o: place_hold(o, "", "x", "order")).then_refused(
        Invalid, field="hold_id"
    )


def test_an_open_hold_is_released() -> None:
    order(*PLACED, HELD).when(lambda o: release_hold(o, "h1")).then(HoldReleased(hold_id="h1"))
    order(*PLACED).when(lambda o: release_hold(o, "h1")).then_refused(UnknownHold, hold_id="h1")


def test_a_delivered_and_paid_order_is_completed_once() -> None:
    order(*DELIVERED, captured(400)).when(complete).then(OrderCompleted())
    order(*DELIVERED, captured(400), OrderCompleted()).when(complete).then_nothing()


def test_an_order_on_its_way_is_not_complete() -> None:
    order(*ON_ITS_WAY, captured(400)).when(complete).then_refused(WrongStatus, lines=[1])
    order(*PLACED).when(complete).then_refused(WrongStatus, status="placed")


def test_an_unpaid_order_is_complete_on_account_only() -> None:
    order(*DELIVERED, captured(399)).when(complete).then_refused(WrongStatus, owed=1)
    on_account = [placed(payment_mode="on_account"), *DELIVERED[1:]]
    order(*on_account).when(complete).then(OrderCompleted())


@pytest.mark.parametrize(
    "end",
    [
        ShipmentLost(shipment_id="S1", reason="sea"),
        ShipmentReturnedToSender(shipment_id="S1", reason="moved"),
    ],
)
def test_what_never_arrived_is_not_owed(end: object) -> None:
    order(*ON_ITS_WAY, end).when(complete).then(OrderCompleted())


def test_a_goodwill_refund_makes_no_new_debt() -> None:
    refund = RefundSucceeded(
        refund_id="x",
        payment_id="p1",
        provider="bank",
        provider_ref="r2",
        amount=100,
        currency="GBP",
        cause="goodwill",
    )
    order(*DELIVERED, captured(400), refund).when(complete).then(OrderCompleted())
    order(*DELIVERED, captured(399), refund).when(complete).then_refused(WrongStatus, owed=1)


def test_charges_alone_need_only_be_paid() -> None:
    fee = [placed(line(1, 1, kind="charge")), CONFIRMED]
    order(*fee, captured(100)).when(complete).then(OrderCompleted())
    order(*fee).when(complete).then_refused(WrongStatus, owed=100)
