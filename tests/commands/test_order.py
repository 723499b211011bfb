"""Orders through their handlers: both sides of every promise, in one append."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from commands.handling import Contact
from commands.location import CloseLocation
from commands.order import (
    CancelLines,
    CancelOrder,
    CompleteOrder,
    ConfirmOrder,
    PlaceHold,
    RejectOrder,
    ReleaseHold,
    RequestedLine,
)
from commands.payment import RecordPayment, RecordRefund
from commands.resourcing import SourceOrder
from commands.stock import (
    ReserveStock,
    SetStockPolicy,
    SuspendStockItem,
)
from domain.errors import (
    InsufficientStock,
    Invalid,
    NoEligibleLocation,
    ReferenceReused,
    StaleVersion,
    UnknownOrder,
    WrongStatus,
)
from domain.order.events import OrderPlaced, SourcingDecided
from domain.stock.events import (
    BackorderCancelled,
    OutOfStock,
    ReservationReleased,
    StockAllocationReleased,
    StockBackordered,
)
from domain.values import LineQuantity
from tests.commands.memory import CONTEXT
from tests.commands.shop import (
    LEEDS,
    ORDER_ID,
    STREAM,
    allocated,
    an_order,
    ask,
    order_of,
    refused,
    trade,
    written,
)
from tests.domain.order.histories import cancelled, share
from tests.domain.stock.histories import LATER, NOW, SOON

ADA = Contact(contact_id="", name="Ada", email="ada@example.org", city="Leeds")


def test_an_order_and_its_promises_are_one_append() -> None:
    log = trade(LEEDS=5)
    (first, placed), (second, decided), *stock = written(log, an_order(2, 1))
    assert (first, second) == (STREAM, STREAM)
    assert isinstance(placed, OrderPlaced)
    assert isinstance(decided, SourcingDecided)
    assert decided.allocations == (share(1, 2), share(2, 1))
    assert stock == [(LEEDS, allocated(1, 2)), (LEEDS, allocated(2, 1))]


def test_alerts_come_with_their_cause() -> None:
    log = trade(LEEDS=3)
    *_, alert = written(log, an_order(3))
    assert alert == (LEEDS, OutOfStock())


def test_reservations_that_are_over_are_released_first() -> None:
    log = trade(LEEDS=3)
    reserve = ReserveStock(
        location="LEEDS",
        sku="lamp",
        reservation_id="r1",
        owner="cart",
        quantity=2,
        expires_at=SOON,
    )
    ask(log, reserve)
    refused(log, an_order(3), InsufficientStock, available={"lamp": 1})
    log.handle(an_order(3), CONTEXT, LATER)
    released = ReservationReleased(reservation_id="r1", quantity=2, reason="expired")
    assert log.events(LEEDS)[-3:] == [released, allocated(1, 3), OutOfStock()]


def test_the_receipt_names_the_order() -> None:
    receipt = ask(trade(LEEDS=5), an_order(2))
    assert (receipt.id, receipt.stream_id) == (ORDER_ID, STREAM)
    assert (receipt.outcome, receipt.changed, receipt.version) == ("placed", True, 2)


def test_a_repeat_gets_the_first_result() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(2))
    before = list(log.recorded)
    receipt = ask(log, an_order(2))
    assert (receipt.outcome, receipt.changed, receipt.version) == ("placed", False, 2)
    assert log.recorded == before
    refused(log, an_order(3), ReferenceReused, reference="R1")


def test_a_repeat_needs_no_stock_any_more() -> None:
    log = trade(LEEDS=2)
    ask(log, an_order(2))
    ask(log, CloseLocation(location="LEEDS", reason="flood"))
    assert not ask(log, an_order(2)).changed


def test_people_go_to_the_vault_and_never_into_an_event() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(1, contacts={"shipping": ADA, "billing": replace(ADA, name="Bob")}))
    ids = order_of(log).contacts
    assert log.vault == {
        ids["shipping"]: replace(ADA, contact_id=ids["shipping"]),
        ids["billing"]: replace(ADA, name="Bob", contact_id=ids["billing"]),
    }
    assert "Ada" not in repr(log.recorded)


def test_contact_ids_follow_from_the_command() -> None:
    first, again = trade(LEEDS=5), trade(LEEDS=5)
    for log in (first, again):
        ask(log, an_order(1, contacts={"shipping": ADA}))
    assert order_of(first).contacts == order_of(again).contacts
    other = replace(CONTEXT, command_id=UUID(int=2))
    elsewhere = trade(LEEDS=5)
    elsewhere.handle(an_order(1, contacts={"shipping": ADA}), other, NOW)
    assert order_of(first).contacts != order_of(elsewhere).contacts


def test_a_repeat_with_other_people_is_refused_while_the_vault_knows_them() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(1, contacts={"shipping": ADA}))
    assert not ask(log, an_order(1, contacts={"shipping": replace(ADA, contact_id="x")})).changed
    others = [
        {"shipping": replace(ADA, name="Eve")},
        {"shipping": ADA, "billing": ADA},
        {"billing": ADA},
        None,
    ]
    for contacts in others:
        refused(log, an_order(1, contacts=contacts), ReferenceReused, reference="R1")


def test_after_an_erasure_people_are_not_compared() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(1, contacts={"shipping": ADA}))
    log.vault.clear()
    assert not ask(log, an_order(1, contacts={"shipping": replace(ADA, name="Eve")})).changed
    assert not ask(log, an_order(1)).changed


@pytest.mark.parametrize(
    ("contacts", "field"),
    [
        ({"": ADA}, "contacts"),
        ({"shipping": replace(ADA, name="A\0")}, "contacts.shipping.name"),
        ({"shipping": replace(ADA, email="x" * 300)}, "contacts.shipping.email"),
    ],
)
def test_contacts_that_cannot_be_kept_are_named(contacts: dict[str, Contact], field: str) -> None:
    refused(trade(LEEDS=5), an_order(1, contacts=contacts), Invalid, field=field)


def test_a_refused_order_leaves_nothing() -> None:
    log = trade(LEEDS=2)
    refused(log, an_order(3), InsufficientStock, available={"lamp": 2})
    refused(log, an_order(0), Invalid, field="lines.1.quantity")
    refused(log, an_order(), Invalid, field="lines")


@pytest.mark.parametrize("order_id", ["", "a\0b", "x" * 101])
def test_a_name_that_is_none_never_becomes_a_stream(order_id: str) -> None:
    refused(trade(LEEDS=2), an_order(1, order_id=order_id), Invalid, field="order_id")


def test_partial_takes_what_is_there() -> None:
    log = trade(LEEDS=2)
    events = written(log, an_order(3, 1, shortage_policy="partial"))
    assert [event for stream, event in events if stream == STREAM][2:] == [
        cancelled(1, 1, "shortage", unsourced=1),
        cancelled(2, 1, "shortage", unsourced=1),
    ]
    assert [event for stream, event in events if stream == LEEDS] == [allocated(1, 2), OutOfStock()]
    empty = trade(LEEDS=0)
    refused(empty, an_order(3, shortage_policy="partial"), InsufficientStock, available={"lamp": 0})


def test_backorder_waits_in_its_turn() -> None:
    log = trade(LEEDS=2)
    ask(log, SetStockPolicy(location="LEEDS", sku="lamp", backorder_limit=3))
    events = written(log, an_order(4, shortage_policy="backorder", priority=5))
    waits = StockBackordered(order_id=ORDER_ID, line=1, quantity=2, placed_at=NOW, priority=5)
    assert [event for stream, event in events if stream == LEEDS] == [
        allocated(1, 2),
        waits,
        OutOfStock(),
    ]
    other = an_order(2, shortage_policy="backorder", order_id="o2", reference="R2")
    refused(log, other, InsufficientStock, available={"lamp": 0})


def test_what_is_suspended_or_nowhere_is_not_promised() -> None:
    log = trade(LEEDS=2)
    ask(log, SuspendStockItem(location="LEEDS", sku="lamp", reason="recall"))
    refused(log, an_order(1), NoEligibleLocation, filtered_out={"LEEDS": "carries none of it"})
    refused(trade(), an_order(1), NoEligibleLocation, filtered_out={})


def test_charges_alone_need_no_stock() -> None:
    log = trade()
    fee = RequestedLine(sku="POST", quantity=1, unit_price=300, kind="charge")
    assert len(written(log, an_order(lines=(fee,)))) == 1


def test_needs_are_the_policy_the_order_and_the_stock_that_may_serve() -> None:
    log = trade(LEEDS=2, YORK=2)
    ask(log, CloseLocation(location="YORK", reason="flood"))
    assert set(log.load(an_order(1, 1)).loaded) == {"sourcing", STREAM, LEEDS}


def test_a_cancelled_order_frees_its_stock_and_its_place_in_the_queue() -> None:
    log = trade(LEEDS=2)
    ask(log, SetStockPolicy(location="LEEDS", sku="lamp", backorder_limit=None))
    ask(log, an_order(4, shortage_policy="backorder"))
    ask(log, CancelOrder(order_id=ORDER_ID, reason="no more"))
    owner: dict[str, Any] = {"order_id": ORDER_ID, "line": 1, "quantity": 2, "reason": "no more"}
    assert StockAllocationReleased(**owner) in log.events(LEEDS)
    assert BackorderCancelled(**owner) in log.events(LEEDS)
    assert order_of(log).status == "cancelled"
    assert not ask(log, CancelOrder(order_id=ORDER_ID, reason="no more")).changed


def test_a_rejected_order_frees_its_stock() -> None:
    log = trade(LEEDS=2)
    ask(log, an_order(2))
    ask(log, RejectOrder(order_id=ORDER_ID, reason="odd"))
    assert order_of(log).status == "rejected"
    other = an_order(2, order_id="o2", reference="R2")
    assert ask(log, other).changed


def test_cancelled_lines_free_their_stock() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(2, 3))
    command = CancelLines(
        order_id=ORDER_ID, lines=(LineQuantity(line=2, quantity=1),), reason="less"
    )
    receipt = ask(log, command)
    assert receipt.outcome == "lines-cancelled"
    assert StockAllocationReleased(
        order_id=ORDER_ID, line=2, quantity=1, reason="less"
    ) in log.events(LEEDS)
    refused(log, replace(command, order_id="o2"), UnknownOrder)


def test_an_order_goes_from_placed_to_completed() -> None:
    log = trade()
    fee = RequestedLine(sku="POST", quantity=1, unit_price=300, kind="charge")
    ask(log, an_order(lines=(fee,)))
    ask(log, ConfirmOrder(order_id=ORDER_ID))
    ask(log, PlaceHold(order_id=ORDER_ID, hold_id="h1", reason="fraud"))
    ask(log, ReleaseHold(order_id=ORDER_ID, hold_id="h1"))
    payment = RecordPayment(
        order_id=ORDER_ID,
        payment_id="p1",
        provider="bank",
        provider_ref="r1",
        amount=400,
        currency="GBP",
    )
    assert ask(log, payment).outcome == "paid"
    assert not ask(log, payment).changed
    refund = RecordRefund(
        order_id=ORDER_ID,
        refund_id="x1",
        payment_id="p1",
        provider="bank",
        provider_ref="r2",
        amount=100,
        currency="GBP",
        cause="overpaid",
    )
    assert ask(log, refund).outcome == "refunded"
    assert ask(log, CompleteOrder(order_id=ORDER_ID)).outcome == "completed"


def test_units_without_a_source_find_one_later() -> None:
    log = trade(LEEDS=2, YORK=0)
    ask(log, an_order(2, shortage_policy="partial"))
    assert not ask(log, SourceOrder(order_id=ORDER_ID)).changed
    refused(log, SourceOrder(order_id="o2"), UnknownOrder)


def test_if_match_speaks_of_the_order() -> None:
    log = trade(LEEDS=2)
    ask(log, an_order(2))
    stale = replace(CONTEXT, expected_version=1)
    with pytest.raises(StaleVersion):
        log.handle(ConfirmOrder(order_id=ORDER_ID), stale, NOW)
    current = replace(stale, expected_version=2)
    assert log.handle(ConfirmOrder(order_id=ORDER_ID), current, NOW).changed
    refused(log, RejectOrder(order_id=ORDER_ID, reason="odd"), WrongStatus, status="confirmed")
