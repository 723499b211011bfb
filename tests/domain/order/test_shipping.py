"""Dispatch under every condition, and whatever the carrier says afterwards."""

from collections.abc import Callable
from datetime import datetime
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
from tests.domain.stock.histories import BEFORE, LATER, NOW

READY = [*PACKED, VERIFIED]
NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001
DELIVERED = ShipmentDelivered(shipment_id="S1", at=NOW)
RETURNED = ShipmentReturnedToSender(shipment_id="S1", reason="x")
LOST = ShipmentLost(shipment_id="S1", reason="x")


def ask(history: list[Any], decide: Callable[[Order], list[object]]) -> Outcome:
    return given(ORDER, history).when(decide)


def leave(*history: object, forced: bool = False, **more: Any) -> Outcome:
    said = {"carrier": "post", "tracking": None, **more}
    return ask([*history], lambda order: dispatch(order, "S1", forced=forced, **said))


def track(history: list[Any], status: str, at: datetime = NOW) -> Outcome:
    return ask(history, lambda order: record_tracking(order, "S1", status, at, "Leeds"))


def tracked(status: str, at: datetime = NOW) -> TrackingUpdated:
    return TrackingUpdated(shipment_id="S1", status=status, at=at, location="Leeds")


def test_a_verified_shipment_leaves_once() -> None:
    leave(*READY).then(dispatched(part(1, 4)))
    leave(*ON_ITS_WAY).then_nothing()
    leave(*READY, tracking="T1").then(
        ShipmentDispatched(
            shipment_id="S1", location="LEEDS", lines=(part(1, 4),), carrier="post", tracking="T1"
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
    )


def test_force_is_not_noted_where_none_was_needed() -> None:
    leave(*READY, forced=True).then(dispatched(part(1, 4)))


def test_the_carrier_is_heard_late_and_out_of_order() -> None:
    track(ON_ITS_WAY, "in transit").then(tracked("in transit"))
    track([*ON_ITS_WAY, tracked("in transit")], "collected", BEFORE).then(
        tracked("collected", BEFORE)
    )
    track([*ON_ITS_WAY, DELIVERED], "out for delivery").then(tracked("out for delivery"))
    track(PACKED, "announced").then(tracked("announced"))


def test_the_carrier_is_heard_once() -> None:
    heard = [*ON_ITS_WAY, tracked("collected", BEFORE), tracked("in transit")]
    track(heard, "collected", BEFORE).then_nothing()
    track(heard, "in transit").then_nothing()
    track(heard, "in transit", LATER).then(tracked("in transit", LATER))


def test_late_words_never_rewind() -> None:
    late = [*ON_ITS_WAY, tracked("in transit"), DELIVERED, tracked("collected", BEFORE)]
    shipment = ORDER.fold(late).shipments["S1"]
    assert (shipment.status, shipment.tracking) == ("delivered", "in transit")


def test_tracking_has_words_and_a_zone() -> None:
    track(ON_ITS_WAY, "").then_refused(Invalid, field="status")
    track(ON_ITS_WAY, "x", NAIVE).then_refused(Invalid, field="at")
    track(IN_PICK, "x").then_refused(UnknownShipment)
    ask(ON_ITS_WAY, lambda o: record_tracking(o, "S1", "x", NOW, "")).then_refused(
        Invalid, field="location"
    )


def test_a_shipment_is_delivered_once() -> None:
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NOW, "signed")).then(
        ShipmentDelivered(shipment_id="S1", at=NOW, proof="signed")
    )
    ask([*ON_ITS_WAY, DELIVERED], lambda o: confirm_delivery(o, "S1", LATER, None)).then_nothing()
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NAIVE, None)).then_refused(
        Invalid, field="at"
    )
    ask(ON_ITS_WAY, lambda o: confirm_delivery(o, "S1", NOW, "\0")).then_refused(
        Invalid, field="proof"
    )


def test_a_shipment_comes_back_or_is_lost_once() -> None:
    ask(ON_ITS_WAY, lambda o: report_returned(o, "S1", "x")).then(RETURNED)
    ask([*ON_ITS_WAY, RETURNED], lambda o: report_returned(o, "S1", "y")).then_nothing()
    ask(ON_ITS_WAY, lambda o: report_lost(o, "S1", "x")).then(LOST)
    ask([*ON_ITS_WAY, LOST], lambda o: report_lost(o, "S1", "y")).then_nothing()
    ask(ON_ITS_WAY, lambda o: report_lost(o, "S1", "")).then_refused(Invalid, field="reason")
    ask(ON_ITS_WAY, lambda o: report_returned(o, "S1", "")).then_refused(Invalid, field="reason")


ENDS: list[Callable[[Order], list[object]]] = [
    lambda o: confirm_delivery(o, "S1", NOW, None),
    lambda o: report_returned(o, "S1", "x"),
    lambda o: report_lost(o, "S1", "x"),
]


@pytest.mark.parametrize("end", range(3))
@pytest.mark.parametrize("other", range(3))
def test_a_shipment_has_one_end(end: int, other: int) -> None:
    ended = [*ON_ITS_WAY, *ENDS[end](ORDER.fold(ON_ITS_WAY))]
    if end == other:
        ask(ended, ENDS[other]).then_nothing()
    else:
        ask(ended, ENDS[other]).then_refused(WrongStatus)


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
