"""What holds for every read model, and for every day of trade."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from domain.decider import Recorded
from domain.order.state import ORDER, Line, Order
from domain.stock.state import STOCK_ITEM
from projections import PROJECTIONS
from projections.inventory import INVENTORY
from projections.inventory_rows import InventoryRow, MovementRow
from projections.order_status import ORDER_STATUS
from projections.order_status_rows import (
    FulfilmentRow,
    OrderLineRow,
    OrderStatusRow,
    PaymentRow,
    ShipmentRow,
)
from projections.order_timeline import ORDER_TIMELINE, TimelineRow
from projections.projection import Projection
from projections.reporting import REPORTING
from projections.reporting_folds import GIVEN_UP
from projections.reporting_rows import ReportFactRow, ReportLineRow, ReportOrderRow
from tests.domain.order.statuses import fulfilment_status, payment_status
from tests.projections.histories import TRADES, by_stream
from tests.projections.memory import MemoryModel, given

# A day of trade takes long to draw, and many laws look at it.
THOROUGHLY = settings(max_examples=40, deadline=None)
BY_NAME = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.name)


@BY_NAME
@THOROUGHLY
@drawn(TRADES, st.binary(max_size=300), st.integers(1, 60))
def test_any_interleaving_in_any_batches_gives_equal_rows(
    projection: Projection, trade: list[Recorded], choices: bytes, batch: int
) -> None:
    shuffled = given(projection, interleaved(trade, choices), batch=batch)
    assert shuffled.rows() == given(projection, trade).rows()


def interleaved(trade: list[Recorded], choices: Sequence[int]) -> list[Recorded]:
    """Another order of the same facts, which keeps that of each stream."""
    waiting = [events[::-1] for events in by_stream(trade).values()]
    found = []
    for chosen in (*choices, *[0] * len(trade)):
        if not waiting:
            break
        events = waiting[chosen % len(waiting)]
        found.append(events.pop())
        if not events:
            waiting.remove(events)
    return found


def orders(trade: list[Recorded]) -> list[tuple[str, Order]]:
    """Every order as its own fold has it, with its bare id."""
    return [
        (stream.removeprefix("order-"), ORDER.fold(known.event for known in events))
        for stream, events in by_stream(trade, "order-").items()
    ]


def one(found: MemoryModel, row: type, bare_id: str) -> Any:
    """The only row of a stream."""
    return found.tables[row].rows[bare_id,]


@THOROUGHLY
@drawn(TRADES)
def test_an_order_is_as_its_fold_has_it(trade: list[Recorded]) -> None:
    found = given(ORDER_STATUS, trade, batch=7)
    for order_id, order in orders(trade):
        row = one(found, OrderStatusRow, order_id)
        assert row.status == order.status
        assert row.fulfilment_status == fulfilment_status(order)
        assert row.payment_status == payment_status(order)
        assert row.hold_reasons == order.holds
        assert (row.holds, row.on_hold) == (len(order.holds), bool(order.holds))
        assert row.total - row.cancelled_amount == order.owed
        assert row.captured - row.refunded == order.paid
        assert row.exceptions.keys() == {
            key for key, known in order.exceptions.items() if known.open
        }
        assert row.open_exceptions == len(row.exceptions)
        payments = [each for each in found.of(PaymentRow) if each.order_id == order_id]
        assert {each.payment_id: each.captured for each in payments} == order.payments
        assert sum(each.refunded for each in payments) == row.refunded
        goods = [line for line in order.lines.values() if line.kind == "stock"]
        assert units_of(row) == tuple(map(sum, zip(*map(counters_of, goods), strict=True))) or not (
            goods or any(units_of(row))
        )


def units_of(row: OrderStatusRow) -> tuple[int, ...]:
    return (
        *(row.units_ordered, row.units_cancelled, row.units_unsourced, row.units_allocated),
        *(row.units_backordered, row.units_shipped, row.units_delivered, row.units_lost),
    )


def counters_of(line: Line) -> tuple[int, ...]:
    return (
        *(line.ordered, line.cancelled, line.unsourced, sum(line.allocated.values())),
        *(sum(line.backordered.values()), line.shipped, line.delivered, line.lost),
    )


@THOROUGHLY
@drawn(TRADES)
def test_a_line_is_as_its_orders_fold_has_it(trade: list[Recorded]) -> None:
    found = given(ORDER_STATUS, trade, batch=7)
    for order_id, order in orders(trade):
        picked, packed = worked(order)
        for number, line in order.lines.items():
            row = found.tables[OrderLineRow].rows[order_id, number]
            assert counters_of(line) == (
                *(row.ordered, row.cancelled, row.unsourced, row.allocated),
                *(row.backordered, row.shipped, row.delivered, row.lost),
            )
            assert row.allocated_at == line.allocated
            assert (row.picked, row.packed) == (picked[number], packed[number])


def worked(order: Order) -> tuple[dict[int, int], dict[int, int]]:
    """Units picked and packed of each line, in work that was not taken back."""
    picked: dict[int, int] = defaultdict(int)
    packed: dict[int, int] = defaultdict(int)
    for work in order.fulfilment_orders.values():
        for line, part in work.lines.items():
            picked[line] += part.picked if work.status != "cancelled" else 0
            packed[line] += part.packed
    return picked, packed


@THOROUGHLY
@drawn(TRADES)
def test_work_is_as_its_orders_fold_has_it(trade: list[Recorded]) -> None:
    found = given(ORDER_STATUS, trade, batch=7)
    for order_id, order in orders(trade):
        for key, work in order.fulfilment_orders.items():
            row = found.tables[FulfilmentRow].rows[order_id, key]
            assert (row.location, row.status) == (work.location, work.status)
            assert (row.pending, row.picker) == (work.pending, work.picker)
            for number, part in work.lines.items():
                units = row.lines[str(number)]
                assert units["sku"] == order.lines[number].sku
                assert (units["quantity"], units["picked"]) == (part.quantity, part.picked)
                assert (units["packed"], units["short"]) == (part.packed, part.short)
        busy = [w for w in order.fulfilment_orders.values() if w.status in ("picking", "packed")]
        assert one(found, OrderStatusRow, order_id).work_in_progress == len(busy)


@THOROUGHLY
@drawn(TRADES)
def test_a_shipment_is_as_its_orders_fold_has_it(trade: list[Recorded]) -> None:
    found = given(ORDER_STATUS, trade, batch=7)
    for order_id, order in orders(trade):
        for key, shipment in order.shipments.items():
            row = found.tables[ShipmentRow].rows[order_id, key]
            assert (row.status, row.location) == (shipment.status, shipment.location)
            assert (row.packer, row.verifier) == (shipment.packer, shipment.verifier)
            assert (row.tracking_status, row.tracked_at) == (shipment.tracking, shipment.tracked_at)
            assert row.lines == {str(part.line): part.quantity for part in shipment.lines}


@THOROUGHLY
@drawn(TRADES)
def test_every_fact_of_an_order_is_told(trade: list[Recorded]) -> None:
    told = given(ORDER_TIMELINE, trade, batch=7).of(TimelineRow)
    facts = [known for events in by_stream(trade, "order-").values() for known in events]
    assert sorted((row.event_id, row.type) for row in told) == sorted(
        (known.event_id, known.type) for known in facts
    )
    assert all(row.what for row in told)


def sums(facts: Sequence[ReportFactRow]) -> dict[str, tuple[int, int]]:
    """Units and amount of facts, by kind."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for fact in facts:
        units, amount = found[fact.kind]
        found[fact.kind] = units + fact.units, amount + fact.amount
    return found


@THOROUGHLY
@drawn(TRADES)
def test_the_parts_of_every_line_add_up(trade: list[Recorded]) -> None:
    found = given(REPORTING, trade, batch=7)
    facts = found.of(ReportFactRow)
    for line in found.of(ReportLineRow):
        mine = sums([f for f in facts if (f.order_id, f.line) == (line.order_id, line.line)])
        assert mine["cancelled"][0] == (line.cancelled if line.kind == "stock" else 0)
        assert mine["shipped"][0] == line.shipped
        assert mine["delivered"][0] == line.delivered
        assert mine["lost"][0] + mine["returned_to_sender"][0] == line.lost
        if line.cancelled + line.shipped == line.quantity:
            assert mine["cancelled"][1] + mine["shipped"][1] == line.amount
        if line.delivered + line.lost == line.shipped:
            ended = ("delivered", "lost", "returned_to_sender")
            assert mine["shipped"][1] == sum(mine[kind][1] for kind in ended)


@THOROUGHLY
@drawn(TRADES)
def test_reports_agree_with_the_orders(trade: list[Recorded]) -> None:
    found, status = given(REPORTING, trade, batch=7), given(ORDER_STATUS, trade)
    for row in status.of(OrderStatusRow):
        order = one(found, ReportOrderRow, row.order_id)
        totals = sums([f for f in found.of(ReportFactRow) if f.order_id == row.order_id])
        assert (order.units, order.amount) == (row.units_ordered, row.total)
        assert totals["cancelled"] == (row.units_cancelled, row.cancelled_amount)
        assert promises(found, row.order_id) == (
            *(row.units_allocated, row.units_backordered, row.units_unsourced),
        )
        assert totals["shipped"][0] == row.units_shipped
        assert totals["delivered"][0] == row.units_delivered
        gone = totals["lost"][0] + totals["returned_to_sender"][0]
        assert gone == row.units_lost
        assert (totals["captured"][1], totals["refunded"][1]) == (row.captured, row.refunded)
        assert order.dispatched_at == row.dispatched_at
        assert order.delivered_at == row.delivered_at
        assert order.shipments.keys() == {
            s.shipment_id if s.status == "dispatched" else f"{s.status} {s.shipment_id}"
            for s in status.of(ShipmentRow)
            if s.order_id == row.order_id and s.status in ("dispatched", *GIVEN_UP)
        }


def promises(found: MemoryModel, order_id: str) -> tuple[int, int, int]:
    """What an order's units came to, from the first promises and all that changed them."""
    order = one(found, ReportOrderRow, order_id)
    facts = [fact for fact in found.of(ReportFactRow) if fact.order_id == order_id]
    return (
        order.units_allocated + sum(fact.allocated_change for fact in facts),
        order.units_backordered + sum(fact.backordered_change for fact in facts),
        order.units
        - order.units_allocated
        - order.units_backordered
        + sum(fact.unsourced_change for fact in facts),
    )


SAME = (
    *("status", "sku", "location", "title", "on_hand", "allocated", "backordered"),
    *("safety_stock", "preorder", "backorder_limit", "reorder_point", "reorder_quantity"),
    *("out_of_stock", "low_stock"),
)


@THOROUGHLY
@drawn(TRADES)
def test_a_stock_item_is_as_its_fold_has_it(trade: list[Recorded]) -> None:
    found = given(INVENTORY, trade, batch=7)
    for stream, events in by_stream(trade, "stock-").items():
        item = STOCK_ITEM.fold(known.event for known in events)
        row = one(found, InventoryRow, stream.removeprefix("stock-"))
        assert {name: getattr(row, name) for name in SAME} == {
            name: getattr(item, name) for name in SAME
        }
        assert row.unavailable_by_state == item.unavailable
        assert row.unavailable == sum(item.unavailable.values())
        assert {name: known["quantity"] for name, known in row.incoming_documents.items()} == {
            name: known.quantity for name, known in item.incoming.items()
        }
        assert row.incoming == sum(known.quantity for known in item.incoming.values())
        assert {name: known["quantity"] for name, known in row.reservations.items()} == {
            name: known.quantity for name, known in item.reservations.items()
        }
        ends = [known.expires_at for known in item.reservations.values()]
        assert row.reserved_until == max(ends, default=None)
        assert row.version == len(events)


@THOROUGHLY
@drawn(TRADES)
def test_the_ledger_adds_up_to_what_is_on_hand(trade: list[Recorded]) -> None:
    found = given(INVENTORY, trade, batch=7)
    for item in found.of(InventoryRow):
        ledger = [row for row in found.of(MovementRow) if row.stock_item == item.stock_item]
        assert sum(row.units for row in ledger) == item.on_hand


@BY_NAME
def test_every_table_and_column_is_documented(projection: Projection) -> None:
    for table in projection.tables:
        names = [column.name for column in fields(table.row)]
        assert list(table.columns) == names
        assert all(text.strip() for text in (table.about, *table.columns.values()))
        used = {*table.key, *(name for index in table.indexes for name in index)}
        assert used <= set(names)


def test_read_models_and_tables_have_names_of_their_own() -> None:
    names = [projection.name for projection in PROJECTIONS]
    tables = [table.name for p in PROJECTIONS for table in p.tables]
    shown = tables + [view for p in PROJECTIONS for view in p.views]
    assert len(set(names)) == len(names)
    assert len(set(shown)) == len(shown)
