"""Work for the locations, picking with scanned codes, packing, and the second pair of eyes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from domain.errors import (
    Invalid,
    NoEligibleLocation,
    OpenHold,
    OverPick,
    SamePerson,
    UnknownFulfilmentOrder,
    UnknownLine,
    UnknownOrder,
    UnknownShipment,
    WrongItemScanned,
    WrongStatus,
)
from domain.order.events import (
    FulfilmentOrderCancelled,
    FulfilmentOrderOpened,
    HoldReleased,
    ItemsPicked,
    LineAllocated,
    PickShort,
    PickStarted,
    ShipmentPacked,
)
from domain.order.fulfilling import (
    cancel_work,
    confirm_pick,
    open_work,
    pack,
    report_short,
    start_pick,
    verify,
)
from domain.order.state import ORDER, Order
from tests.domain.order.histories import (
    CONFIRMED,
    HELD,
    IN_PICK,
    IN_WORK,
    ON_ITS_WAY,
    PACKED,
    PICKING,
    PROMISED,
    VERIFIED,
    displaced,
    line,
    opened,
    packed,
    part,
    picked,
    placed,
    share,
    sourced,
)
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import NOW

SHORT = PickShort(fulfilment_id="F1", line=1, quantity=2)


def ask(history: list[Any], decide: Callable[[Order], list[object]]) -> Outcome:
    return given(ORDER, history).when(decide)


def open_all(*history: object) -> Outcome:
    return ask([*history], lambda order: open_work(order, None, {"LEEDS", "YORK"}.__contains__))


def pick(history: list[Any], quantity: int, *codes: str, number: int = 1) -> Outcome:
    return ask(
        history, lambda order: confirm_pick(order, "F1", number, quantity, codes, ("5012345",))
    )


def short(history: list[Any], quantity: int, number: int = 1) -> Outcome:
    return ask(history, lambda order: report_short(order, "F1", number, quantity))


def packing(history: list[Any], parcels: int = 1, packer: str = "ada") -> Outcome:
    return ask(history, lambda order: pack(order, "F1", parcels, packer))


def verifying(history: list[Any], verifier: str) -> Outcome:
    return ask(history, lambda order: verify(order, "S1", verifier))


def test_each_location_gets_its_lines() -> None:
    lines = (line(1, 4), line(2, 2), line(3, 1), line(4, 1, kind="charge"))
    shares = (share(1, 3), share(1, 1, "YORK"), share(2, 2))
    order = [placed(*lines), sourced(*shares, backorders=(share(3, 1),)), CONFIRMED]
    open_all(*order).then(
        opened(part(1, 3), part(2, 2)), opened(part(1, 1), key="F2", location="YORK")
    )


def test_a_closed_location_gets_no_work() -> None:
    order = [placed(), sourced(share(1, 3), share(1, 1, "HULL")), CONFIRMED]
    open_all(*order).then(opened(part(1, 3)))
    open_all(*order, opened(part(1, 3))).then_refused(
        NoEligibleLocation, filtered_out={"HULL": "closed"}
    )


def test_work_is_given_once() -> None:
    open_all(*IN_WORK).then_nothing()
    open_all(*PACKED).then_nothing()
    open_all(*ON_ITS_WAY).then_nothing()


def test_the_date_is_handed_on() -> None:
    ask(PROMISED, lambda order: open_work(order, NOW, lambda _: True)).then(
        FulfilmentOrderOpened(
            fulfilment_id="F1", location="LEEDS", lines=(part(1, 4),), fulfil_by=NOW
        )
    )
    naive = datetime(2026, 3, 1)  # noqa: DTZ001
    ask(PROMISED, lambda order: open_work(order, naive, lambda _: True)).then_refused(
        Invalid, field="fulfil_by"
    )


def test_only_what_was_not_given_is_given_again() -> None:
    open_all(*PROMISED, opened(part(1, 3))).then(opened(part(1, 1), key="F2"))
    taken_back = FulfilmentOrderCancelled(fulfilment_id="F1", reason="busy")
    open_all(*IN_WORK, taken_back).then(opened(part(1, 4), key="F2"))


def test_work_needs_a_confirmed_order_without_holds() -> None:
    open_all().then_refused(UnknownOrder)
    open_all(placed(), sourced(share(1, 4))).then_refused(WrongStatus, status="placed")
    open_all(*PROMISED, HELD).then_refused(OpenHold, holds=["h1"])
    open_all(*PROMISED, HELD, HoldReleased(hold_id="h1")).then(opened(part(1, 4)))


def test_units_that_lost_their_promise_leave_the_work() -> None:
    lost = [*IN_PICK, displaced(1, 3)]
    pick(lost, 2).then_refused(OverPick, remaining=1)
    filled = LineAllocated(line=1, location="LEEDS", quantity=3, cause="backorder-filled")
    open_all(*lost, filled).then(opened(part(1, 3), key="F2"))


def test_what_was_picked_before_it_lost_its_promise_is_not_given_again() -> None:
    lost = [*IN_PICK, picked(1, 4), displaced(1, 3)]
    filled = LineAllocated(line=1, location="LEEDS", quantity=3, cause="backorder-filled")
    open_all(*lost, filled).then_nothing()


def test_work_is_taken_back_before_it_is_packed() -> None:
    gone = FulfilmentOrderCancelled(fulfilment_id="F1", reason="busy")
    for history in (IN_WORK, IN_PICK, [*IN_PICK, picked(1, 2)]):
        ask(history, lambda order: cancel_work(order, "F1", "busy")).then(gone)
    ask([*IN_WORK, gone], lambda order: cancel_work(order, "F1", "busy")).then_nothing()
    ask(PACKED, lambda order: cancel_work(order, "F1", "busy")).then_refused(WrongStatus)
    ask(IN_WORK, lambda order: cancel_work(order, "F2", "busy")).then_refused(
        UnknownFulfilmentOrder, fulfilment_id="F2"
    )
    ask(IN_WORK, lambda order: cancel_work(order, "F1", "")).then_refused(Invalid, field="reason")


def test_one_picker_takes_the_work() -> None:
    ask(IN_WORK, lambda order: start_pick(order, "F1", "ada")).then(PICKING)
    ask(IN_PICK, lambda order: start_pick(order, "F1", "ada")).then_nothing()
    ask(IN_PICK, lambda order: start_pick(order, "F1", "bob")).then_refused(
        WrongStatus, status="picking"
    )
    ask(IN_WORK, lambda order: start_pick(order, "F1", " ")).then_refused(Invalid, field="picker")
    ask(PROMISED, lambda order: start_pick(order, "F1", "a")).then_refused(UnknownFulfilmentOrder)


def test_units_are_picked_with_their_codes() -> None:
    pick(IN_PICK, 4).then(picked(1, 4))
    pick(IN_PICK, 2, "SKU1", "5012345").then(
        ItemsPicked(fulfilment_id="F1", line=1, quantity=2, codes=("SKU1", "5012345"))
    )


def test_a_code_of_another_item_is_refused() -> None:
    pick(IN_PICK, 2, "SKU1", "SKU2").then_refused(WrongItemScanned, code="SKU2", sku="SKU1")
    pick(IN_PICK, 1, "SKU1", "SKU1").then_refused(Invalid, field="codes")


def test_no_more_is_picked_than_there_is_to_pick() -> None:
    pick(IN_PICK, 5).then_refused(OverPick, line=1, remaining=4)
    pick([*IN_PICK, picked(1, 3)], 2).then_refused(OverPick, remaining=1)
    pick([*IN_PICK, SHORT], 3).then_refused(OverPick, remaining=2)
    pick(IN_PICK, 0).then_refused(Invalid, field="quantity")
    pick(IN_PICK, 1, number=2).then_refused(UnknownLine, line=2)


def test_picking_begins_with_a_picker() -> None:
    pick(IN_WORK, 1).then_refused(WrongStatus, status="open")
    short(IN_WORK, 1).then_refused(WrongStatus, status="open")
    pick(PACKED, 1).then_refused(WrongStatus, status="packed")


def test_missing_units_are_reported() -> None:
    short(IN_PICK, 2).then(SHORT)
    short([*IN_PICK, picked(1, 2)], 2).then(SHORT)
    short([*IN_PICK, picked(1, 3)], 2).then_refused(OverPick, remaining=1)


def test_work_with_nothing_left_is_over() -> None:
    over = FulfilmentOrderCancelled(fulfilment_id="F1", reason="all-short")
    short(IN_PICK, 4).then(PickShort(fulfilment_id="F1", line=1, quantity=4), over)
    short([*IN_PICK, SHORT], 2).then(SHORT, over)


def test_what_was_picked_is_packed() -> None:
    packing([*IN_PICK, picked(1, 4)]).then(packed(part(1, 4)))
    packing([*IN_PICK, picked(1, 2), SHORT]).then(packed(part(1, 2)))
    packing([*IN_PICK, picked(1, 4)], parcels=3).then(
        ShipmentPacked(
            shipment_id="S1",
            fulfilment_id="F1",
            location="LEEDS",
            lines=(part(1, 4),),
            parcels=3,
            packer="ada",
        )
    )


def test_packing_is_done_once() -> None:
    packing(PACKED).then_nothing()


def test_a_line_that_is_all_short_is_not_in_the_parcel() -> None:
    order = [placed(line(1, 2), line(2, 2)), sourced(share(1, 2), share(2, 2)), CONFIRMED]
    work = [*order, opened(part(1, 2), part(2, 2)), PICKING, SHORT, picked(2, 2)]
    packing(work).then(packed(part(2, 2)))


def test_packing_waits_for_the_last_unit() -> None:
    packing([*IN_PICK, picked(1, 3)]).then_refused(WrongStatus, unpicked={1: 1})
    packing(IN_WORK).then_refused(WrongStatus, status="open")
    packing([*IN_PICK, displaced(1, 4)]).then_refused(WrongStatus, unpicked={})
    packing([*IN_PICK, picked(1, 4)], parcels=0).then_refused(Invalid, field="parcels")
    packing([*IN_PICK, picked(1, 4)], packer="").then_refused(Invalid, field="packer")


def test_shipments_are_numbered_within_the_order() -> None:
    second = [
        *PACKED[:-1],
        packed(part(1, 4)),
        opened(part(1, 1), key="F2", location="YORK"),
        PickStarted(fulfilment_id="F2", picker="ada"),
        ItemsPicked(fulfilment_id="F2", line=1, quantity=1),
    ]
    (event,) = ask(second, lambda order: pack(order, "F2", 1, "ada")).accepted()
    assert isinstance(event, ShipmentPacked)
    assert event.shipment_id == "S2"


def test_a_second_person_verifies() -> None:
    verifying(PACKED, "bob").then(VERIFIED)
    verifying([*PACKED, VERIFIED], "eve").then_nothing()
    for same in ("ada", "Ada", " A da", "ADA\u00a0"):
        verifying(PACKED, same).then_refused(SamePerson)
    verifying(PACKED, "").then_refused(Invalid, field="verifier")
    verifying(IN_PICK, "bob").then_refused(UnknownShipment, shipment_id="S1")


@pytest.mark.parametrize("quantity", [1, 4])
def test_a_short_pick_takes_the_promise_away(quantity: int) -> None:
    event = PickShort(fulfilment_id="F1", line=1, quantity=quantity)
    known = ORDER.fold([*IN_PICK, event]).lines[1]
    assert known.unsourced == quantity
    assert sum(known.allocated.values()) == 4 - quantity
