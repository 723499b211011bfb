"""What life does against the plan: it is taken as it is, and listed until somebody looked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from domain.errors import Invalid, UnknownLine, UnknownOrder, UnknownOrderException, WrongStatus
from domain.order.events import (
    LineReinstated,
    OrderCancelled,
    OrderExceptionClosed,
    OrderExceptionFlagged,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentLost,
    ShipmentPacked,
    ShipmentReturnedToSender,
)
from domain.order.exceptions import close_exception, dispatch_cancelled
from domain.order.shipping import confirm_delivery, report_lost, report_returned
from domain.order.state import ORDER, Order
from tests.domain.order.histories import (
    ON_ITS_WAY,
    PROMISED,
    cancelled,
    opened,
    part,
    picked,
    placed,
    share,
)
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import LATER, NOW

LOST = ShipmentLost(shipment_id="S1", reason="sea")
RETURNED = ShipmentReturnedToSender(shipment_id="S1", reason="moved")
DELIVERED = ShipmentDelivered(shipment_id="S1", at=NOW)
THREE = (part(1, 3),)
GONE = [*PROMISED, cancelled(1, 4, allocated=(share(1, 4),)), OrderCancelled(reason="x")]


def ask(history: list[Any], decide: Callable[[Order], list[object]]) -> Outcome:
    return given(ORDER, history).when(decide)


def flag(kind: Any, shipment_id: str | None = "S1") -> OrderExceptionFlagged:
    return OrderExceptionFlagged(exception_id="X1", kind=kind, shipment_id=shipment_id)


def deliver(*history: object) -> Outcome:
    return ask([*history], lambda o: confirm_delivery(o, "S1", NOW, None, LATER))


def anyway(*history: object, lines: Any = THREE, **more: Any) -> Outcome:
    said: dict[str, Any] = {
        "location": "YORK",
        "carrier": "post",
        "tracking": None,
        "packer": "ada",
        "at": NOW,
        "now": LATER,
    }
    return ask([*history], lambda o: dispatch_cancelled(o, lines=lines, **(said | more)))


def test_a_lost_parcel_may_be_delivered() -> None:
    deliver(*ON_ITS_WAY, LOST).then(DELIVERED, flag("delivered-after-loss"))
    deliver(*ON_ITS_WAY, RETURNED).then(DELIVERED, flag("delivered-after-return"))
    found = ORDER.fold([*ON_ITS_WAY, LOST, DELIVERED])
    assert (found.lines[1].delivered, found.lines[1].lost) == (4, 0)
    assert found.shipments["S1"].status == "delivered"


def test_a_lost_parcel_may_come_back() -> None:
    ask([*ON_ITS_WAY, LOST], lambda o: report_returned(o, "S1", "moved", NOW, LATER)).then(
        RETURNED, flag("returned-after-loss")
    )
    assert ORDER.fold([*ON_ITS_WAY, LOST, RETURNED]).lines[1].lost == 4


def test_what_arrived_or_came_back_is_not_lost_any_more() -> None:
    for end in (DELIVERED, RETURNED):
        ask([*ON_ITS_WAY, end], lambda o: report_lost(o, "S1", "x", NOW, LATER)).then_refused(
            WrongStatus
        )


def test_a_cancelled_order_that_was_shipped_is_wanted_again() -> None:
    shipped = ShipmentDispatched(
        shipment_id="S1",
        location="YORK",
        lines=(part(1, 3),),
        carrier="post",
        forced=True,
        at=NOW,
    )
    outcome = anyway(*GONE)
    outcome.then(
        LineReinstated(line=1, location="YORK", quantity=3, cause="shipped-anyway"),
        opened(part(1, 3), location="YORK"),
        picked(1, 3),
        ShipmentPacked(
            shipment_id="S1",
            fulfilment_id="F1",
            location="YORK",
            lines=(part(1, 3),),
            parcels=1,
            packer="ada",
        ),
        shipped,
        flag("dispatched-after-cancellation"),
    )
    order = ORDER.fold([*GONE, *outcome.events])
    line = order.lines[1]
    assert (line.cancelled, line.shipped, line.demand, line.allocated) == (1, 3, 3, {})
    assert order.owed == 300
    deliver(*GONE, *outcome.events).accepted()


def test_only_cancelled_goods_are_wanted_again() -> None:
    anyway(*GONE, lines=(part(1, 2), part(1, 3))).then_refused(WrongStatus, line=1, cancelled=4)
    anyway(*PROMISED).then_refused(WrongStatus, cancelled=0)
    anyway(*GONE, lines=(part(2, 1),)).then_refused(UnknownLine, line=2)
    anyway(*GONE, lines=(part(1, 0),)).then_refused(Invalid, field="lines.1.quantity")
    anyway(*GONE, lines=()).then_refused(Invalid, field="lines")
    anyway().then_refused(UnknownOrder)


def test_bad_words_and_times_are_named() -> None:
    anyway(*GONE, location="york").then_refused(Invalid, field="location")
    anyway(*GONE, carrier="").then_refused(Invalid, field="carrier")
    anyway(*GONE, tracking="\0").then_refused(Invalid, field="tracking")
    anyway(*GONE, packer=" ").then_refused(Invalid, field="packer")
    late = LATER + timedelta(seconds=1)
    anyway(*GONE, at=late).then_refused(Invalid, field="at", earliest=NOW, latest=LATER)


def test_an_exception_is_open_until_somebody_closes_it() -> None:
    flagged = [placed(), flag("paid-after-end", None)]
    closed = OrderExceptionClosed(exception_id="X1", reason="refunded")
    ask(flagged, lambda o: close_exception(o, "X1", "refunded")).then(closed)
    assert ORDER.fold(flagged).exceptions["X1"].open
    assert not ORDER.fold([*flagged, closed]).exceptions["X1"].open
    ask([*flagged, closed], lambda o: close_exception(o, "X1", "again")).then_nothing()
    ask(flagged, lambda o: close_exception(o, "X2", "x")).then_refused(
        UnknownOrderException, exception_id="X2"
    )
    ask(flagged, lambda o: close_exception(o, "X1", "")).then_refused(Invalid, field="reason")


def test_exceptions_are_counted_on_when_some_are_closed() -> None:
    closed = [flag("forced-dispatch"), OrderExceptionClosed(exception_id="X1", reason="x")]
    *_, second = deliver(*ON_ITS_WAY, LOST, *closed).events
    assert second == OrderExceptionFlagged(
        exception_id="X2", kind="delivered-after-loss", shipment_id="S1"
    )
