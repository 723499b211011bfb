"""Where an order is, line by line."""

from datetime import timedelta

import pytest

from domain.order import events as e
from projections.amounts import part_of
from projections.order_status import (
    ORDER_STATUS,
    open_work,
    order_by_id,
    order_fulfilments,
    order_lines,
    order_shipments,
    orders_page,
)
from projections.order_status_rows import FulfilmentRow, OrderLineRow, OrderStatusRow, ShipmentRow
from tests.projections.facts import (
    ALL_DELIVERED,
    ALL_DISPATCHED,
    ALL_PACKED,
    ALL_PICKED,
    ALL_SOURCED,
    cancelled,
    captured,
    delivered,
    dispatched,
    opened,
    packed,
    part,
    picked,
    picking,
    placed,
    refunded,
    share,
    short,
    sourced,
)
from tests.projections.memory import MINUTE, START, MemoryModel, given, history

HOLD = e.HoldPlaced(hold_id="H1", reason="fraud")


def order(*events: object) -> MemoryModel:
    return given(ORDER_STATUS, history("order-1", *events))


def test_a_placed_order_has_a_row_for_itself_and_each_line() -> None:
    found = order(placed())
    found.then(
        OrderStatusRow,
        order_id="1",
        channel="web",
        reference="536365",
        country="GB",
        currency="GBP",
        total=4256,
        status="placed",
        fulfilment_status="unfulfilled",
        payment_status="none",
        lines=3,
        units_ordered=8,
        units_unsourced=8,
        placed_at=START,
        version=1,
        position=1,
    )
    found.then(OrderLineRow, 2, sku="71053", ordered=5, unsourced=5, total=1690, currency="GBP")
    found.then(OrderLineRow, 3, kind="charge", ordered=1, unsourced=0, total=1800)


def test_sourcing_moves_units_from_unsourced() -> None:
    found = order(placed(), sourced(share(1, 3), share(2, 1), backorders=(share(2, 4),)))
    found.then(
        OrderStatusRow,
        units_unsourced=0,
        units_allocated=4,
        units_backordered=4,
        fulfilment_status="backordered",
    )
    found.then(OrderLineRow, 2, unsourced=0, allocated=1, backordered=4)


def test_stock_that_came_in_fills_what_waited() -> None:
    came = e.LineAllocated(line=2, location="LEEDS", quantity=3, cause="receipt")
    found = order(placed(), sourced(backorders=(share(2, 5),)), came)
    found.then(OrderStatusRow, units_allocated=3, units_backordered=2)
    found.then(OrderLineRow, 2, allocated=3, backordered=2)


def test_a_displaced_promise_waits_again() -> None:
    lost = e.LineBackordered(line=2, location="LEEDS", quantity=2, cause="count")
    order(*ALL_SOURCED, lost).then(OrderLineRow, 2, allocated=3, backordered=2).then(
        OrderStatusRow, units_allocated=6, units_backordered=2, fulfilment_status="backordered"
    )


def test_cancelled_units_leave_where_they_were() -> None:
    found = order(
        placed(),
        sourced(share(2, 1), backorders=(share(2, 2),)),
        cancelled(2, 4, allocated=(share(2, 1),), backordered=(share(2, 1),), unsourced=2),
    )
    found.then(OrderLineRow, 2, cancelled=4, allocated=0, backordered=1, unsourced=0)
    found.then(OrderStatusRow, units_cancelled=4, units_backordered=1, cancelled_amount=1352)


def test_a_cancelled_charge_counts_as_money_and_not_as_units() -> None:
    order(placed(), cancelled(3, 1)).then(
        OrderStatusRow, units_cancelled=0, cancelled_amount=1800
    ).then(OrderLineRow, 3, cancelled=1, unsourced=0)


def test_holds_are_counted_and_named() -> None:
    second = e.HoldPlaced(hold_id="H2", reason="address")
    held = order(*ALL_SOURCED, HOLD, second)
    held.then(OrderStatusRow, holds=2, on_hold=True, fulfilment_status="on_hold")
    order(*ALL_SOURCED, HOLD, second, e.HoldReleased(hold_id="H1")).then(
        OrderStatusRow, holds=1, on_hold=True, hold_reasons={"H2": "address"}
    )
    order(*ALL_SOURCED, HOLD, e.HoldReleased(hold_id="H1")).then(
        OrderStatusRow, holds=0, on_hold=False, fulfilment_status="unfulfilled"
    )


@pytest.mark.parametrize(
    ("event", "status", "moment"),
    [
        (e.OrderConfirmed(), "confirmed", "confirmed_at"),
        (e.OrderRejected(reason="fraud"), "rejected", "cancelled_at"),
        (e.OrderCancelled(reason="late"), "cancelled", "cancelled_at"),
        (e.OrderCompleted(), "completed", "completed_at"),
    ],
)
def test_the_status_follows_with_its_moment(event: object, status: str, moment: str) -> None:
    order(placed(), event).then(OrderStatusRow, status=status, **{moment: START + MINUTE})


def test_given_work_can_be_found_by_its_location() -> None:
    found = order(*ALL_SOURCED, opened(part(1, 3), part(2, 5)))
    found.then(
        FulfilmentRow,
        "F1",
        location="LEEDS",
        status="open",
        pending=True,
        opened_at=START + 2 * MINUTE,
    )
    (work,) = found.of(FulfilmentRow)
    assert work.lines["2"] == {
        "sku": "71053",
        "title": "Lantern",
        "quantity": 5,
        "picked": 0,
        "packed": 0,
        "short": 0,
    }
    found.then(OrderStatusRow, fulfilment_status="unfulfilled")


def test_picking_is_work_in_progress() -> None:
    found = order(*ALL_PICKED)
    found.then(FulfilmentRow, "F1", status="picking", picker="grace", pending=True)
    found.then(OrderStatusRow, fulfilment_status="in_progress", units_picked=8)
    found.then(OrderLineRow, 2, picked=5, allocated=5)
    assert [part["picked"] for part in found.of(FulfilmentRow)[0].lines.values()] == [3, 5]


def test_a_short_pick_leaves_units_without_a_source() -> None:
    found = order(*ALL_SOURCED, opened(part(2, 5)), picking(), picked(2, 4), short(2, 1))
    found.then(OrderLineRow, 2, allocated=4, unsourced=1, picked=4)
    found.then(OrderStatusRow, units_allocated=7, units_unsourced=1)
    assert found.of(FulfilmentRow)[0].lines["2"]["short"] == 1


def test_work_shrinks_when_its_units_lose_their_promise() -> None:
    lost = e.LineBackordered(line=2, location="LEEDS", quantity=2, cause="displaced")
    given_out = (*ALL_SOURCED, opened(part(2, 5)), picking())
    for done, quantity in (((), 3), ((picked(2, 4),), 4)):
        found = order(*given_out, *done, lost)
        assert found.of(FulfilmentRow)[0].lines["2"]["quantity"] == quantity
    found.then(OrderLineRow, 2, allocated=3, allocated_at={"LEEDS": 3})


def test_work_taken_back_was_never_picked() -> None:
    back = e.FulfilmentOrderCancelled(fulfilment_id="F1", reason="closed")
    found = order(*ALL_PICKED, back)
    found.then(FulfilmentRow, "F1", status="cancelled", pending=False)
    found.then(OrderStatusRow, units_picked=0, work_in_progress=0, fulfilment_status="unfulfilled")
    found.then(OrderLineRow, 2, picked=0)


def test_a_packed_shipment_has_a_row() -> None:
    found = order(*ALL_PACKED, e.PackVerified(shipment_id="S1", verifier="alan"))
    found.then(
        ShipmentRow,
        "S1",
        status="packed",
        lines={"1": 3, "2": 5},
        parcels=2,
        packer="grace",
        verifier="alan",
        packed_at=START + 7 * MINUTE,
    )
    found.then(FulfilmentRow, "F1", status="packed", pending=True)
    found.then(OrderStatusRow, units_packed=8, fulfilment_status="in_progress")


def test_a_dispatched_order_is_shipped() -> None:
    found = order(*ALL_DISPATCHED)
    found.then(
        OrderStatusRow,
        fulfilment_status="shipped",
        units_shipped=8,
        units_allocated=0,
        dispatched_at=START + 8 * MINUTE,
        delivered_at=None,
    )
    found.then(ShipmentRow, "S1", status="dispatched", carrier="DHL", tracking="JD01")
    found.then(FulfilmentRow, "F1", status="dispatched", pending=False)
    found.then(OrderLineRow, 1, allocated=0, shipped=3)


def test_part_of_an_order_ships_and_arrives_alone() -> None:
    some = (*ALL_SOURCED, opened(part(1, 3)), picking(), picked(1, 3), packed(part(1, 3)))
    order(*some, dispatched(part(1, 3))).then(
        OrderStatusRow, fulfilment_status="partially_shipped", units_shipped=3, units_allocated=5
    )
    order(*some, dispatched(part(1, 3)), delivered()).then(
        OrderStatusRow, fulfilment_status="partially_delivered", units_delivered=3
    )


def test_a_delivered_order_knows_when() -> None:
    found = order(*ALL_DELIVERED)
    arrived = START + timedelta(days=1)
    found.then(OrderStatusRow, fulfilment_status="delivered", delivered_at=arrived)
    found.then(ShipmentRow, "S1", status="delivered", delivered_at=arrived)
    found.then(FulfilmentRow, "F1", status="closed", pending=False)
    found.then(OrderLineRow, 2, delivered=5)


def test_late_tracking_does_not_overwrite_newer_words() -> None:
    def says(status: str, hours: int) -> e.TrackingUpdated:
        return e.TrackingUpdated(shipment_id="S1", status=status, at=START + timedelta(hours=hours))

    order(*ALL_DISPATCHED, says("in_transit", 5), says("collected", 1)).then(
        ShipmentRow, "S1", tracking_status="in_transit", tracked_at=START + timedelta(hours=5)
    )


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (e.ShipmentReturnedToSender(shipment_id="S1", reason="refused"), "returned_to_sender"),
        (e.ShipmentLost(shipment_id="S1", reason="fire"), "lost"),
    ],
)
def test_a_shipment_can_go_wrong(event: object, status: str) -> None:
    found = order(*ALL_DISPATCHED, event).then(ShipmentRow, "S1", status=status)
    found.then(FulfilmentRow, "F1", status="closed", pending=False)
    found.then(OrderLineRow, 2, shipped=5, delivered=0, lost=5)
    found.then(OrderStatusRow, units_lost=8, fulfilment_status="shipped")


@pytest.mark.parametrize(
    ("money", "status"),
    [
        ([captured(4000)], "partially_paid"),
        ([captured(4256)], "paid"),
        ([captured(4300)], "overpaid"),
        ([captured(2456), cancelled(3, 1)], "paid"),
        ([captured(4256), refunded(256)], "partially_refunded"),
        ([captured(4256), refunded(4256)], "refunded"),
    ],
)
def test_the_payment_status_follows_the_money(money: list[object], status: str) -> None:
    order(placed(), *money).then(OrderStatusRow, payment_status=status)


def test_an_order_on_account_waits_for_no_payment() -> None:
    order(placed(on_account=True)).then(OrderStatusRow, payment_status="on_account")


def test_an_order_whose_goods_are_all_cancelled_is_cancelled_in_fulfilment() -> None:
    gone = (cancelled(1, 3, unsourced=3), cancelled(2, 5, unsourced=5))
    order(placed(), *gone).then(OrderStatusRow, fulfilment_status="cancelled", status="placed")
    order(placed(), e.OrderRejected(reason="fraud")).then(
        OrderStatusRow, fulfilment_status="cancelled"
    )


def test_an_order_of_charges_alone_has_nothing_to_fulfil() -> None:
    fee = (e.OrderLine(line=1, sku="POST", quantity=1, unit_price=100, kind="charge"),)
    totals = e.Totals(goods=0, charges=100, discount=0, tax=0, total=100)
    order(placed(lines=fee, totals=totals)).then(OrderStatusRow, fulfilment_status="delivered")


def test_every_event_moves_version_and_position_even_an_unknown_one() -> None:
    order(placed(), object()).then(
        OrderStatusRow, version=2, position=2, updated_at=START + MINUTE, status="placed"
    )


def test_what_came_before_the_order_was_placed_leaves_no_row() -> None:
    order(object()).then_nothing()


def test_a_fact_about_an_unknown_line_is_no_history() -> None:
    with pytest.raises(LookupError):
        order(placed(), sourced(share(9, 1)))


def test_parts_of_an_amount_add_up_to_it() -> None:
    assert [part_of(100, 3, before, 1) for before in range(3)] == [33, 33, 34]
    assert sum(part_of(-100, 7, before, 1) for before in range(7)) == -100


def test_orders_are_found_by_what_is_given() -> None:
    page = orders_page(channel="web", reference="536365", placed_from=START, limit=10)
    assert page.where == {"channel": "web", "reference": "536365"}
    assert page.ranges == {"placed_at": (START, None)}
    assert (page.order, page.descending, page.limit) == (("placed_at", "order_id"), True, 10)
    assert (orders_page().where, orders_page().ranges) == ({}, {})


def test_the_parts_of_an_order_are_found_by_it() -> None:
    assert order_by_id("1").where == {"order_id": "1"}
    assert order_lines("1", after=7).after == (7,)
    assert order_fulfilments("1").row is FulfilmentRow
    assert order_shipments("1").row is ShipmentRow


def test_open_work_is_found_by_location_and_status() -> None:
    assert open_work("LEEDS").where == {"pending": True, "location": "LEEDS"}
    assert open_work("LEEDS", status="open").where["status"] == "open"
