"""What may be asked of one item: its events, the orders it concerns, and its alerts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from commands import stock
from commands.stock import (
    HANDLERS,
    AdjustStock,
    CountStock,
    DiscontinueStockItem,
    ExpectStock,
    ExpireReservations,
    ExtendReservation,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    RegisterStockItem,
    ReleaseReservation,
    ReserveStock,
    ResumeStockItem,
    SetStockPolicy,
    SuspendStockItem,
)
from domain.errors import (
    AlreadyExists,
    InsufficientStock,
    Invalid,
    StaleCount,
    StaleVersion,
    UnknownLocation,
    UnknownReservation,
    UnknownStockItem,
)
from domain.order.events import LineAllocated, LineBackordered
from domain.stock.events import (
    BackInStock,
    BackorderFilled,
    OutOfStock,
    ReservationExtended,
    ReservationReleased,
    StockAdjusted,
    StockAllocationDisplaced,
    StockCounted,
    StockExpected,
    StockItemDiscontinued,
    StockItemResumed,
    StockItemSuspended,
    StockPolicyChanged,
    StockReceived,
    StockReserved,
    StockStateMoved,
)
from domain.values import SOURCING_STREAM, order_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.stockroom import (
    LOCATION,
    SKU,
    STOCK,
    item_of,
    opened,
    order_of,
    placed,
    promised,
    sourced,
    waiting,
)
from tests.domain.stock.histories import (
    BEFORE,
    LATER,
    NOW,
    REGISTERED,
    SOON,
    allocated,
    backordered,
    reserved,
)

RECEIVED = StockReceived(quantity=5, document="po-1")
RECEIVE = ReceiveStock(location=LOCATION, sku=SKU, quantity=5, document="po-1")
RESERVE = ReserveStock(
    location=LOCATION, sku=SKU, reservation_id="r1", owner="cart-1", quantity=2, expires_at=SOON
)


@pytest.fixture
def log() -> MemoryLog:
    return opened(MemoryLog(HANDLERS))


def handled(log: MemoryLog, command: object) -> list[tuple[str, object]]:
    """What this command records."""
    before = len(log.recorded)
    log.handle(command, CONTEXT, NOW)
    return log.recorded[before:]


def declared(log: MemoryLog, command: object) -> set[str]:
    return set(log.load(command).loaded)


def on_item(*events: object) -> list[tuple[str, object]]:
    return [(STOCK, event) for event in events]


class TestRegisterStockItem:
    def test_a_known_location_carries_it(self) -> None:
        log = opened(MemoryLog(HANDLERS))
        command = RegisterStockItem(location=LOCATION, sku="b", title="Bag", codes=("1",))
        receipt = log.handle(command, CONTEXT, NOW)
        assert (receipt.id, receipt.stream_id) == ("LEEDS/b", "stock-LEEDS-b")
        assert (receipt.outcome, receipt.changed, receipt.version) == ("registered", True, 1)
        assert not log.handle(command, CONTEXT, NOW).changed

    def test_an_unknown_location_carries_nothing(self, log: MemoryLog) -> None:
        with pytest.raises(UnknownLocation):
            log.handle(RegisterStockItem(location="YORK", sku=SKU), CONTEXT, NOW)

    def test_other_content_is_refused(self, log: MemoryLog) -> None:
        with pytest.raises(AlreadyExists):
            log.handle(RegisterStockItem(location=LOCATION, sku=SKU, title="x"), CONTEXT, NOW)

    @pytest.mark.parametrize(("location", "sku"), [("leeds", SKU), (LOCATION, "a\0b")])
    def test_what_is_no_name_never_becomes_a_stream(self, location: str, sku: str) -> None:
        with pytest.raises(Invalid):
            handled(MemoryLog(HANDLERS), RegisterStockItem(location=location, sku=sku))


@pytest.mark.parametrize(
    ("before", "command", "event", "outcome"),
    [
        (
            (),
            SetStockPolicy(location=LOCATION, sku=SKU, backorder_limit=None, safety_stock=2),
            StockPolicyChanged(backorder_limit=None, safety_stock=2),
            "policy-set",
        ),
        (
            (),
            SuspendStockItem(location=LOCATION, sku=SKU, reason="recall"),
            StockItemSuspended(reason="recall"),
            "suspended",
        ),
        (
            (StockItemSuspended(reason="recall"),),
            ResumeStockItem(location=LOCATION, sku=SKU),
            StockItemResumed(),
            "resumed",
        ),
        (
            (),
            DiscontinueStockItem(location=LOCATION, sku=SKU, reason="old"),
            StockItemDiscontinued(reason="old"),
            "discontinued",
        ),
        (
            (),
            ExpectStock(location=LOCATION, sku=SKU, document="po-1", quantity=9, eta=SOON),
            StockExpected(document="po-1", quantity=9, eta=SOON),
            "expected",
        ),
    ],
)
def test_what_is_asked_is_recorded_once(
    log: MemoryLog, before: tuple[object, ...], command: object, event: object, outcome: str
) -> None:
    log.given(STOCK, *before)
    receipt = log.handle(command, CONTEXT, NOW)
    assert log.events(STOCK) == [REGISTERED, *before, event]
    assert (receipt.outcome, receipt.changed) == (outcome, True)
    assert not log.handle(command, CONTEXT, NOW).changed


class TestReceiveStock:
    def test_units_arrive_and_are_back_in_stock(self, log: MemoryLog) -> None:
        assert handled(log, RECEIVE) == on_item(RECEIVED, BackInStock(available=5))

    def test_those_that_wait_are_served_on_both_sides(self, log: MemoryLog) -> None:
        waiting(log, "o1", 4, minutes=1)
        waiting(log, "o2", 4, minutes=2)
        assert handled(log, RECEIVE) == [
            (STOCK, RECEIVED),
            (STOCK, BackorderFilled(order_id="o1", line=1, quantity=4)),
            (STOCK, BackorderFilled(order_id="o2", line=1, quantity=1)),
            *[
                (
                    order_stream(order_id),
                    LineAllocated(
                        line=1, location=LOCATION, quantity=quantity, cause="backorder-filled"
                    ),
                )
                for order_id, quantity in (("o1", 4), ("o2", 1))
            ],
        ]
        line = order_of(log, "o2").lines[1]
        assert (line.allocated, line.backordered) == ({LOCATION: 1}, {LOCATION: 3})

    def test_the_receipt_says_how_many_wait_on(self, log: MemoryLog) -> None:
        for number in range(130):
            waiting(log, f"o{number:03}", 1, minutes=number)
        receipt = log.handle(replace(RECEIVE, quantity=120), CONTEXT, NOW)
        assert receipt.details == {"waiting": 30}
        rest = FillBackorders(location=LOCATION, sku=SKU)
        receipt = log.handle(rest, CONTEXT, NOW)
        assert (receipt.details, receipt.changed) == ({"waiting": 10}, True)
        receipt = log.handle(rest, CONTEXT, NOW)
        assert (receipt.details, receipt.changed) == ({"waiting": 10}, False)

    def test_a_due_promise_makes_room_for_those_that_wait(self, log: MemoryLog) -> None:
        log.given(STOCK, reserved("r1", 5, BEFORE))
        waiting(log, "o1", 5)
        assert [event for _, event in handled(log, RECEIVE)][:3] == [
            RECEIVED,
            ReservationReleased(reservation_id="r1", quantity=5, reason="expired"),
            BackorderFilled(order_id="o1", line=1, quantity=5),
        ]

    def test_nobody_is_served_from_an_unknown_item(self) -> None:
        with pytest.raises(UnknownStockItem):
            handled(MemoryLog(HANDLERS), FillBackorders(location=LOCATION, sku=SKU))


class TestMissingUnits:
    @pytest.mark.parametrize(
        ("command", "fact", "reason"),
        [
            (
                AdjustStock(location=LOCATION, sku=SKU, delta=-2, reason="broken"),
                StockAdjusted(delta=-2, reason="broken"),
                "adjusted",
            ),
            (
                CountStock(location=LOCATION, sku=SKU, counted=3, counted_at_version=4),
                StockCounted(counted=3, expected=5),
                "counted",
            ),
            (
                MoveStockState(
                    location=LOCATION,
                    sku=SKU,
                    from_state="sellable",
                    to_state="damaged",
                    quantity=2,
                    reason="wet",
                ),
                StockStateMoved(
                    from_state="sellable", to_state="damaged", quantity=2, reason="wet"
                ),
                "damaged",
            ),
        ],
    )
    def test_the_youngest_promise_gives_way_on_both_sides(
        self, log: MemoryLog, command: object, fact: object, reason: str
    ) -> None:
        log.given(STOCK, RECEIVED)
        promised(log, "o1", 3, minutes=9)
        promised(log, "o2", 2, minutes=7, priority=4)
        gone = StockAllocationDisplaced(
            order_id="o2",
            line=1,
            quantity=2,
            reason=reason,
            placed_at=NOW + timedelta(minutes=7),
            priority=4,
        )
        lost = LineBackordered(line=1, location=LOCATION, quantity=2, cause="displaced")
        assert handled(log, command) == [
            (STOCK, fact),
            (STOCK, gone),
            (order_stream("o2"), lost),
        ]
        line = order_of(log, "o2").lines[1]
        assert (line.allocated, line.backordered) == ({}, {LOCATION: 2})

    def test_displaced_demand_may_exceed_the_limit_and_keeps_its_turn(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED)
        promised(log, "old", 5, minutes=1)
        log.given(STOCK, StockPolicyChanged(backorder_limit=1))
        waiting(log, "young", 1, minutes=2)
        handled(log, CountStock(location=LOCATION, sku=SKU, counted=0))
        assert item_of(log).backordered == 6
        handled(log, replace(RECEIVE, quantity=5))
        assert item_of(log).allocations == {"old/1": 5}

    def test_an_order_from_before_its_moment_was_kept_waits_from_now_on(
        self, log: MemoryLog
    ) -> None:
        log.given(STOCK, RECEIVED, allocated("o1", 5))
        log.given(order_stream("o1"), replace(placed("o1", 5), placed_at=None), sourced(5, 0))
        handled(log, CountStock(location=LOCATION, sku=SKU, counted=0))
        assert item_of(log).backorders["o1/1"].placed_at == NOW

    def test_nothing_left_is_out_of_stock(self, log: MemoryLog) -> None:
        handled(log, RECEIVE)
        command = AdjustStock(location=LOCATION, sku=SKU, delta=-5, reason="theft")
        assert handled(log, command) == on_item(
            StockAdjusted(delta=-5, reason="theft"), OutOfStock()
        )

    def test_a_count_of_an_earlier_version_is_stale(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED)
        command = CountStock(location=LOCATION, sku=SKU, counted=5, counted_at_version=1)
        with pytest.raises(StaleCount):
            log.handle(command, CONTEXT, NOW)
        handled(log, replace(command, counted_at_version=2))
        with pytest.raises(StaleCount):
            log.handle(replace(command, counted_at_version=2), CONTEXT, NOW)


class TestReservations:
    def test_a_promise_is_made_once(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED, BackInStock(available=5))
        assert handled(log, RESERVE) == on_item(
            StockReserved(reservation_id="r1", owner="cart-1", quantity=2, expires_at=SOON)
        )
        assert not log.handle(RESERVE, CONTEXT, NOW).changed

    def test_due_promises_end_before_another_is_made(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED, BackInStock(available=5), reserved("r0", 5, NOW))
        assert handled(log, RESERVE) == on_item(
            ReservationReleased(reservation_id="r0", quantity=5, reason="expired"),
            StockReserved(reservation_id="r1", owner="cart-1", quantity=2, expires_at=SOON),
        )

    def test_a_promise_is_extended_and_released(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED, BackInStock(available=5), reserved("r1", 2))
        extend = ExtendReservation(
            location=LOCATION, sku=SKU, reservation_id="r1", expires_at=LATER
        )
        release = ReleaseReservation(location=LOCATION, sku=SKU, reservation_id="r1")
        assert handled(log, extend) == on_item(
            ReservationExtended(reservation_id="r1", expires_at=LATER)
        )
        assert handled(log, release) == on_item(
            ReservationReleased(reservation_id="r1", quantity=2, reason="cancelled")
        )
        assert handled(log, release) == []

    def test_a_due_promise_ends_as_expired_and_cannot_be_extended(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED, BackInStock(available=5), reserved("r1", 2, NOW))
        extend = ExtendReservation(
            location=LOCATION, sku=SKU, reservation_id="r1", expires_at=LATER
        )
        with pytest.raises(UnknownReservation):
            log.handle(extend, CONTEXT, NOW)
        release = ReleaseReservation(location=LOCATION, sku=SKU, reservation_id="r1")
        assert handled(log, release) == on_item(
            ReservationReleased(reservation_id="r1", quantity=2, reason="expired")
        )

    def test_a_refusal_leaves_no_trace_of_what_was_due(self, log: MemoryLog) -> None:
        log.given(STOCK, RECEIVED, reserved("r0", 5, NOW))
        before = list(log.recorded)
        with pytest.raises(InsufficientStock):
            log.handle(replace(RESERVE, quantity=6), CONTEXT, NOW)
        assert log.recorded == before


@pytest.mark.parametrize(
    "command",
    [
        SetStockPolicy(location=LOCATION, sku=SKU),
        SuspendStockItem(location=LOCATION, sku=SKU, reason="recall"),
        ResumeStockItem(location=LOCATION, sku=SKU),
        DiscontinueStockItem(location=LOCATION, sku=SKU, reason="old"),
        ExpectStock(location=LOCATION, sku=SKU, document="po-1", quantity=1),
        RECEIVE,
        FillBackorders(location=LOCATION, sku=SKU),
        AdjustStock(location=LOCATION, sku=SKU, delta=1, reason="found"),
        CountStock(location=LOCATION, sku=SKU, counted=1),
        RESERVE,
        ExtendReservation(location=LOCATION, sku=SKU, reservation_id="r1", expires_at=SOON),
        ReleaseReservation(location=LOCATION, sku=SKU, reservation_id="r1"),
        ExpireReservations(location=LOCATION, sku=SKU),
        MoveStockState(
            location=LOCATION,
            sku=SKU,
            from_state="sellable",
            to_state="damaged",
            quantity=1,
            reason="wet",
        ),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_can_be_asked_of_an_item_that_nobody_carries(command: object) -> None:
    log = MemoryLog(HANDLERS)
    with pytest.raises(UnknownStockItem):
        log.handle(command, CONTEXT, NOW)
    assert log.recorded == []


def test_the_front_door_names_every_command_that_is_handled() -> None:
    assert {vars(stock)[name] for name in stock.__all__ if name != "HANDLERS"} == set(HANDLERS)


def test_a_command_for_another_version_is_refused(log: MemoryLog) -> None:
    with pytest.raises(StaleVersion):
        log.handle(RECEIVE, replace(CONTEXT, expected_version=7), NOW)
    log.handle(RECEIVE, replace(CONTEXT, expected_version=1), NOW)


def test_the_streams_of_those_concerned_are_declared(log: MemoryLog) -> None:
    log.given(STOCK, RECEIVED, allocated("o1", 3), allocated("o2", 2), backordered("o3", 9))
    shelf = {STOCK, SOURCING_STREAM}
    assert declared(log, AdjustStock(location=LOCATION, sku=SKU, delta=-3, reason="x")) == {
        *shelf,
        "order-o1",
        "order-o2",
    }
    assert declared(log, CountStock(location=LOCATION, sku=SKU, counted=5)) == shelf
    assert declared(log, RECEIVE) == {*shelf, "order-o3"}
    assert declared(log, RegisterStockItem(location=LOCATION, sku=SKU)) == shelf
