"""From the shelf to the customer through the handlers, with the stock that moves along."""

from dataclasses import replace
from typing import Any

from commands.fulfilment import (
    CancelFulfilmentOrder,
    ConfirmDelivery,
    ConfirmPick,
    Dispatch,
    OpenFulfilmentOrders,
    Pack,
    RecordTracking,
    ReportLost,
    ReportReturnedToSender,
    ReportShort,
    StartPick,
    VerifyPack,
)
from commands.order import CompleteOrder, ConfirmOrder
from commands.resourcing import SourceOrder
from commands.stock import CountStock, SetStockCodes, SetStockPolicy
from domain.errors import (
    InsufficientStock,
    NoEligibleLocation,
    OverPick,
    SamePerson,
    UnknownFulfilmentOrder,
    UnknownOrder,
    UnknownShipment,
    WrongItemScanned,
)
from domain.order.events import LineBackordered, PickShort, SourcingDecided
from domain.order.state import ORDER
from domain.stock.events import (
    BackorderCancelled,
    OutOfStock,
    StockAllocationDisplaced,
    StockAllocationReleased,
    StockShipped,
    StockStateMoved,
)
from domain.stock.state import STOCK_ITEM
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.shop import (
    LEEDS,
    ORDER_ID,
    STREAM,
    YORK,
    an_order,
    ask,
    order_of,
    receive,
    refused,
    trade,
    written,
)
from tests.domain.order.histories import share
from tests.domain.stock.histories import NOW

WORK: dict[str, Any] = {"order_id": ORDER_ID, "fulfilment_id": "F1"}
PARCEL: dict[str, Any] = {"order_id": ORDER_ID, "shipment_id": "S1"}
DISPATCH = Dispatch(**PARCEL, carrier="post")


def in_pick(log: MemoryLog, quantity: int, **more: Any) -> MemoryLog:
    """An order of lamps, confirmed and given to a picker."""
    ask(log, an_order(quantity, **more))
    ask(log, ConfirmOrder(order_id=ORDER_ID))
    ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    ask(log, StartPick(**WORK))
    return log


def ready(log: MemoryLog, quantity: int) -> MemoryLog:
    """Picked, packed and verified."""
    ask(log, ConfirmPick(**WORK, line=1, quantity=quantity))
    ask(log, Pack(**WORK))
    ask(log, VerifyPack(**PARCEL, verifier="bob"))
    return log


def test_an_order_goes_out_of_the_door() -> None:
    log = ready(in_pick(trade(LEEDS=5), 5, payment_mode="on_account"), 5)
    shipped = StockShipped(order_id=ORDER_ID, line=1, quantity=5, shipment_id="S1")
    assert written(log, DISPATCH)[1:] == [(LEEDS, shipped)]
    assert not ask(log, DISPATCH).changed
    ask(log, RecordTracking(**PARCEL, status="in transit", at=NOW))
    assert ask(log, ConfirmDelivery(**PARCEL)).outcome == "delivered"
    assert ask(log, CompleteOrder(order_id=ORDER_ID)).changed
    assert order_of(log).status == "completed"
    assert log.state(STOCK_ITEM, LEEDS).on_hand == 0


def test_receipts_name_what_was_made() -> None:
    log = trade(LEEDS=3, YORK=3)
    ask(log, an_order(5))
    ask(log, ConfirmOrder(order_id=ORDER_ID))
    opened = ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    assert opened.details == {"fulfilment_ids": ["F1", "F2"]}
    ask(log, StartPick(**WORK))
    again = ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    assert (again.changed, again.details) == (False, {"fulfilment_ids": ["F2"]})
    ask(log, ConfirmPick(**WORK, line=1, quantity=3))
    assert ask(log, Pack(**WORK)).details == {"shipment_id": "S1"}
    assert ask(log, Pack(**WORK)).details == {"shipment_id": "S1"}


def test_the_caller_does_what_nobody_else_is_named_for() -> None:
    log = in_pick(trade(LEEDS=1), 1)
    assert order_of(log).fulfilment_orders["F1"].picker == CONTEXT.actor
    ask(log, ConfirmPick(**WORK, line=1, quantity=1))
    ask(log, Pack(**WORK))
    refused(log, VerifyPack(**PARCEL), SamePerson)
    log.handle(VerifyPack(**PARCEL), replace(CONTEXT, actor="bob"), NOW)
    assert order_of(log).shipments["S1"].verifier == "bob"


def test_a_gtin_is_the_same_with_leading_zeros_and_may_be_added_later() -> None:
    log = in_pick(trade(LEEDS=2), 2)
    codes = ("012345678905", "L-07")
    ask(log, SetStockCodes(location="LEEDS", sku="lamp", codes=codes))
    pick = ConfirmPick(**WORK, line=1, quantity=1, codes=("0012345678905",))
    refused(log, replace(pick, codes=("0L-07",)), WrongItemScanned, code="0L-07", sku="lamp")
    refused(log, replace(pick, codes=("5012345",)), WrongItemScanned)
    assert ask(log, pick).changed


def test_a_scanned_code_must_belong_to_the_sku() -> None:
    log = in_pick(trade(LEEDS=3), 3)
    pick = ConfirmPick(**WORK, line=1, quantity=2, codes=("lamp", "5012345"))
    refused(log, replace(pick, codes=("cup",)), WrongItemScanned, code="cup", sku="lamp")
    assert ask(log, pick).outcome == "picked"
    refused(log, pick, OverPick, remaining=1)
    refused(log, replace(pick, fulfilment_id="F9"), UnknownFulfilmentOrder)


def test_a_short_pick_finds_the_rest_elsewhere() -> None:
    log = in_pick(trade(LEEDS=3, YORK=2), 3)
    (_, short), (stock, freed), (_, moved), *rest = written(
        log, ReportShort(**WORK, line=1, quantity=2)
    )
    assert short == PickShort(fulfilment_id="F1", line=1, quantity=2)
    assert stock == LEEDS
    assert freed == StockAllocationReleased(
        order_id=ORDER_ID, line=1, quantity=2, reason="short-pick"
    )
    assert moved == StockStateMoved(
        from_state="sellable", to_state="other", quantity=2, reason="short-pick"
    )
    (decided,) = [event for _, event in rest if isinstance(event, SourcingDecided)]
    assert decided.allocations == (share(1, 2, "YORK"),)
    assert rest[-1] == (YORK, OutOfStock())
    assert order_of(log).lines[1].allocated == {"LEEDS": 1, "YORK": 2}


def test_the_rest_is_not_looked_for_where_it_was_missing() -> None:
    log = in_pick(trade(LEEDS=90, YORK=2), 3)
    assert order_of(log).lines[1].allocated == {"LEEDS": 3}
    ask(log, ReportShort(**WORK, line=1, quantity=2))
    assert order_of(log).lines[1].allocated == {"LEEDS": 1, "YORK": 2}


def test_what_a_picker_did_not_find_is_not_promised_again() -> None:
    log = in_pick(trade(LEEDS=3), 3)
    ask(log, ReportShort(**WORK, line=1, quantity=2))
    item = log.state(STOCK_ITEM, LEEDS)
    assert (item.on_hand, item.allocated, item.available(NOW)) == (3, 1, 0)
    assert order_of(log).lines[1].unsourced == 2


def test_missing_units_wait_elsewhere_or_keep_looking() -> None:
    log = in_pick(trade(LEEDS=3, YORK=0), 3)
    ask(log, SetStockPolicy(location="YORK", sku="lamp", backorder_limit=1))
    ask(log, ReportShort(**WORK, line=1, quantity=2))
    line = order_of(log).lines[1]
    assert (line.backordered, line.unsourced) == ({"YORK": 1}, 1)
    refused(log, SourceOrder(order_id=ORDER_ID), InsufficientStock, available={"lamp": 0})
    refused(log, SourceOrder(order_id=ORDER_ID, excluded=("LEEDS", "YORK")), NoEligibleLocation)
    receive(log, 2, "YORK")
    assert ask(log, SourceOrder(order_id=ORDER_ID)).outcome == "sourced"
    assert order_of(log).lines[1].allocated == {"LEEDS": 1, "YORK": 2}


def test_work_that_is_all_short_is_over() -> None:
    log = in_pick(trade(LEEDS=3, YORK=3), 3)
    first = order_of(log).fulfilment_orders["F1"].location
    ask(log, ReportShort(**WORK, line=1, quantity=3))
    assert order_of(log).fulfilment_orders["F1"].status == "cancelled"
    opened = ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    assert opened.details == {"fulfilment_ids": ["F2"]}
    assert order_of(log).fulfilment_orders["F2"].location != first


def test_work_taken_back_is_given_anew() -> None:
    log = in_pick(trade(LEEDS=3), 3)
    assert ask(log, CancelFulfilmentOrder(**WORK, reason="busy")).changed
    opened = ask(log, OpenFulfilmentOrders(order_id=ORDER_ID))
    assert opened.details == {"fulfilment_ids": ["F2"]}


def test_a_shipment_comes_back_or_is_lost() -> None:
    for command in (ReportLost, ReportReturnedToSender):
        log = ready(in_pick(trade(LEEDS=1), 1), 1)
        ask(log, DISPATCH)
        assert ask(log, command(**PARCEL, reason="sea")).changed
        assert order_of(log).lines[1].lost == 1


def test_a_forced_dispatch_takes_from_the_youngest_promise_of_others() -> None:
    log = ready(in_pick(trade(LEEDS=5), 3), 3)
    ask(log, an_order(2, order_id="o2", reference="R2"))
    ask(log, CountStock(location="LEEDS", sku="lamp", counted=0))
    receive(log, 2)
    item = log.state(STOCK_ITEM, LEEDS)
    assert item.allocations == {f"{ORDER_ID}/1": 2}
    refused(log, DISPATCH, InsufficientStock, available={"lamp": 2})
    events = written(log, replace(DISPATCH, forced=True))
    assert [event for stream, event in events if stream == LEEDS] == [
        BackorderCancelled(order_id=ORDER_ID, line=1, quantity=1, reason="forced-dispatch"),
        StockShipped(order_id=ORDER_ID, line=1, quantity=3, shipment_id="S1", forced=True),
    ]
    assert log.state(STOCK_ITEM, LEEDS).on_hand == -1


def test_others_wait_again_for_what_a_forced_dispatch_took() -> None:
    log = trade(LEEDS=5)
    ready(in_pick(log, 3), 3)
    ask(log, CountStock(location="LEEDS", sku="lamp", counted=0))
    receive(log, 3)
    ask(log, CountStock(location="LEEDS", sku="lamp", counted=1))
    ask(log, SetStockPolicy(location="LEEDS", sku="lamp", backorder_limit=None))
    ask(log, an_order(1, order_id="o2", reference="R2", shortage_policy="backorder", priority=9))
    receive(log, 1)
    item = log.state(STOCK_ITEM, LEEDS)
    assert item.allocations == {f"{ORDER_ID}/1": 1, "o2/1": 1}
    events = [event for _, event in written(log, replace(DISPATCH, forced=True))]
    assert (
        StockAllocationDisplaced(
            order_id="o2",
            line=1,
            quantity=1,
            reason="forced-dispatch",
            placed_at=NOW,
            priority=9,
        )
        in events
    )
    assert LineBackordered(line=1, location="LEEDS", quantity=1, cause="displaced") in events
    assert log.state(ORDER, "order-o2").lines[1].backordered == {"LEEDS": 1}
    assert STREAM in {stream for stream, _ in log.recorded}


def test_nothing_happens_to_what_does_not_exist() -> None:
    log = trade(LEEDS=1)
    refused(log, OpenFulfilmentOrders(order_id=ORDER_ID), UnknownOrder)
    refused(log, ConfirmPick(**WORK, line=1, quantity=1), UnknownOrder)
    refused(log, ReportShort(**WORK, line=1, quantity=1), UnknownOrder)
    refused(log, Pack(**WORK), UnknownOrder)
    refused(log, DISPATCH, UnknownOrder)
    ask(log, an_order(1))
    refused(log, DISPATCH, UnknownShipment, shipment_id="S1")
    refused(log, ReportShort(**WORK, line=1, quantity=1), UnknownFulfilmentOrder)
