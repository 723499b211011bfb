"""What each location holds, has promised and expects."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.stock import events as e
from projections.inventory import (
    INVENTORY,
    SkuInventory,
    inventory_page,
    movements_page,
    over_locations,
    stock_item,
)
from projections.inventory_folds import FOLDS
from projections.inventory_rows import InventoryRow, MovementRow
from tests.projections.memory import MINUTE, START, MemoryModel, given, history

REGISTERED = e.StockItemRegistered(sku="85123A", location="LEEDS", title="T-light holder")
RECEIVED = e.StockReceived(quantity=10, document="PO-1", unit_cost=120, currency="GBP", lot="L7")
ALLOCATED = e.StockAllocated(order_id="1", line=1, quantity=4)
WAITING = e.StockBackordered(order_id="2", line=1, quantity=3, placed_at=START)
RESERVED = e.StockReserved(
    reservation_id="R1", owner="cart-1", quantity=2, expires_at=START + timedelta(hours=1)
)


def stock(*events: object) -> MemoryModel:
    return seen(given(INVENTORY, history("stock-LEEDS-85123A", REGISTERED, *events)))


def seen(found: MemoryModel, now: datetime = START) -> MemoryModel:
    """With the columns that the database computes for a reader at this moment."""
    for item in found.of(InventoryRow):
        item.reserved = sum(
            known["quantity"]
            for known in item.reservations.values()
            if datetime.fromisoformat(known["expires_at"]) > now
        )
        taken = item.allocated + item.reserved + item.unavailable + item.safety_stock
        item.available = max(0, item.on_hand - taken)
    return found


def expected(quantity: int, document: str = "PO-1") -> e.StockExpected:
    return e.StockExpected(document=document, quantity=quantity, eta=START)


def moved(from_state: e.State, to_state: e.State, quantity: int) -> e.StockStateMoved:
    return e.StockStateMoved(
        from_state=from_state, to_state=to_state, quantity=quantity, reason="checked"
    )


def test_a_registered_item_is_empty() -> None:
    stock().then(
        InventoryRow,
        stock_item="LEEDS-85123A",
        location="LEEDS",
        sku="85123A",
        title="T-light holder",
        status="active",
        on_hand=0,
        available=0,
        out_of_stock=True,
        version=1,
    )


def test_received_units_are_available() -> None:
    stock(RECEIVED).then(
        InventoryRow, on_hand=10, available=10, version=2, updated_at=START + MINUTE
    )


def test_a_dash_in_the_sku_belongs_to_the_item() -> None:
    item = e.StockItemRegistered(sku="A-B", location="LEEDS")
    given(INVENTORY, history("stock-LEEDS-A-B", item)).then(InventoryRow, stock_item="LEEDS-A-B")


@pytest.mark.parametrize(
    ("events", "counters"),
    [
        ((RESERVED,), {"reserved": 2, "available": 8}),
        (
            (RESERVED, e.ReservationReleased(reservation_id="R1", quantity=2, reason="expired")),
            {"reserved": 0, "available": 10},
        ),
        (
            (
                replace(RESERVED, expires_at=START),
                e.ReservationExtended(reservation_id="R1", expires_at=START + MINUTE),
            ),
            {"reserved": 2, "available": 8, "version": 4},
        ),
        (
            (replace(RESERVED, expires_at=START),),
            {"reserved": 0, "available": 10, "reserved_until": START},
        ),
        ((ALLOCATED,), {"allocated": 4, "available": 6, "on_hand": 10}),
        (
            (
                ALLOCATED,
                e.StockAllocationReleased(order_id="1", line=1, quantity=3, reason="cancelled"),
            ),
            {"allocated": 1, "available": 9},
        ),
        (
            (ALLOCATED, e.StockShipped(order_id="1", line=1, quantity=4, shipment_id="S1")),
            {"allocated": 0, "available": 6, "on_hand": 6},
        ),
        (
            (
                ALLOCATED,
                e.StockAllocationDisplaced(
                    order_id="1", line=1, quantity=1, reason="counted", placed_at=START
                ),
            ),
            {"allocated": 3, "backordered": 1},
        ),
        ((WAITING,), {"backordered": 3, "available": 10}),
        (
            (WAITING, e.BackorderFilled(order_id="2", line=1, quantity=2)),
            {"backordered": 1, "allocated": 2, "available": 8},
        ),
        (
            (
                WAITING,
                e.BackorderCancelled(order_id="2", line=1, quantity=3, reason="cancelled"),
            ),
            {"backordered": 0},
        ),
        ((e.StockAdjusted(delta=-3, reason="theft"),), {"on_hand": 7, "available": 7}),
        ((e.StockCounted(counted=8, expected=10),), {"on_hand": 8, "available": 8}),
        (
            (moved("sellable", "damaged", 3),),
            {"unavailable": 3, "available": 7, "unavailable_by_state": {"damaged": 3}},
        ),
        (
            (moved("sellable", "damaged", 3), moved("damaged", "other", 1)),
            {"unavailable": 3, "unavailable_by_state": {"damaged": 2, "other": 1}},
        ),
        (
            (moved("sellable", "damaged", 3), moved("damaged", "sellable", 3)),
            {"unavailable": 0, "available": 10, "unavailable_by_state": {}},
        ),
        (
            (
                e.StockPolicyChanged(
                    backorder_limit=None, preorder=True, safety_stock=4, reorder_point=5
                ),
            ),
            {
                "safety_stock": 4,
                "available": 6,
                "backorder_limit": None,
                "preorder": True,
                "reorder_point": 5,
            },
        ),
        ((e.StockPolicyChanged(safety_stock=40),), {"available": 0}),
        ((e.StockItemSuspended(reason="recall"),), {"status": "suspended"}),
        ((e.StockItemSuspended(reason="recall"), e.StockItemResumed()), {"status": "active"}),
        ((e.StockItemDiscontinued(reason="old"),), {"status": "discontinued"}),
        ((e.BackInStock(available=10),), {"out_of_stock": False}),
        ((e.BackInStock(available=10), e.OutOfStock()), {"out_of_stock": True}),
        ((e.LowStockReached(threshold=5, available=5),), {"low_stock": True}),
        (
            (
                e.LowStockReached(threshold=5, available=5),
                e.LowStockCleared(threshold=5, available=7),
            ),
            {"low_stock": False},
        ),
        ((e.ReorderSuggested(quantity=20),), {"version": 3, "on_hand": 10}),
    ],
)
def test_ten_units_and_what_becomes_of_them(
    events: tuple[object, ...], counters: dict[str, object]
) -> None:
    stock(RECEIVED, *events).then(InventoryRow, **counters)


@pytest.mark.parametrize(
    ("events", "incoming", "documents"),
    [
        ((expected(5),), 5, {"PO-1": 5}),
        ((expected(5), expected(7)), 7, {"PO-1": 7}),
        ((expected(5), expected(7, "PO-2")), 12, {"PO-1": 5, "PO-2": 7}),
        ((expected(12), RECEIVED), 2, {"PO-1": 2}),
        ((expected(10), RECEIVED), 0, {}),
        ((expected(5), RECEIVED), 0, {}),
        ((expected(5, "PO-2"), RECEIVED), 5, {"PO-2": 5}),
    ],
)
def test_announced_units_come_in_by_document(
    events: tuple[object, ...], incoming: int, documents: dict[str, int]
) -> None:
    (item,) = stock(*events).of(InventoryRow)
    assert item.incoming == incoming
    known = item.incoming_documents.items()
    assert {name: announced["quantity"] for name, announced in known} == documents


def test_a_forced_dispatch_takes_only_what_was_promised() -> None:
    waits_no_more = e.BackorderCancelled(order_id="1", line=1, quantity=3, reason="forced")
    left = e.StockShipped(order_id="1", line=1, quantity=4, shipment_id="S1", forced=True)
    one_left = e.StockAllocated(order_id="1", line=1, quantity=1)
    before = (REGISTERED, replace(WAITING, order_id="1"), one_left, waits_no_more)
    events = history("stock-LEEDS-85123A", *before, left)
    events[-1] = replace(events[-1], command_id=events[-2].command_id)
    given(INVENTORY, events).then(InventoryRow, allocated=0, backordered=0, on_hand=-4, available=0)


def test_only_the_same_command_can_ship_what_it_lets_wait_no_more() -> None:
    before = (RECEIVED, ALLOCATED, WAITING, replace(WAITING, order_id="1"))
    ended = [
        e.BackorderCancelled(order_id=order_id, line=1, quantity=2, reason="cancelled")
        for order_id in ("1", "2")
    ]
    left = e.StockShipped(order_id="1", line=1, quantity=4, shipment_id="S1", forced=True)
    stock(*before, ended[0], left).then(InventoryRow, allocated=0, on_hand=6)
    events = history("stock-LEEDS-85123A", REGISTERED, *before, *ended, left)
    events[-1] = replace(events[-1], command_id=events[-2].command_id)
    given(INVENTORY, events).then(InventoryRow, allocated=0, on_hand=6)


def test_every_change_of_the_units_on_hand_stands_in_the_ledger() -> None:
    found = stock(
        RECEIVED,
        ALLOCATED,
        e.StockShipped(order_id="1", line=1, quantity=4, shipment_id="S1"),
        e.StockAdjusted(delta=-1, reason="theft", reference="A9"),
        e.StockCounted(counted=7, expected=5),
    )
    ledger = found.of(MovementRow)
    assert [(row.kind, row.units, row.on_hand) for row in ledger] == [
        ("received", 10, 10),
        ("shipped", -4, 6),
        ("adjusted", -1, 5),
        ("counted", 2, 7),
    ]
    assert sum(row.units for row in ledger) == found.of(InventoryRow)[0].on_hand
    found.then(
        MovementRow,
        2,
        day=START.date(),
        at=START + MINUTE,
        document="PO-1",
        unit_cost=120,
        currency="GBP",
        lot="L7",
        actor="ada",
    )
    found.then(MovementRow, 4, order_id="1", line=1, shipment_id="S1")
    found.then(MovementRow, 5, reason="theft", document="A9")


def test_an_unknown_event_moves_the_version_and_an_unregistered_item_leaves_no_row() -> None:
    stock(object()).then(InventoryRow, version=2)
    given(INVENTORY, history("stock-LEEDS-85123A", RECEIVED)).then_nothing()


def test_every_event_that_changes_a_counter_has_a_fold() -> None:
    changes_nothing = {e.StockItemRegistered, *INVENTORY.ignores}
    assert set(e.EVENTS) - changes_nothing == set(FOLDS)


def test_a_sku_is_summed_over_its_locations() -> None:
    elsewhere = e.StockItemRegistered(sku="85123A", location="YORK")
    found = given(
        INVENTORY,
        [
            *history("stock-LEEDS-85123A", REGISTERED, RECEIVED, ALLOCATED),
            *history("stock-YORK-85123A", elsewhere, RECEIVED, e.StockItemSuspended(reason="x")),
        ],
    )
    assert over_locations("85123A", seen(found).of(InventoryRow)) == SkuInventory(
        sku="85123A",
        locations=2,
        on_hand=20,
        reserved=0,
        allocated=4,
        unavailable=0,
        backordered=0,
        incoming=0,
        available=6,
    )


def test_stock_is_found_by_what_is_given() -> None:
    assert stock_item("LEEDS", "A-B").where == {"stock_item": "LEEDS-A-B"}
    page = inventory_page(location="LEEDS", low_stock=True, after=("A", "LEEDS"))
    assert page.where == {"location": "LEEDS", "low_stock": True}
    assert (page.order, page.after) == (("sku", "location"), ("A", "LEEDS"))
    assert inventory_page(out_of_stock=False).where == {"out_of_stock": False}


def test_the_ledger_is_read_from_its_end() -> None:
    page = movements_page("LEEDS", "A", after=9)
    assert (page.order, page.descending, page.after) == (("stream_version",), True, (9,))
