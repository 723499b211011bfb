"""What happened to an order, in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.order import events as e
from projections.amounts import money
from projections.order_timeline import ORDER_TIMELINE, TimelineRow, timeline_page
from projections.order_timeline_words import WORDS
from tests.projections.facts import (
    ALL_DISPATCHED,
    ALL_PACKED,
    ALL_PICKED,
    ALL_SOURCED,
    cancelled,
    captured,
    delivered,
    opened,
    part,
    picking,
    placed,
    refunded,
    share,
    short,
    sourced,
)
from tests.projections.memory import MINUTE, START, given, history

TRACKED = e.TrackingUpdated(shipment_id="S1", status="in_transit", at=START, location="Hub")
WAITED = e.LineAllocated(line=2, location="LEEDS", quantity=3, cause="backorder-filled")
DISPLACED = e.LineBackordered(line=2, location="LEEDS", quantity=2, cause="displaced")
TAKEN_BACK = e.FulfilmentOrderCancelled(fulfilment_id="F1", reason="closed")
SHIPPED_BY_FORCE = replace(ALL_DISPATCHED[-1], forced=True, tracking=None)


def last_words(*events: object) -> str:
    return given(ORDER_TIMELINE, history("order-1", *events)).of(TimelineRow)[-1].what


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((placed(),), "Placed over web as 536365: 3 lines, 8 units, 42.56 GBP"),
        ((placed(reference=None),), "Placed over web: 3 lines, 8 units, 42.56 GBP"),
        (ALL_SOURCED, "Sourced: 8 units from LEEDS"),
        (
            (placed(), sourced(share(1, 3), backorders=(share(2, 5, "YORK"),))),
            "Sourced: 3 units from LEEDS; 5 wait for stock at YORK",
        ),
        ((placed(), sourced()), "Sourced: no location can serve it"),
        (
            (placed(), sourced(backorders=(share(2, 5),)), WAITED),
            "3 x 71053 allocated at LEEDS after waiting (backorder-filled)",
        ),
        (
            (*ALL_SOURCED, DISPLACED),
            "2 x 71053 no longer there at LEEDS, and waiting for stock (displaced)",
        ),
        (
            (placed(), cancelled(1, 2, unsourced=2)),
            "2 x 85123A cancelled: changed their mind",
        ),
        ((placed(), e.OrderConfirmed()), "Confirmed"),
        ((placed(), e.OrderRejected(reason="fraud")), "Rejected: fraud"),
        ((placed(), e.OrderCancelled(reason="late")), "Cancelled: late"),
        ((placed(), e.OrderCompleted()), "Completed"),
        ((placed(), e.HoldPlaced(hold_id="H1", reason="fraud")), "Put on hold H1: fraud"),
        ((placed(), e.HoldReleased(hold_id="H1")), "Hold H1 released"),
        (
            (*ALL_SOURCED, opened(part(1, 3), part(2, 5))),
            "LEEDS was asked to send 3 x 85123A, 5 x 71053",
        ),
        (
            (*ALL_SOURCED, opened(*[part(1, 1)] * 6)),
            "LEEDS was asked to send 6 units in 6 lines",
        ),
        ((*ALL_PICKED, TAKEN_BACK), "LEEDS need not send it: closed"),
        ((*ALL_SOURCED, opened(part(1, 3)), picking()), "grace began to pick at LEEDS"),
        (ALL_PICKED, "5 x 71053 picked at LEEDS"),
        ((*ALL_PICKED, short(2, 1)), "1 x 71053 not on the shelf at LEEDS"),
        (ALL_PACKED, "3 x 85123A, 5 x 71053 packed in 2 parcel(s) at LEEDS by grace"),
        (
            (*ALL_PACKED, e.PackVerified(shipment_id="S1", verifier="alan")),
            "Shipment S1 checked by alan",
        ),
        (ALL_DISPATCHED, "3 x 85123A, 5 x 71053 left LEEDS with DHL, tracking JD01"),
        (
            (*ALL_PACKED, SHIPPED_BY_FORCE),
            "3 x 85123A, 5 x 71053 left LEEDS with DHL, forced against the books",
        ),
        ((*ALL_DISPATCHED, TRACKED), "The carrier says of shipment S1: in_transit at Hub"),
        ((*ALL_DISPATCHED, delivered()), "Shipment S1 delivered"),
        (
            (*ALL_DISPATCHED, e.ShipmentReturnedToSender(shipment_id="S1", reason="refused")),
            "Shipment S1 came back: refused",
        ),
        (
            (*ALL_DISPATCHED, e.ShipmentLost(shipment_id="S1", reason="fire")),
            "Shipment S1 lost: fire",
        ),
        ((placed(), captured(4256)), "42.56 GBP received through stripe"),
        ((placed(), refunded(5)), "0.05 GBP refunded through stripe: goodwill"),
    ],
)
def test_every_fact_has_its_words(events: tuple[object, ...], words: str) -> None:
    assert last_words(*events) == words


def test_no_event_is_without_words() -> None:
    assert set(e.EVENTS) == set(WORDS)


def test_a_fact_says_who_when_and_why() -> None:
    happened, confirmed = history("order-1", placed(), e.OrderConfirmed())
    confirmed = replace(
        confirmed,
        position=17,
        actor="grace",
        channel="desk",
        reason="called",
        causation_id="cause",
        recorded_at=START + timedelta(days=1),
    )
    given(ORDER_TIMELINE, [happened, confirmed]).then(
        TimelineRow,
        2,
        order_id="1",
        position=17,
        type="OrderConfirmed",
        at=START + MINUTE,
        recorded_at=START + timedelta(days=1),
        actor="grace",
        channel="desk",
        reason="called",
        event_id="order-1/2",
        causation_id="cause",
        correlation_id="r",
    )


def test_an_unknown_event_and_an_unplaced_order_leave_no_words() -> None:
    given(ORDER_TIMELINE, history("order-1", object())).then_nothing()
    known = given(ORDER_TIMELINE, history("order-1", placed(), object()))
    assert [row.stream_version for row in known.of(TimelineRow)] == [1]


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (4256, "GBP", "42.56 GBP"),
        (-5, "EUR", "-0.05 EUR"),
        (700, "JPY", "700 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (0, "USD", "0.00 USD"),
    ],
)
def test_money_is_written_as_its_currency_has_it(amount: int, currency: str, written: str) -> None:
    assert money(amount, currency) == written


def test_a_page_of_facts_goes_on_behind_the_last_one_seen() -> None:
    page = timeline_page("1", after=50, limit=10)
    assert (page.where, page.order) == ({"order_id": "1"}, ("stream_version",))
    assert (page.after, page.limit) == ((50,), 10)
