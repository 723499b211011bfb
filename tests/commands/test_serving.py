"""Who waits comes first: whatever frees units serves the next in turn, in its own append (S0)."""

from dataclasses import replace
from typing import Any

import pytest

from commands import HANDLERS
from commands.location import ChangeLocation, CloseLocation
from commands.order import CancelLines, CancelOrder, PlaceOrder, RejectOrder, RequestedLine
from commands.stock import (
    AdjustStock,
    CountStock,
    ExpireReservations,
    ExtendReservation,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    ReleaseReservation,
    ReserveStock,
    ResumeStockItem,
    SetStockPolicy,
)
from domain.errors import InsufficientStock, NoEligibleLocation
from domain.order.events import LineAllocated
from domain.stock.events import (
    BackInStock,
    BackorderFilled,
    ReservationReleased,
    StockAdjusted,
    StockItemDiscontinued,
    StockItemSuspended,
    StockPolicyChanged,
    StockReceived,
    StockStateMoved,
)
from domain.values import LineQuantity, order_stream, stock_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.stockroom import (
    LOCATION,
    SKU,
    STOCK,
    item_of,
    opened,
    order_of,
    promised,
    waiting,
)
from tests.domain.stock.histories import BEFORE, LATER, NOW, REGISTERED, SOON, reserved

ITEM: dict[str, Any] = {"location": LOCATION, "sku": SKU}
ADJUST = AdjustStock(**ITEM, delta=1, reason="found")
CANCEL = CancelOrder(order_id="a", reason="no more")
RECEIVE = ReceiveStock(**ITEM, quantity=5, document="po-1")
SUSPENDED = StockItemSuspended(reason="recall")
LINES = (LineQuantity(line=1, quantity=1),)


@pytest.fixture
def log() -> MemoryLog:
    """One unit, promised to `a`; `b` waits for one."""
    log = opened(MemoryLog(HANDLERS)).given(STOCK, StockReceived(quantity=1, document="po"))
    return waiting(promised(log, "a", 1), "b", 1, minutes=1)


def handled(log: MemoryLog, command: object) -> list[tuple[str, object]]:
    before = len(log.recorded)
    log.handle(command, CONTEXT, NOW)
    return log.recorded[before:]


def an_order(order_id: str, quantity: int = 1) -> PlaceOrder:
    return PlaceOrder(
        order_id=order_id,
        channel="web",
        country="GB",
        currency="GBP",
        lines=(RequestedLine(sku=SKU, quantity=quantity, unit_price=100),),
        shortage_policy="backorder",
    )


def served(log: MemoryLog, order_id: str = "b") -> int:
    """Units that the order is promised: what both sides say."""
    line = order_of(log, order_id).lines[1]
    units = line.allocated.get(LOCATION, 0)
    assert item_of(log).allocations.get(f"{order_id}/1", 0) == units
    return units


def test_what_one_order_gives_back_is_for_the_one_that_waits_and_not_for_the_next(
    log: MemoryLog,
) -> None:
    log.given(STOCK, StockPolicyChanged(backorder_limit=None))
    handled(log, CANCEL)
    handled(log, an_order("c"))
    assert (served(log, "b"), served(log, "c")) == (1, 0)
    assert order_of(log, "c").lines[1].backordered == {LOCATION: 1}


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ((), CANCEL),
        ((), RejectOrder(order_id="a", reason="no more")),
        ((), CancelLines(order_id="a", lines=LINES, reason="no more")),
        ((), ADJUST),
        ((), CountStock(**ITEM, counted=2)),
        ((), ReceiveStock(**ITEM, quantity=1, document="po")),
        (
            (
                StockReceived(quantity=1, document="po"),
                StockStateMoved(from_state="sellable", to_state="other", quantity=1, reason="x"),
            ),
            MoveStockState(
                **ITEM, from_state="other", to_state="sellable", quantity=1, reason="found"
            ),
        ),
        (
            (StockReceived(quantity=1, document="po"), reserved("r1", 1)),
            ReleaseReservation(**ITEM, reservation_id="r1"),
        ),
        (
            (StockReceived(quantity=1, document="po"), reserved("r1", 1, BEFORE)),
            ExpireReservations(**ITEM),
        ),
        (
            (
                StockReceived(quantity=2, document="po"),
                reserved("r1", 1, BEFORE),
                reserved("r2", 1),
            ),
            ExtendReservation(**ITEM, reservation_id="r2", expires_at=LATER),
        ),
        (
            (StockReceived(quantity=1, document="po"), StockPolicyChanged(safety_stock=1)),
            SetStockPolicy(**ITEM, safety_stock=0),
        ),
        (
            (StockReceived(quantity=1, document="po"), SUSPENDED),
            ResumeStockItem(**ITEM),
        ),
        ((StockReceived(quantity=1, document="po"),), FillBackorders(**ITEM)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_frees_units_serves_who_waits(
    log: MemoryLog, before: tuple[object, ...], command: object
) -> None:
    log.given(STOCK, *before)
    events = handled(log, command)
    assert (STOCK, BackorderFilled(order_id="b", line=1, quantity=1)) in events
    filled = LineAllocated(line=1, location=LOCATION, quantity=1, cause="backorder-filled")
    assert (order_stream("b"), filled) in events
    assert served(log) == 1
    assert handled(log, FillBackorders(**ITEM)) == []


@pytest.mark.parametrize("ended", [SUSPENDED, StockItemDiscontinued(reason="old")])
@pytest.mark.parametrize("command", [CANCEL, ADJUST, RECEIVE, FillBackorders(**ITEM)])
def test_an_item_that_is_not_active_serves_nobody(
    log: MemoryLog, ended: object, command: object
) -> None:
    log.given(STOCK, ended)
    handled(log, command)
    assert served(log) == 0


@pytest.mark.parametrize("command", [CANCEL, ADJUST, RECEIVE, FillBackorders(**ITEM)])
def test_a_closed_location_serves_nobody_until_it_reopens(log: MemoryLog, command: object) -> None:
    handled(log, CloseLocation(location=LOCATION, reason="flood"))
    handled(log, command)
    assert served(log) == 0
    handled(log, ChangeLocation(location=LOCATION, country="GB"))
    handled(log, ADJUST)
    assert served(log) == 1


def test_a_closed_location_promises_nothing_softly(log: MemoryLog) -> None:
    log.given(STOCK, StockReceived(quantity=9, document="po"))
    handled(log, CloseLocation(location=LOCATION, reason="flood"))
    reserve = ReserveStock(**ITEM, reservation_id="r", owner="cart", quantity=1, expires_at=SOON)
    with pytest.raises(NoEligibleLocation) as refused:
        handled(log, reserve)
    assert refused.value.details == {"filtered_out": {LOCATION: "closed"}}


def test_new_demand_releases_what_is_due_but_serves_nobody_else(log: MemoryLog) -> None:
    log.given(STOCK, StockReceived(quantity=3, document="po"), reserved("r1", 3, BEFORE))
    order = an_order("c", 2)
    assert set(log.load(order).loaded) == {STOCK, "sourcing", order_stream("c")}
    events = handled(log, order)
    assert (STOCK, ReservationReleased(reservation_id="r1", quantity=3, reason="expired")) in events
    assert (served(log, "b"), served(log, "c")) == (0, 2)
    handled(log, FillBackorders(**ITEM))
    assert (served(log, "b"), served(log, "c")) == (1, 2)


def test_a_soft_promise_takes_nothing_from_who_waits(log: MemoryLog) -> None:
    log.given(STOCK, StockReceived(quantity=2, document="po"))
    reserve = ReserveStock(**ITEM, reservation_id="r", owner="cart", quantity=2, expires_at=SOON)
    with pytest.raises(InsufficientStock) as refused:
        handled(log, reserve)
    assert refused.value.details == {"available": {SKU: 1}}
    handled(log, replace(reserve, quantity=1))


def test_recording_the_end_of_reservations_is_right_at_any_time(log: MemoryLog) -> None:
    log.given(STOCK, StockReceived(quantity=3, document="po"), BackInStock(available=2))
    log.given(STOCK, reserved("r1", 1, NOW), reserved("r2", 1))
    assert log.handle(ExpireReservations(**ITEM), CONTEXT, NOW).changed
    assert set(item_of(log).reservations) == {"r2"}
    assert not log.handle(ExpireReservations(**ITEM), CONTEXT, NOW).changed


def test_alerts_tell_what_is_left_when_all_are_served(log: MemoryLog) -> None:
    assert [event for _, event in handled(log, replace(ADJUST, delta=3))][-1] == BackInStock(
        available=2
    )


class TestAtMostAHundred:
    """Lines over all items that a command touches; the filler does the rest."""

    @pytest.fixture
    def large(self) -> MemoryLog:
        """Order `a` holds 80 units of each of two skus, for which 80 lines each wait."""
        log = opened(MemoryLog(HANDLERS))
        for sku in ("x", "y"):
            stock = stock_stream(LOCATION, sku)
            log.given(stock, replace(REGISTERED, sku=sku))
            log.given(stock, StockReceived(quantity=80, document="po"))
            log.given(stock, StockPolicyChanged(backorder_limit=None))
        lines = tuple(RequestedLine(sku=sku, quantity=80, unit_price=1) for sku in ("x", "y"))
        log.handle(replace(an_order("a"), lines=lines), CONTEXT, NOW)
        for number in range(160):
            line = RequestedLine(sku="xy"[number % 2], quantity=1, unit_price=1)
            log.handle(replace(an_order(f"w{number:03}"), lines=(line,)), CONTEXT, NOW)
        return log

    def test_over_all_items_of_an_order(self, large: MemoryLog) -> None:
        command = CancelOrder(order_id="a", reason="no more")
        assert len([name for name in large.load(command).loaded if "order-w" in name]) == 100
        events = handled(large, command)
        filled = [stock for stock, event in events if isinstance(event, BackorderFilled)]
        assert (filled.count("stock-LEEDS-x"), filled.count("stock-LEEDS-y")) == (80, 20)
        assert filled_now(large, "y") == 60

    def test_all_items_are_named_together_and_then_their_orders(self, large: MemoryLog) -> None:
        command = CancelOrder(order_id="a", reason="no more")
        items = {"sourcing", "stock-LEEDS-x", "stock-LEEDS-y"}
        everything = large.load(command)
        needs = HANDLERS[CancelOrder].needs(command, everything)
        first, second, third = [set(names) for names in needs]
        assert (first, second) == ({"order-a"}, items)
        assert first | second | third == set(everything.loaded)


def filled_now(log: MemoryLog, sku: str) -> int:
    """How many lines the filler serves."""
    events = handled(log, FillBackorders(location=LOCATION, sku=sku))
    return len([event for _, event in events if isinstance(event, BackorderFilled)])


def test_an_opening_balance_and_the_correction_behind_it_serve_nobody() -> None:
    log = waiting(opened(MemoryLog(HANDLERS)), "b", 1, minutes=1)
    command = AdjustStock(**ITEM, delta=-4, reason="damaged", opens_balance=True)
    assert [event for _, event in handled(log, command)] == [
        StockReceived(quantity=4, document="opening-balance"),
        StockAdjusted(delta=-4, reason="damaged"),
    ]


def test_an_opening_balance_is_no_more_than_what_lacks(log: MemoryLog) -> None:
    log.given(STOCK, StockReceived(quantity=2, document="po"))
    command = AdjustStock(**ITEM, delta=-4, reason="damaged", opens_balance=True)
    assert StockReceived(quantity=1, document="opening-balance") in [
        event for _, event in handled(log, command)
    ]
    assert item_of(log).on_hand == 0
