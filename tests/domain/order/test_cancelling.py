"""Which units can be taken back, and where they are taken from."""

from typing import Any

import pytest

from domain.errors import Invalid, UnknownLine, UnknownOrder, WrongStatus
from domain.order.cancelling import cancel_lines, cancel_order
from domain.order.events import FulfilmentOrderCancelled, OrderCancelled, PickShort
from domain.order.state import ORDER, Order
from domain.values import LineQuantity
from tests.domain.order.histories import (
    CONFIRMED,
    HELD,
    IN_PICK,
    IN_WORK,
    ON_ITS_WAY,
    PACKED,
    PICKING,
    PROMISED,
    cancelled,
    displaced,
    line,
    opened,
    part,
    picked,
    placed,
    share,
    sourced,
)
from tests.domain.specification import Outcome, given


def cancel(*history: object) -> Outcome:
    return given(ORDER, history).when(lambda order: cancel_order(order, "less"))


def less(*parts: LineQuantity, history: list[Any]) -> Outcome:
    def decide(order: Order) -> list[object]:
        return cancel_lines(order, parts, "less")

    return given(ORDER, history).when(decide)


def work_cancelled(reason: str) -> FulfilmentOrderCancelled:
    return FulfilmentOrderCancelled(fulfilment_id="F1", reason=reason)


ALL_GONE = cancelled(1, 4, allocated=(share(1, 4),))
CANCELLED = OrderCancelled(reason="less")


def test_an_order_is_cancelled_with_all_its_lines() -> None:
    cancel(*PROMISED).then(ALL_GONE, CANCELLED)
    cancel(*PROMISED, ALL_GONE, CANCELLED).then_nothing()


def test_charges_are_cancelled_with_the_goods() -> None:
    lines = [placed(line(1, 4), line(2, 1, kind="charge")), sourced(share(1, 4))]
    cancel(*lines).then(ALL_GONE, cancelled(2, 1), CANCELLED)


def test_a_hold_does_not_keep_an_order_from_being_cancelled() -> None:
    cancel(*PROMISED, HELD).then(ALL_GONE, CANCELLED)


@pytest.mark.parametrize("history", [IN_WORK, IN_PICK, [*IN_PICK, picked(1, 2)]])
def test_work_is_cancelled_with_its_order(history: list[object]) -> None:
    cancel(*history).then(work_cancelled("order-cancelled"), ALL_GONE, CANCELLED)


def test_what_is_packed_or_shipped_is_not_cancelled() -> None:
    cancel(*PACKED).then_refused(WrongStatus)
    cancel(*ON_ITS_WAY).then_refused(WrongStatus)
    less(part(1, 1), history=PACKED).then_refused(WrongStatus, line=1, cancellable=0)
    less(part(1, 1), history=ON_ITS_WAY).then_refused(WrongStatus, line=1, cancellable=0)


def test_nothing_of_an_unknown_order_is_cancelled() -> None:
    cancel().then_refused(UnknownOrder)
    less(part(1, 1), history=[]).then_refused(UnknownOrder)


def test_units_without_a_source_go_first_then_those_that_wait() -> None:
    history = [placed(line(1, 9)), sourced(share(1, 4), backorders=(share(1, 3),)), CONFIRMED]
    less(part(1, 1), history=history).then(cancelled(1, 1, unsourced=1))
    less(part(1, 4), history=history).then(cancelled(1, 4, unsourced=2, backordered=(share(1, 2),)))
    less(part(1, 6), history=history).then(
        cancelled(1, 6, unsourced=2, backordered=(share(1, 3),), allocated=(share(1, 1),))
    )


def test_units_are_taken_from_several_locations() -> None:
    history = [placed(), sourced(share(1, 1), share(1, 3, "YORK"))]
    less(part(1, 2), history=history).then(
        cancelled(1, 2, allocated=(share(1, 1), share(1, 1, "YORK")))
    )


def test_parts_of_one_line_add_up() -> None:
    less(part(1, 1), part(1, 2), history=PROMISED).then(cancelled(1, 3, allocated=(share(1, 3),)))
    less(part(1, 2), part(1, 3), history=PROMISED).then_refused(WrongStatus, cancellable=4)


def test_the_last_unit_cancels_the_order() -> None:
    less(part(1, 4), history=PROMISED).then(ALL_GONE, CANCELLED)
    less(part(1, 4), history=IN_WORK).then(work_cancelled("order-cancelled"), ALL_GONE, CANCELLED)


def test_charges_fall_with_the_last_goods() -> None:
    lines = [placed(line(1, 4), line(2, 2, kind="charge")), sourced(share(1, 4))]
    less(part(1, 4), history=lines).then(ALL_GONE, cancelled(2, 2), CANCELLED)
    less(part(2, 1), history=lines).then(cancelled(2, 1))
    less(part(2, 3), history=lines).then_refused(WrongStatus, cancellable=2)
    less(part(2, 2), history=[*lines, ALL_GONE]).then(cancelled(2, 2), CANCELLED)
    less(part(1, 4), part(2, 1), history=lines).then(ALL_GONE, cancelled(2, 2), CANCELLED)


def test_the_postage_of_goods_that_left_stays() -> None:
    lines = placed(line(1, 4), line(2, 2), line(3, 1, kind="charge"))
    left = [lines, sourced(share(1, 4), share(2, 2)), *ON_ITS_WAY[2:]]
    less(part(2, 2), history=left).then(cancelled(2, 2, allocated=(share(2, 2),)))


def test_an_order_of_charges_alone_loses_only_those_that_are_named() -> None:
    fees = [placed(line(1, 1, kind="charge"), line(2, 1, kind="charge"))]
    less(part(1, 1), history=fees).then(cancelled(1, 1))
    less(part(1, 1), part(2, 1), history=fees).then(cancelled(1, 1), cancelled(2, 1), CANCELLED)


def test_work_not_begun_is_taken_back_for_its_units() -> None:
    less(part(1, 1), history=IN_PICK).then(
        work_cancelled("lines-cancelled"), cancelled(1, 1, allocated=(share(1, 1),))
    )


def test_units_that_nobody_was_given_leave_the_work_alone() -> None:
    given_in_part = [*PROMISED, opened(part(1, 3))]
    less(part(1, 1), history=given_in_part).then(cancelled(1, 1, allocated=(share(1, 1),)))
    less(part(1, 2), history=given_in_part).then(
        work_cancelled("lines-cancelled"), cancelled(1, 2, allocated=(share(1, 2),))
    )


def test_work_of_other_lines_goes_on() -> None:
    two = [placed(line(1, 4), line(2, 1)), sourced(share(1, 4), share(2, 1, "YORK")), CONFIRMED]
    works = [opened(part(1, 4)), opened(part(2, 1), key="F2", location="YORK")]
    less(part(1, 1), history=[*two, *works]).then(
        work_cancelled("lines-cancelled"), cancelled(1, 1, allocated=(share(1, 1),))
    )


def test_work_that_was_begun_goes_on_beside_work_that_was_not() -> None:
    begun = [*PROMISED, opened(part(1, 2)), PICKING, picked(1, 2), opened(part(1, 2), key="F2")]
    less(part(1, 1), history=begun).then(
        FulfilmentOrderCancelled(fulfilment_id="F2", reason="lines-cancelled"),
        cancelled(1, 1, allocated=(share(1, 1),)),
    )


def test_what_is_picked_stays() -> None:
    less(part(1, 1), history=[*IN_PICK, picked(1, 1)]).then_refused(WrongStatus, cancellable=0)


def test_what_was_picked_and_then_lost_its_promise_stays_too() -> None:
    history = [*IN_PICK, picked(1, 4), displaced(1, 4)]
    less(part(1, 1), history=history).then_refused(WrongStatus, cancellable=0)
    unpicked = [*IN_PICK, picked(1, 1), displaced(1, 3)]
    less(part(1, 3), history=unpicked).then(cancelled(1, 3, backordered=(share(1, 3),)))


def test_what_was_short_can_go() -> None:
    history = [*IN_PICK, picked(1, 2), PickShort(fulfilment_id="F1", line=1, quantity=2)]
    less(part(1, 2), history=history).then(cancelled(1, 2, unsourced=2))


def test_bad_requests_are_named() -> None:
    less(part(2, 1), history=PROMISED).then_refused(UnknownLine, line=2)
    less(part(1, 0), history=PROMISED).then_refused(Invalid, field="lines.1.quantity")
    given(ORDER, PROMISED).when(lambda order: cancel_order(order, "")).then_refused(
        Invalid, field="reason"
    )


def test_a_cancelled_order_has_nothing_left() -> None:
    gone = [*IN_PICK, PICKING, ALL_GONE, CANCELLED]
    less(part(1, 1), history=gone).then_refused(WrongStatus, status="cancelled")
