"""Choosing again, on both sides of every promise: at closed or excluded places, and elsewhere."""

from dataclasses import replace

from commands.fulfilment import OpenFulfilmentOrders, ReportShort, StartPick
from commands.location import CloseLocation
from commands.order import ConfirmOrder
from commands.resourcing import SourceOrder, SourceWaiting
from commands.stock import CountStock, DiscontinueStockItem, FillBackorders, SetStockPolicy
from domain.errors import InsufficientStock, NoEligibleLocation
from domain.order.events import LineUnsourced
from domain.stock.events import BackorderCancelled, StockAllocated, StockAllocationReleased
from domain.stock.state import STOCK_ITEM
from tests.commands.memory import MemoryLog
from tests.commands.shop import (
    LEEDS,
    ORDER_ID,
    STREAM,
    YORK,
    allocated,
    an_order,
    ask,
    order_of,
    receive,
    refused,
    trade,
    written,
)

AGAIN = SourceOrder(order_id=ORDER_ID)
OFFER = SourceWaiting(order_id=ORDER_ID, sku="lamp")
CLOSE = CloseLocation(location="LEEDS", reason="flood")
GONE = CountStock(location="LEEDS", sku="lamp", counted=0)


def ordered(quantity: int, **stock: int) -> MemoryLog:
    """An order that waits at Leeds for what neither place has."""
    log = trade(**stock)
    for location in stock:
        policy = SetStockPolicy(location=location, sku="lamp", backorder_limit=9)
        ask(log, replace(policy, backorder_limit=0 if location == "YORK" else 9))
    ask(log, an_order(quantity, shortage_policy="backorder", preferred_location="LEEDS"))
    return log


def held(log: MemoryLog) -> tuple[dict[str, int], dict[str, int], int]:
    line = order_of(log).lines[1]
    return line.allocated, line.backordered, line.unsourced


def test_what_waits_at_an_excluded_place_comes_from_another() -> None:
    log = ordered(1, LEEDS=0, YORK=0)
    receive(log, 5, "YORK")
    ask(log, GONE)
    assert written(log, replace(AGAIN, excluded=("LEEDS",)))[:1] == [
        (
            STREAM,
            LineUnsourced(
                line=1, location="LEEDS", quantity=1, promise="backordered", cause="excluded"
            ),
        )
    ]
    assert held(log) == ({"YORK": 1}, {}, 0)
    assert log.state(STOCK_ITEM, LEEDS).backorders == {}
    assert log.state(STOCK_ITEM, YORK).allocations == {f"{ORDER_ID}/1": 1}


def test_a_closed_place_gives_up_its_promises() -> None:
    log = ordered(5, LEEDS=2, YORK=0)
    receive(log, 4, "YORK")
    ask(log, ConfirmOrder(order_id=ORDER_ID))
    ask(log, CLOSE)
    receive(log, 4)
    assert held(log) == ({"LEEDS": 2}, {"LEEDS": 3}, 0)
    refused(log, OpenFulfilmentOrders(order_id=ORDER_ID), NoEligibleLocation)
    facts = dict(reversed(written(log, AGAIN)))
    assert held(log) == ({"LEEDS": 1, "YORK": 4}, {}, 0)
    assert YORK in facts
    ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    works = order_of(log).fulfilment_orders.values()
    assert [work.location for work in works] == ["YORK"]
    assert log.state(STOCK_ITEM, LEEDS).allocations == {f"{ORDER_ID}/1": 1}


def test_units_that_a_closed_place_gives_up_serve_nobody_there() -> None:
    log = ordered(2, LEEDS=2, YORK=0)
    ask(log, an_order(1, order_id="b", reference="b", shortage_policy="backorder"))
    receive(log, 1, "YORK")
    ask(log, CLOSE)
    freed = StockAllocationReleased(order_id=ORDER_ID, line=1, quantity=1, reason="closed")
    assert (LEEDS, freed) in written(log, AGAIN)
    assert log.state(STOCK_ITEM, LEEDS).backorders.keys() == {"b/1"}


def test_without_another_place_nothing_is_given_up() -> None:
    log = ordered(5, LEEDS=2, YORK=0)
    ask(log, CLOSE)
    refused(log, AGAIN, InsufficientStock)
    assert held(log) == ({"LEEDS": 2}, {"LEEDS": 3}, 0)


def test_what_waits_for_a_discontinued_item_is_taken_back() -> None:
    log = ordered(3, LEEDS=0, YORK=0)
    ask(log, DiscontinueStockItem(location="LEEDS", sku="lamp", reason="old"))
    receive(log, 2, "YORK")
    ask(log, AGAIN)
    assert held(log) == ({"YORK": 2}, {}, 1)


def test_what_is_free_elsewhere_is_offered_and_the_rest_waits_on() -> None:
    log = ordered(5, LEEDS=0, YORK=0)
    assert not ask(log, OFFER).changed
    receive(log, 2, "YORK")
    taken = LineUnsourced(
        line=1, location="LEEDS", quantity=2, promise="backordered", cause="sourced-elsewhere"
    )
    events = written(log, OFFER)
    ended = BackorderCancelled(order_id=ORDER_ID, line=1, quantity=2, reason="sourced-elsewhere")
    assert [event for _, event in events if not hasattr(event, "splits")][:3] == [
        taken,
        ended,
        allocated(1, 2),
    ]
    assert held(log) == ({"YORK": 2}, {"LEEDS": 3}, 0)
    assert not ask(log, OFFER).changed


def test_nobody_is_passed_over_who_waits_there() -> None:
    log = ordered(5, LEEDS=0, YORK=0)
    ask(log, SetStockPolicy(location="YORK", sku="lamp", backorder_limit=9))
    there = an_order(2, order_id="b", reference="b", shortage_policy="backorder",
                     preferred_location="YORK")  # fmt: skip
    ask(log, there)
    ask(log, replace(GONE, location="YORK"))
    receive(log, 3, "YORK")
    ask(log, OFFER)
    assert held(log) == ({"YORK": 1}, {"LEEDS": 4}, 0)
    assert log.state(STOCK_ITEM, YORK).allocations == {"b/1": 2, f"{ORDER_ID}/1": 1}


def test_after_a_short_pick_an_order_that_may_wait_shows_what_has_no_source() -> None:
    log = ordered(2, LEEDS=2, YORK=0)
    for step in (ConfirmOrder(order_id=ORDER_ID), OpenFulfilmentOrders(order_id=ORDER_ID)):
        ask(log, step)
    ask(log, StartPick(order_id=ORDER_ID, fulfilment_id="F1"))
    ask(log, ReportShort(order_id=ORDER_ID, fulfilment_id="F1", line=1, quantity=1))
    assert held(log) == ({"LEEDS": 1}, {}, 1)
    assert not ask(log, OFFER).changed
    receive(log, 1, "YORK")
    assert [event for _, event in written(log, OFFER) if isinstance(event, StockAllocated)] == [
        allocated(1, 1)
    ]
    assert held(log) == ({"LEEDS": 1, "YORK": 1}, {}, 0)


def test_the_filler_leaves_a_closed_place_alone() -> None:
    log = ordered(3, LEEDS=0, YORK=0)
    ask(log, CLOSE)
    receive(log, 4)
    receipt = ask(log, FillBackorders(location="LEEDS", sku="lamp"))
    assert (receipt.changed, receipt.details) == (False, {"waiting": 1})
