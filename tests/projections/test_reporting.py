"""Facts that sum up to what was sold, cancelled and sent."""

from datetime import date, timedelta

from domain.order import events as e
from projections.reporting import REPORTING
from projections.reporting_rows import ReportFactRow, ReportLineRow, ReportOrderRow
from tests.projections.facts import (
    ALL_DELIVERED,
    ALL_DISPATCHED,
    ALL_SOURCED,
    cancelled,
    captured,
    delivered,
    dispatched,
    part,
    placed,
    refunded,
    share,
    sourced,
)
from tests.projections.memory import MINUTE, START, MemoryModel, given, history, recorded

THIRDS = placed(
    lines=(e.OrderLine(line=1, sku="A", quantity=3, unit_price=33, tax=1),),
    totals=e.Totals(goods=99, charges=0, discount=0, tax=1, total=100),
)


def report(*events: object) -> MemoryModel:
    return given(REPORTING, history("order-1", *events))


def facts(*events: object) -> list[tuple[str, str | None, int, int, int]]:
    """Kind, sku, orders, units and amount of every fact."""
    rows = report(*events).of(ReportFactRow)
    return [(row.kind, row.sku, row.orders, row.units, row.amount) for row in rows]


def test_a_placed_order_is_one_order_with_units_and_revenue() -> None:
    found = report(placed())
    found.then(
        ReportOrderRow,
        order_day=START.date(),
        channel="web",
        country="GB",
        currency="GBP",
        lines=3,
        units=8,
        amount=4256,
        charges=1800,
        placed_at=START,
    )
    found.then(ReportLineRow, 2, sku="71053", kind="stock", units=5, quantity=5, amount=1690)
    assert found.of(ReportFactRow) == []


def test_a_charge_is_money_without_units() -> None:
    report(placed()).then(ReportLineRow, 3, kind="charge", units=0, quantity=1, amount=1800)
    assert facts(placed(), cancelled(3, 1)) == [("cancelled", "POST", 0, 0, 1800)]


def test_the_first_sourcing_says_what_could_be_promised_at_once() -> None:
    found = report(placed(), sourced(share(1, 3), share(2, 1), backorders=(share(2, 4),)))
    found.then(ReportOrderRow, sourced=True, units_allocated=4, units_backordered=4)
    found.then(ReportLineRow, 2, units_allocated=1, units_backordered=4)
    assert found.of(ReportFactRow) == []


def test_a_later_sourcing_is_a_fact_of_its_own_day() -> None:
    again = sourced(share(2, 2), backorders=(share(2, 3),))
    assert facts(placed(), sourced(share(1, 3)), again) == [
        ("allocated", "71053", 0, 2, 0),
        ("backordered", "71053", 0, 3, 0),
    ]


def test_waiting_units_that_get_a_promise_and_promises_that_are_lost() -> None:
    lost = e.LineBackordered(line=2, location="LEEDS", quantity=2, cause="displaced")
    came = e.LineAllocated(line=2, location="LEEDS", quantity=1, cause="backorder-filled")
    assert facts(*ALL_SOURCED, lost, came) == [
        ("backordered", "71053", 0, 2, 0),
        ("allocated", "71053", 0, 1, 0),
    ]


def test_a_cancellation_counts_on_its_own_day_and_points_at_the_orders() -> None:
    later = START + timedelta(days=3)
    events = [
        recorded("order-1", 1, placed()),
        recorded("order-1", 2, cancelled(1, 1, unsourced=1), at=later),
        recorded("order-1", 3, refunded(255), at=later + timedelta(days=1)),
    ]
    found = given(REPORTING, events)
    found.then(
        ReportFactRow,
        2,
        0,
        order_id="1",
        day=date(2024, 3, 7),
        order_day=date(2024, 3, 4),
        channel="web",
        country="GB",
        currency="GBP",
        line=1,
        line_kind="stock",
        units=1,
        amount=255,
    )
    found.then(ReportFactRow, 3, 0, kind="refunded", day=date(2024, 3, 8), line=None, amount=255)


def test_a_day_ends_at_midnight_utc() -> None:
    midnight = START.replace(hour=0, minute=0) + timedelta(days=1)
    for at, day in ((midnight - MINUTE, date(2024, 3, 4)), (midnight, date(2024, 3, 5))):
        given(REPORTING, [recorded("order-1", 1, placed(), at=at)]).then(
            ReportOrderRow, order_day=day
        )


def test_money_moves_without_units() -> None:
    assert facts(placed(), captured(4256), refunded(56)) == [
        ("captured", None, 0, 0, 4256),
        ("refunded", None, 0, 0, 56),
    ]


def test_an_order_that_ends_without_delivery_is_counted() -> None:
    assert facts(placed(), e.OrderCancelled(reason="late")) == [("order_cancelled", None, 1, 0, 0)]
    assert facts(placed(), e.OrderRejected(reason="fraud")) == [("order_rejected", None, 1, 0, 0)]


def test_shipped_and_delivered_units_are_worth_their_part_of_the_line() -> None:
    assert facts(*ALL_DELIVERED) == [
        ("shipped", "85123A", 0, 3, 766),
        ("shipped", "71053", 0, 5, 1690),
        ("delivered", "85123A", 0, 3, 766),
        ("delivered", "71053", 0, 5, 1690),
    ]
    report(*ALL_DELIVERED).then(
        ReportOrderRow,
        shipments={},
        dispatched_at=START + 8 * MINUTE,
        delivered_at=START + timedelta(days=1),
    )


def test_the_facts_of_a_shipment_keep_their_numbers_in_any_batches() -> None:
    sent = (*ALL_SOURCED, dispatched(part(2, 5), part(1, 3)), delivered())
    events = history("order-1", *sent)
    assert given(REPORTING, events, batch=9).rows() == given(REPORTING, events).rows()


def test_units_that_never_arrive_are_facts_too() -> None:
    lost = e.ShipmentLost(shipment_id="S1", reason="fire")
    assert facts(*ALL_DISPATCHED, lost)[2:] == [
        ("lost", "85123A", 0, 3, 766),
        ("lost", "71053", 0, 5, 1690),
    ]
    back = e.ShipmentReturnedToSender(shipment_id="S1", reason="refused")
    assert [kind for kind, *_ in facts(*ALL_DISPATCHED, back)[2:]] == ["returned_to_sender"] * 2


def test_the_first_dispatch_and_the_last_delivery_count() -> None:
    both = (dispatched(part(1, 1)), dispatched(part(1, 1), shipment_id="S2"))
    early = e.ShipmentDelivered(shipment_id="S2", at=START)
    found = report(*ALL_SOURCED, *both, delivered(), early)
    found.then(
        ReportOrderRow,
        dispatched_at=START + 2 * MINUTE,
        delivered_at=START + timedelta(days=1),
    )


def test_a_line_in_thirds_loses_no_minor_unit() -> None:
    sold = (THIRDS, sourced(share(1, 3)))
    ships = [dispatched(part(1, 1), shipment_id=f"S{number}") for number in range(2)]
    amounts = [amount for *_, amount in facts(*sold, *ships, cancelled(1, 1))]
    assert amounts == [34, 33, 33]
    amounts = [amount for *_, amount in facts(*sold, *(cancelled(1, 1) for _ in range(3)))]
    assert amounts == [33, 33, 34]


def test_other_events_change_nothing() -> None:
    before, after = report(*ALL_DISPATCHED), report(*ALL_DISPATCHED, e.OrderCompleted(), object())
    assert after.rows() == before.rows()
    report(object()).then_nothing()
