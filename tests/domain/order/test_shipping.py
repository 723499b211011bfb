"""Dispatch under every condition, and whatever the carrier says afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import (
    InsufficientStock,
    Invalid,
    OpenHold,
    UnknownOrder,
    UnknownShipment,
    WrongStatus,
)
from domain.order.events import (
    HoldReleased,
    LineAllocated,
    OrderExceptionFlagged,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentLost,
    ShipmentReturnedToSender,
    TrackingUpdated,
)
from domain.order.shipping import (
    confirm_delivery,
    dispatch,
    record_tracking,
    report_lost,
    report_returned,
)
from domain.order.state import ORDER, Order
from tests.domain.order.histories import (
    HELD,
    IN_PICK,
    ON_ITS_WAY,
    PACKED,
    VERIFIED,
    dispatched,
    displaced,
    packed,
    part,
    picked,
)
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import LATER, NOW, SOON

READY = [*PACKED, VERIFIED]
CLOCK = LATER + timedelta(hours=1)
NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001
DELIVERED = ShipmentDelivered(shipment_id="S1", at=NOW)
RETURNED = ShipmentReturnedToSender(shipment_id="S1", reason="x")
LOST = ShipmentLost(shipment_id="S1", reason="x")


def ask(history: list[Any], decide: Callable[[Order], list[object]]) -> Outcome:
    return given(ORDER, history).when(decide)


def leave(*history: object, forced: bool = False, **more: Any) -> Outcome:
    said = {"carrier": "post", "tracking": None, "at": NOW, "now": CLOCK, **more}
    return ask([*history], lambda order: dispatch(order, "S1", forced=forced, **said))


def track(history: list[Any], status: str, at: datetime = LATER) -> Outcome:
    return ask(history, lambda order: record_tracking(order, "S1", status, at, "Leeds", CLOCK))


def tracked(status: str, at: datetime = LATER) -> TrackingUpdated:
    return TrackingUpdated(shipment_id="S1", status=status, at=at, location="Leeds")


def test_a_verified_shipment_leaves_once() -> None:
    leave(*READY).then(dispatched(part(1, 4)))
    leave(*ON_ITS_WAY).then_nothing()
    leave(*READY, tracking="T1").then(
        ShipmentDispatched(
            shipment_id="S1",
            location="LEEDS",
            lines=(part(1, 4),),
            carrier="post",
            tracking="T1",
            at=NOW,
        )
    )


def test_nothing_leaves_under_an_open_hold() -> None:
    leave(*READY, HELD).then_refused(OpenHold, holds=["h1"])
    leave(*READY, HELD, forced=True).then_refused(OpenHold)
    leave(*READY, HELD, HoldReleased(hold_id="h1")).then(dispatched(part(1, 4)))


def test_nothing_leaves_unverified_or_unpacked() -> None:
    leave(*PACKED).then_refused(WrongStatus, shipment_id="S1")
    leave(*IN_PICK).then_refused(UnknownShipment, shipment_id="S1")
    leave().then_refused(UnknownOrder)


def test_bad_words_are_named() -> None:
    leave(*READY, carrier="").then_refused(Invalid, field="carrier")
    leave(*READY, tracking="\0").then_refused(Invalid, field="tracking")


def test_what_lost_its_promise_leaves_only_by_force() -> None:
    lost = [*IN_PICK, picked(1, 4), displaced(1, 3), packed(part(1, 4)), VERIFIED]
    leave(*lost).then_refused(InsufficientStock, available={"SKU1": 1})
    leave(*lost, forced=True).then(
        LineAllocated(line=1, location="LEEDS", quantity=3, cause="forced-dispatch"),
        dispatched(part(1, 4), forced=True),
        OrderExceptionFlagged(exception_id="X1", kind="forced-dispatch", shipment_id="S1"),
    )


def test_force_is_not_noted_where_none_was_needed() -> None:
    leave(*READY, forced=True).then(dispatched(part(1, 4)))


def test_the_carrier_is_heard_late_and_out_of_order() -> None:
    track(ON_ITS_WAY, "in transit").then(tracked("in transit"))
    track([*ON_ITS_WAY, tracked("in transit")], "collected", SOON).then(tracked("collected", SOON))
    track([*ON_ITS_WAY, DELIVERED], "out for delivery").then(tracked("out for delivery"))
    track(PACKED, "announced").then(tracked("announced"))


def test_the_carrier_is_heard_once() -> None:
    heard = [*ON_ITS_WAY, tracked("collected", SOON), tracked("in transit")]
    track(heard, "collected", SOON).then_nothing()
    track(heard, "in transit").then_nothing()
    track(heard, "in transit", CLOCK).then(tracked("in transit", CLOCK))


def test_late_words_never_rewind() -> None:
    late = [*ON_ITS_WAY, tracked("in transit"), DELIVERED, tracked("collected", SOON)]
    shipment = ORDER.fold(late).shipments["S1"]
    assert (shipment.status, shipment.tracking) == ("delivered", "in transit")


def test_tracking_has_words_and_a_zone() -> None:
    track(ON_ITS_WAY, "").then_refused(Invalid, field="status")
    track(ON_ITS_WAY, "x", NAIVE).then_refused(Invalid, field="at")
    track(IN_PICK, "x").then_refused(UnknownShipment)
    ask(ON_ITS_WAY, lambda o: record_tracking(o, "S1", "x", NOW, "", CLOCK)).then_refused(
        Invalid, field="location"
    )


def test_a_shipment_is_delivered_once() -> None:
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NOW, "signed", CLOCK)).then(
        ShipmentDelivered(shipment_id="S1", at=NOW, proof="signed")
    )
    ask(
        [*ON_ITS_WAY, DELIVERED], lambda o: confirm_delivery(o, "S1", LATER, None, CLOCK)
    ).then_nothing()
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NAIVE, None, CLOCK)).then_refused(
        Invalid, field="at"
    )
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NOW, "\0", CLOCK)).then_refused(
        Invalid, field="proof"
    )


def test_a_shipment_comes_back_or_is_lost_once() -> None:
    ask(ON_ITS_WAY, lambda o: report_returned(o, "S1", "x", NOW, CLOCK)).then(RETURNED)
    ask([*ON_ITS_WAY, RETURNED], lambda o: report_returned(o, "S1", "y", NOW, CLOCK)).then_nothing()
    ask(ON_ITS_WAY, lambda o: report_lost(o, "S1", "x", NOW, CLOCK)).then(LOST)
    ask([*ON_ITS_WAY, LOST], lambda o: report_lost(o, "S1", "y", NOW, CLOCK)).then_nothing()
    ask(ON_ITS_WAY, lambda o: report_lost(o, "S1", "", NOW, CLOCK)).then_refused(
        Invalid, field="reason"
    )
    ask(ON_ITS_WAY, lambda o: report_returned(o, "S1", "", NOW, CLOCK)).then_refused(
        Invalid, field="reason"
    )


ENDS: list[Callable[[Order], list[object]]] = [
    lambda o: confirm_delivery(o, "S1", NOW, None, CLOCK),
    lambda o: report_returned(o, "S1", "x", NOW, CLOCK),
    lambda o: report_lost(o, "S1", "x", NOW, CLOCK),
]


@pytest.mark.parametrize("end", range(3))
def test_a_shipment_that_ended_is_not_told_to_end_so_again(end: int) -> None:
    ask([*ON_ITS_WAY, *ENDS[end](ORDER.fold(ON_ITS_WAY))], ENDS[end]).then_nothing()


@pytest.mark.parametrize("end", range(3))
def test_only_what_left_can_arrive(end: int) -> None:
    ask(READY, ENDS[end]).then_refused(WrongStatus, status="packed")


def test_delivery_counts_units_and_closes_the_work() -> None:
    order = ORDER.fold([*ON_ITS_WAY, DELIVERED])
    assert (order.lines[1].delivered, order.lines[1].lost) == (4, 0)
    assert order.fulfilment_orders["F1"].status == "closed"
    gone = ORDER.fold([*ON_ITS_WAY, LOST])
    assert (gone.lines[1].delivered, gone.lines[1].lost) == (0, 4)
    assert gone.fulfilment_orders["F1"].status == "closed"


TOO_EARLY, TOO_LATE = NOW - timedelta(seconds=1), CLOCK + timedelta(seconds=1)
STATED: dict[str, Callable[[Order, datetime], list[object]]] = {
    "track": lambda o, at: record_tracking(o, "S1", "x", at, None, CLOCK),
    "deliver": lambda o, at: confirm_delivery(o, "S1", at, None, CLOCK),
    "return": lambda o, at: report_returned(o, "S1", "x", at, CLOCK),
    "lose": lambda o, at: report_lost(o, "S1", "x", at, CLOCK),
}


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("at", [TOO_EARLY, TOO_LATE, datetime.max.replace(tzinfo=UTC)])
def test_what_happened_lies_between_two_bounds_which_a_refusal_names(
    name: str, at: datetime
) -> None:
    ask(ON_ITS_WAY, lambda o: STATED[name](o, at)).then_refused(
        Invalid, field="at", earliest=NOW, latest=CLOCK
    )
    for bound in (NOW, CLOCK):
        assert STATED[name](ORDER.fold(ON_ITS_WAY), bound)


def test_nothing_arrives_before_it_left() -> None:
    left = [*READY, replace(dispatched(part(1, 4)), at=SOON)]
    ask(left, lambda o: confirm_delivery(o, "S1", NOW, None, CLOCK)).then_refused(
        Invalid, field="at", earliest=SOON, latest=CLOCK
    )
    ask(left, lambda o: record_tracking(o, "S1", "label", NOW, None, CLOCK)).accepted()


def test_of_an_old_dispatch_only_the_order_is_known_to_be_before() -> None:
    old = [*READY, replace(dispatched(part(1, 4)), at=None)]
    ask(old, lambda o: confirm_delivery(o, "S1", NOW, None, CLOCK)).accepted()
    ask(old, lambda o: confirm_delivery(o, "S1", TOO_EARLY, None, CLOCK)).then_refused(
        Invalid, earliest=NOW
    )


@pytest.mark.parametrize("at", [TOO_EARLY, TOO_LATE])
def test_a_dispatch_may_be_told_late_but_not_in_advance(at: datetime) -> None:
    leave(*READY, at=SOON).then(replace(dispatched(part(1, 4)), at=SOON))
    leave(*READY, at=at).then_refused(Invalid, field="at", earliest=NOW, latest=CLOCK)
