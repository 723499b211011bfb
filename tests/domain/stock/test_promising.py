"""Soft and firm promises, and the queue of those that wait."""

from datetime import datetime

import pytest

from domain.errors import (
    AlreadyExists,
    InsufficientStock,
    Invalid,
    UnknownReservation,
    UnknownStockItem,
)
from domain.stock.events import (
    BackorderCancelled,
    BackorderFilled,
    ReservationExtended,
    ReservationReleased,
    StockAllocationReleased,
    StockCounted,
    StockExpected,
    StockItemDiscontinued,
    StockItemSuspended,
    StockPolicyChanged,
    StockReserved,
    StockShipped,
    StockStateMoved,
)
from domain.stock.promising import (
    FILLED_AT_ONCE,
    allocate,
    backorder,
    cancel_backorder,
    convert,
    due_releases,
    extend,
    fill_backorders,
    release,
    release_reservation,
    reserve,
    ship,
)
from domain.stock.state import STOCK_ITEM, StockItem
from tests.domain.specification import given
from tests.domain.stock.histories import (
    BEFORE,
    LATER,
    NOW,
    REGISTERED,
    SOON,
    UNLIMITED,
    allocated,
    backordered,
    reserved,
    stocked,
)

SUSPENDED = StockItemSuspended(reason="recall")


def reserve_three(item: StockItem) -> list[object]:
    return reserve(item, "r1", "cart-1", 3, SOON, NOW)


def filled(order_id: str, quantity: int, line: int = 1) -> BackorderFilled:
    return BackorderFilled(order_id=order_id, line=line, quantity=quantity)


class TestReserve:
    def test_what_is_available_is_promised_for_a_while(self) -> None:
        given(STOCK_ITEM, stocked(3)).when(reserve_three).then(
            StockReserved(reservation_id="r1", owner="cart-1", quantity=3, expires_at=SOON)
        )

    def test_asking_twice_writes_nothing(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(reserve_three).then_nothing()

    def test_the_same_id_for_something_else_is_refused(self) -> None:
        given(STOCK_ITEM, stocked(9, reserved("r1", 2))).when(reserve_three).then_refused(
            AlreadyExists
        )

    @pytest.mark.parametrize(
        ("taken", "left"),
        [
            (reserved("r2", 1), 2),
            (allocated("o1", 2), 1),
            (StockPolicyChanged(safety_stock=3), 0),
            (
                StockStateMoved(
                    from_state="sellable", to_state="damaged", quantity=1, reason="wet"
                ),
                2,
            ),
            (SUSPENDED, 0),
        ],
    )
    def test_what_is_taken_is_not_promised_again(self, taken: object, left: int) -> None:
        given(STOCK_ITEM, stocked(3, taken)).when(reserve_three).then_refused(
            InsufficientStock, available={"85123A": left}
        )

    @pytest.mark.parametrize(("waiting", "left"), [(1, 2), (3, 0), (9, 0)])
    def test_who_waits_comes_first(self, waiting: int, left: int) -> None:
        history = stocked(3, backordered("o1", waiting))
        given(STOCK_ITEM, history).when(reserve_three).then_refused(
            InsufficientStock, available={"85123A": left}
        )

    def test_an_expired_promise_takes_nothing(self) -> None:
        history = stocked(3, reserved("r2", 3, expires_at=NOW))
        given(STOCK_ITEM, history).when(reserve_three).then(
            StockReserved(reservation_id="r1", owner="cart-1", quantity=3, expires_at=SOON)
        )

    @pytest.mark.parametrize("quantity", [0, -1, 1_000_000_001])
    def test_a_quantity_that_is_none_is_refused(self, quantity: int) -> None:
        given(STOCK_ITEM, stocked(3)).when(
            lambda item: reserve(item, "r1", "cart-1", quantity, SOON, NOW)
        ).then_refused(Invalid, field="quantity")

    @pytest.mark.parametrize("expires_at", [NOW, BEFORE, datetime(2027, 1, 1, tzinfo=None)])  # noqa: DTZ001
    def test_it_must_end_in_the_future(self, expires_at: datetime) -> None:
        given(STOCK_ITEM, stocked(3)).when(
            lambda item: reserve(item, "r1", "cart-1", 1, expires_at, NOW)
        ).then_refused(Invalid, field="expires_at")

    @pytest.mark.parametrize(
        ("reservation_id", "owner", "field"),
        [(" ", "cart-1", "reservation_id"), ("r1", "x" * 201, "owner"), ("r1", "\0", "owner")],
    )
    def test_it_needs_names(self, reservation_id: str, owner: str, field: str) -> None:
        given(STOCK_ITEM, stocked(3)).when(
            lambda item: reserve(item, reservation_id, owner, 1, SOON, NOW)
        ).then_refused(Invalid, field=field)

    def test_an_unknown_item_promises_nothing(self) -> None:
        given(STOCK_ITEM).when(reserve_three).then_refused(UnknownStockItem)


class TestExtend:
    def test_a_promise_lasts_longer(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(
            lambda item: extend(item, "r1", LATER, NOW)
        ).then(ReservationExtended(reservation_id="r1", expires_at=LATER))

    def test_asking_twice_writes_nothing(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(
            lambda item: extend(item, "r1", SOON, NOW)
        ).then_nothing()

    def test_it_does_not_end_earlier(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3, expires_at=LATER))).when(
            lambda item: extend(item, "r1", SOON, NOW)
        ).then_refused(Invalid, field="expires_at")

    def test_it_must_end_in_the_future(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(
            lambda item: extend(item, "r1", NOW, NOW)
        ).then_refused(Invalid, field="expires_at")

    @pytest.mark.parametrize("history", [stocked(3), stocked(3, reserved("r1", 3, NOW))])
    def test_what_is_over_cannot_be_extended(self, history: list[object]) -> None:
        given(STOCK_ITEM, history).when(lambda item: extend(item, "r1", LATER, NOW)).then_refused(
            UnknownReservation, reservation_id="r1"
        )

    def test_an_unknown_item_has_no_promise(self) -> None:
        given(STOCK_ITEM).when(lambda item: extend(item, "r1", LATER, NOW)).then_refused(
            UnknownStockItem
        )


class TestReleaseReservation:
    def test_the_whole_promise_ends(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(
            lambda item: release_reservation(item, "r1", "cancelled")
        ).then(ReservationReleased(reservation_id="r1", quantity=3, reason="cancelled"))

    def test_what_is_over_stays_so(self) -> None:
        given(STOCK_ITEM, stocked(3)).when(
            lambda item: release_reservation(item, "r1", "cancelled")
        ).then_nothing()

    def test_it_needs_a_reason(self) -> None:
        given(STOCK_ITEM, stocked(3, reserved("r1", 3))).when(
            lambda item: release_reservation(item, "r1", "")
        ).then_refused(Invalid, field="reason")

    def test_an_unknown_item_has_no_promise(self) -> None:
        given(STOCK_ITEM).when(
            lambda item: release_reservation(item, "r1", "cancelled")
        ).then_refused(UnknownStockItem)


class TestDueReleases:
    def test_every_promise_ends_at_its_moment(self) -> None:
        history = stocked(9, reserved("r1", 1, BEFORE), reserved("r2", 2), reserved("r3", 3, NOW))
        given(STOCK_ITEM, history).when(lambda item: due_releases(item, NOW)).then(
            ReservationReleased(reservation_id="r1", quantity=1, reason="expired"),
            ReservationReleased(reservation_id="r3", quantity=3, reason="expired"),
        )

    def test_nothing_is_due_before(self) -> None:
        given(STOCK_ITEM, stocked(9, reserved("r1", 1))).when(
            lambda item: due_releases(item, NOW)
        ).then_nothing()


class TestAllocate:
    def test_the_last_units_are_promised(self) -> None:
        given(STOCK_ITEM, stocked(3)).when(lambda item: allocate(item, "o1", 1, 3, NOW)).then(
            allocated("o1", 3)
        )

    def test_a_line_is_promised_in_parts(self) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 1))).when(
            lambda item: allocate(item, "o1", 1, 2, NOW)
        ).then(allocated("o1", 2))

    def test_no_unit_is_promised_twice(self) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 2))).when(
            lambda item: allocate(item, "o2", 1, 2, NOW)
        ).then_refused(InsufficientStock, available={"85123A": 1})

    def test_who_waits_comes_first(self) -> None:
        history = stocked(3, backordered("o1", 2))
        given(STOCK_ITEM, history).when(lambda item: allocate(item, "o2", 1, 2, NOW)).then_refused(
            InsufficientStock, available={"85123A": 1}
        )
        given(STOCK_ITEM, history).when(lambda item: allocate(item, "o2", 1, 1, NOW)).then(
            allocated("o2", 1)
        )

    def test_the_safety_stock_is_never_promised(self) -> None:
        given(STOCK_ITEM, stocked(3, StockPolicyChanged(safety_stock=5))).when(
            lambda item: allocate(item, "o1", 1, 1, NOW)
        ).then_refused(InsufficientStock, available={"85123A": 0})

    def test_a_soft_promise_holds_until_it_is_due(self) -> None:
        history = stocked(3, reserved("r1", 3))
        given(STOCK_ITEM, history).when(lambda item: allocate(item, "o1", 1, 1, NOW)).then_refused(
            InsufficientStock, available={"85123A": 0}
        )
        given(STOCK_ITEM, history).when(lambda item: allocate(item, "o1", 1, 1, SOON)).then(
            allocated("o1", 1)
        )

    @pytest.mark.parametrize("ended", [SUSPENDED, StockItemDiscontinued(reason="old")])
    def test_an_item_that_is_not_active_is_not_promised(self, ended: object) -> None:
        given(STOCK_ITEM, stocked(3, ended)).when(
            lambda item: allocate(item, "o1", 1, 1, NOW)
        ).then_refused(InsufficientStock, available={"85123A": 0})

    def test_an_item_that_nobody_carries_is_not_promised(self) -> None:
        given(STOCK_ITEM).when(lambda item: allocate(item, "o1", 1, 1, NOW)).then_refused(
            InsufficientStock
        )

    def test_a_quantity_that_is_none_is_refused(self) -> None:
        given(STOCK_ITEM, stocked(3)).when(
            lambda item: allocate(item, "o1", 1, 0, NOW)
        ).then_refused(Invalid, field="quantity")


class TestConvert:
    def test_units_become_firm_and_the_rest_is_replaced(self) -> None:
        history = stocked(9, reserved("r1", 2), reserved("r2", 3), reserved("r3", 1, NOW))
        given(STOCK_ITEM, history).when(
            lambda item: convert(item, ["r2", "r1", "r3", "r9"], 4, NOW)
        ).then(
            ReservationReleased(reservation_id="r2", quantity=3, reason="converted"),
            ReservationReleased(reservation_id="r1", quantity=1, reason="converted"),
            ReservationReleased(reservation_id="r1", quantity=1, reason="replaced"),
        )

    def test_they_stand_before_those_that_wait(self) -> None:
        item = STOCK_ITEM.fold(stocked(3, reserved("r1", 2), backordered("o1", 9)))
        assert (item.unclaimed(NOW), item.convertible({"r1"}, NOW)) == (0, 2)
        events = convert(item, ["r1"], 2, NOW)
        given(STOCK_ITEM, [*stocked(3, reserved("r1", 2), backordered("o1", 9)), *events]).when(
            lambda item: allocate(item, "o2", 1, 2, NOW, ahead=2)
        ).then(allocated("o2", 2))

    def test_what_is_gone_is_not_converted(self) -> None:
        counted = StockCounted(counted=1, expected=3)
        item = STOCK_ITEM.fold(stocked(3, reserved("r1", 2), reserved("r2", 1), counted))
        assert item.convertible({"r1"}, NOW) == 0
        assert item.convertible({"r1", "r2"}, NOW) == 1
        assert item.convertible({"r1", "r2"}, SOON) == 0

    def test_no_more_is_promised_than_stands_before_the_queue(self) -> None:
        history = stocked(3, backordered("o1", 9))
        given(STOCK_ITEM, history).when(
            lambda item: allocate(item, "o2", 1, 3, NOW, ahead=2)
        ).then_refused(InsufficientStock, available={"85123A": 2})


class TestBackorder:
    def test_demand_waits_within_the_limit(self) -> None:
        history = [REGISTERED, StockPolicyChanged(backorder_limit=3), backordered("o1", 1)]
        given(STOCK_ITEM, history).when(lambda item: backorder(item, "o2", 1, 2, NOW, 5)).then(
            backordered("o2", 2, priority=5)
        )

    def test_new_demand_never_exceeds_the_limit(self) -> None:
        history = [REGISTERED, StockPolicyChanged(backorder_limit=3), backordered("o1", 2)]
        given(STOCK_ITEM, history).when(
            lambda item: backorder(item, "o2", 1, 2, NOW, 0)
        ).then_refused(InsufficientStock, backorderable={"85123A": 1})

    @pytest.mark.parametrize(("limit", "quantity", "room"), [(0, 4, 3), (5, 5, 4), (2, 4, 3)])
    def test_a_preorder_may_wait_up_to_what_is_incoming(
        self, limit: int, quantity: int, room: int
    ) -> None:
        history = [
            REGISTERED,
            StockPolicyChanged(backorder_limit=limit, preorder=True),
            StockExpected(document="po-1", quantity=3),
            StockExpected(document="po-2", quantity=1),
            backordered("o1", 1),
        ]
        given(STOCK_ITEM, history).when(
            lambda item: backorder(item, "o2", 1, quantity, NOW, 0)
        ).then_refused(InsufficientStock, backorderable={"85123A": room})
        given(STOCK_ITEM, history).when(lambda item: backorder(item, "o2", 1, room, NOW, 0)).then(
            backordered("o2", room)
        )

    def test_an_item_takes_no_backorders_unless_told(self) -> None:
        given(STOCK_ITEM, [REGISTERED]).when(
            lambda item: backorder(item, "o1", 1, 1, NOW, 0)
        ).then_refused(InsufficientStock, backorderable={"85123A": 0})

    def test_without_limit_any_demand_waits(self) -> None:
        given(STOCK_ITEM, [REGISTERED, UNLIMITED]).when(
            lambda item: backorder(item, "o1", 1, 1_000_000, NOW, 0)
        ).then(backordered("o1", 1_000_000))

    def test_an_item_that_is_not_active_takes_no_demand(self) -> None:
        given(STOCK_ITEM, [REGISTERED, UNLIMITED, SUSPENDED]).when(
            lambda item: backorder(item, "o1", 1, 1, NOW, 0)
        ).then_refused(InsufficientStock, backorderable={"85123A": 0})

    def test_a_quantity_that_is_none_is_refused(self) -> None:
        given(STOCK_ITEM, [REGISTERED, UNLIMITED]).when(
            lambda item: backorder(item, "o1", 1, 0, NOW, 0)
        ).then_refused(Invalid, field="quantity")


class TestRelease:
    @pytest.mark.parametrize(("asked", "freed"), [(1, 1), (2, 2), (9, 2)])
    def test_no_more_is_freed_than_was_promised(self, asked: int, freed: int) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 2))).when(
            lambda item: release(item, "o1", 1, asked, "cancelled")
        ).then(StockAllocationReleased(order_id="o1", line=1, quantity=freed, reason="cancelled"))

    @pytest.mark.parametrize(("order_id", "line"), [("o2", 1), ("o1", 2)])
    def test_the_promises_of_others_stay(self, order_id: str, line: int) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 2))).when(
            lambda item: release(item, order_id, line, 1, "cancelled")
        ).then_nothing()


class TestCancelBackorder:
    @pytest.mark.parametrize(("asked", "gone"), [(1, 1), (2, 2), (9, 2)])
    def test_no_more_is_cancelled_than_waits(self, asked: int, gone: int) -> None:
        given(STOCK_ITEM, [REGISTERED, backordered("o1", 2)]).when(
            lambda item: cancel_backorder(item, "o1", 1, asked, "cancelled")
        ).then(BackorderCancelled(order_id="o1", line=1, quantity=gone, reason="cancelled"))

    def test_what_does_not_wait_cannot_be_cancelled(self) -> None:
        given(STOCK_ITEM, [REGISTERED, backordered("o1", 2)]).when(
            lambda item: cancel_backorder(item, "o1", 2, 1, "cancelled")
        ).then_nothing()


class TestShip:
    def test_a_promise_becomes_a_shipment(self) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 2))).when(
            lambda item: ship(item, "o1", 1, 2, "s1")
        ).then(StockShipped(order_id="o1", line=1, quantity=2, shipment_id="s1"))

    @pytest.mark.parametrize("history", [stocked(3), stocked(3, allocated("o2", 2))])
    def test_without_a_promise_nothing_leaves(self, history: list[object]) -> None:
        given(STOCK_ITEM, history).when(lambda item: ship(item, "o1", 1, 2, "s1")).then_nothing()

    def test_no_more_leaves_than_was_promised(self) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 1))).when(
            lambda item: ship(item, "o1", 1, 2, "s1")
        ).then(StockShipped(order_id="o1", line=1, quantity=1, shipment_id="s1"))

    def test_forced_units_leave_although_the_books_lack_them(self) -> None:
        given(STOCK_ITEM, stocked(1, allocated("o1", 1))).when(
            lambda item: ship(item, "o1", 1, 2, "s1", forced=True)
        ).then(StockShipped(order_id="o1", line=1, quantity=2, shipment_id="s1", forced=True))

    def test_force_that_was_not_needed_is_not_recorded(self) -> None:
        given(STOCK_ITEM, stocked(3, allocated("o1", 2))).when(
            lambda item: ship(item, "o1", 1, 2, "s1", forced=True)
        ).then(StockShipped(order_id="o1", line=1, quantity=2, shipment_id="s1"))


class TestFillBackorders:
    def test_who_came_first_is_served_first_and_the_last_in_part(self) -> None:
        history = stocked(
            5,
            backordered("late", 3, minutes=2),
            backordered("early", 2, minutes=1),
            backordered("latest", 3, minutes=3),
        )
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then(
            filled("early", 2), filled("late", 3)
        )
        given(STOCK_ITEM, [*history, allocated("other", 1)]).when(
            lambda item: fill_backorders(item, NOW)
        ).then(filled("early", 2), filled("late", 2))

    def test_a_larger_priority_is_served_earlier(self) -> None:
        history = stocked(2, backordered("first", 2), backordered("vip", 2, priority=1, minutes=9))
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then(
            filled("vip", 2)
        )

    def test_order_and_line_settle_a_tie(self) -> None:
        history = stocked(
            3, backordered("b", 1), backordered("a", 1, line=10), backordered("a", 1, line=9)
        )
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then(
            filled("a", 1, line=9), filled("a", 1, line=10), filled("b", 1)
        )

    def test_the_safety_stock_serves_nobody(self) -> None:
        history = stocked(3, StockPolicyChanged(safety_stock=2), backordered("o1", 3))
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then(
            filled("o1", 1)
        )

    @pytest.mark.parametrize("ended", [SUSPENDED, StockItemDiscontinued(reason="old")])
    def test_an_item_that_is_not_active_serves_nobody(self, ended: object) -> None:
        history = stocked(3, backordered("o1", 3), ended)
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then_nothing()

    def test_no_more_than_a_hundred_are_served_at_once(self) -> None:
        history = stocked(500, *(backordered(f"o{i:03}", 1, minutes=i) for i in range(130)))
        events = given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW))
        served = events.accepted()
        assert len(served) == FILLED_AT_ONCE == 100
        assert served[-1] == filled("o099", 1)

    @pytest.mark.parametrize("history", [stocked(3), [REGISTERED, backordered("o1", 1)]])
    def test_without_units_or_demand_nothing_happens(self, history: list[object]) -> None:
        given(STOCK_ITEM, history).when(lambda item: fill_backorders(item, NOW)).then_nothing()
