"""What is there, and what gives way when it is not."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.errors import (
    AlreadyExists,
    InsufficientStock,
    Invalid,
    StaleCount,
    UnknownStockItem,
    WrongStatus,
)
from domain.stock import levels
from domain.stock.events import (
    StockAdjusted,
    StockAllocationDisplaced,
    StockAllocationReleased,
    StockCounted,
    StockExpected,
    StockItemDiscontinued,
    StockItemRegistered,
    StockItemResumed,
    StockItemSuspended,
    StockPolicyChanged,
    StockReceived,
    StockShipped,
    StockStateMoved,
)
from domain.stock.state import STOCK_ITEM, StockItem
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import LATER, NOW, REGISTERED, SOON, allocated, stocked

SUSPENDED = StockItemSuspended(reason="recall")
DISCONTINUED = StockItemDiscontinued(reason="old")
POLICY: dict[str, Any] = {
    "backorder_limit": 5,
    "preorder": True,
    "safety_stock": 1,
    "reorder_point": 3,
    "reorder_quantity": 20,
}


def orders(order_id: str) -> tuple[datetime, int]:
    """Order `o7` was placed seven minutes in, with priority 7."""
    number = int(order_id.removeprefix("o"))
    return NOW + timedelta(minutes=number), number


def displaced(order_id: str, quantity: int, reason: str) -> StockAllocationDisplaced:
    placed_at, priority = orders(order_id)
    return StockAllocationDisplaced(
        order_id=order_id,
        line=1,
        quantity=quantity,
        reason=reason,
        placed_at=placed_at,
        priority=priority,
    )


def damaged(quantity: int) -> StockStateMoved:
    return StockStateMoved(
        from_state="sellable", to_state="damaged", quantity=quantity, reason="wet"
    )


class TestRegister:
    def register(self, *history: object, **changed: Any) -> Outcome:
        wanted = {"location": "LEEDS", "sku": "85123A", "title": "Lantern", **changed}
        return given(STOCK_ITEM, history).when(lambda item: levels.register(item, **wanted))

    def test_a_location_carries_a_sku(self) -> None:
        self.register(codes=("5012345678900",)).then(
            StockItemRegistered(
                sku="85123A", location="LEEDS", title="Lantern", codes=("5012345678900",)
            )
        )

    def test_asking_twice_writes_nothing(self) -> None:
        self.register(REGISTERED).then_nothing()

    @pytest.mark.parametrize("changed", [{"title": "Lamp"}, {"codes": ("1",)}])
    def test_other_content_is_refused(self, changed: dict[str, Any]) -> None:
        self.register(REGISTERED, **changed).then_refused(AlreadyExists)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("location", "leeds"),
            ("location", ""),
            ("sku", " "),
            ("sku", "a" * 101),
            ("sku", "a\nb"),
            ("sku", "S "),
            ("sku", "a\0"),
            ("title", "x" * 201),
            ("title", "\ud800"),
            ("codes", ("",)),
            ("codes", ("1",) * 101),
        ],
    )
    def test_what_is_no_name_is_refused(self, field: str, value: object) -> None:
        self.register(**{field: value}).then_refused(Invalid, field=field)


class TestSetPolicy:
    def set_policy(self, *history: object, **changed: Any) -> Outcome:
        wanted = {**POLICY, **changed}
        return given(STOCK_ITEM, history).when(lambda item: levels.set_policy(item, **wanted))

    def test_a_policy_is_set_once(self) -> None:
        self.set_policy(REGISTERED).then(StockPolicyChanged(**POLICY))
        self.set_policy(REGISTERED, StockPolicyChanged(**POLICY)).then_nothing()

    def test_none_is_without_limit_and_without_alerts(self) -> None:
        changed = {**POLICY, "backorder_limit": None, "reorder_point": None}
        self.set_policy(REGISTERED, **changed).then(StockPolicyChanged(**changed))

    def test_what_every_item_begins_with_need_not_be_said(self) -> None:
        beginning = StockPolicyChanged()
        given(STOCK_ITEM, [REGISTERED]).when(
            lambda item: levels.set_policy(
                item,
                backorder_limit=beginning.backorder_limit,
                preorder=beginning.preorder,
                safety_stock=beginning.safety_stock,
                reorder_point=beginning.reorder_point,
                reorder_quantity=beginning.reorder_quantity,
            )
        ).then_nothing()

    @pytest.mark.parametrize(
        "field", ["backorder_limit", "safety_stock", "reorder_point", "reorder_quantity"]
    )
    @pytest.mark.parametrize("value", [-1, 1_000_000_001])
    def test_numbers_out_of_range_are_refused(self, field: str, value: int) -> None:
        self.set_policy(REGISTERED, **{field: value}).then_refused(Invalid, field=field)

    def test_an_unknown_item_has_no_policy(self) -> None:
        self.set_policy().then_refused(UnknownStockItem)


class TestSuspendResumeDiscontinue:
    def test_an_item_is_suspended_once(self) -> None:
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: levels.suspend(i, "recall")).then(SUSPENDED)
        given(STOCK_ITEM, [REGISTERED, SUSPENDED]).when(
            lambda i: levels.suspend(i, "again")
        ).then_nothing()

    def test_an_item_is_resumed_once(self) -> None:
        given(STOCK_ITEM, [REGISTERED, SUSPENDED]).when(levels.resume).then(StockItemResumed())
        given(STOCK_ITEM, [REGISTERED]).when(levels.resume).then_nothing()

    @pytest.mark.parametrize("history", [[REGISTERED], [REGISTERED, SUSPENDED]])
    def test_an_item_is_discontinued_once(self, history: list[object]) -> None:
        given(STOCK_ITEM, history).when(lambda i: levels.discontinue(i, "old")).then(DISCONTINUED)
        given(STOCK_ITEM, [*history, DISCONTINUED]).when(
            lambda i: levels.discontinue(i, "older")
        ).then_nothing()

    def test_a_discontinued_item_stays_so(self) -> None:
        history = [REGISTERED, DISCONTINUED]
        given(STOCK_ITEM, history).when(levels.resume).then_refused(
            WrongStatus, status="discontinued"
        )
        given(STOCK_ITEM, history).when(lambda i: levels.suspend(i, "recall")).then_refused(
            WrongStatus, status="discontinued"
        )

    def test_both_need_a_reason(self) -> None:
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: levels.suspend(i, " ")).then_refused(
            Invalid, field="reason"
        )
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: levels.discontinue(i, " ")).then_refused(
            Invalid, field="reason"
        )

    def test_an_unknown_item_has_no_status(self) -> None:
        given(STOCK_ITEM).when(lambda i: levels.suspend(i, "recall")).then_refused(UnknownStockItem)
        given(STOCK_ITEM).when(levels.resume).then_refused(UnknownStockItem)
        given(STOCK_ITEM).when(lambda i: levels.discontinue(i, "x")).then_refused(UnknownStockItem)


class TestExpect:
    def expect(self, *history: object, **changed: Any) -> Outcome:
        wanted = {"document": "po-2", "quantity": 10, "eta": SOON, **changed}
        return given(STOCK_ITEM, history).when(lambda item: levels.expect(item, **wanted))

    EXPECTED = StockExpected(document="po-2", quantity=10, eta=SOON)

    def test_a_document_announces_units_once(self) -> None:
        self.expect(REGISTERED).then(self.EXPECTED)
        self.expect(REGISTERED, self.EXPECTED).then_nothing()

    @pytest.mark.parametrize("changed", [{"quantity": 11}, {"eta": LATER}, {"eta": None}])
    def test_it_may_change_its_mind(self, changed: dict[str, Any]) -> None:
        self.expect(REGISTERED, self.EXPECTED, **changed).then(
            StockExpected(**{"document": "po-2", "quantity": 10, "eta": SOON, **changed})
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [("quantity", 0), ("document", ""), ("eta", datetime(2026, 3, 1))],  # noqa: DTZ001
    )
    def test_what_is_no_announcement_is_refused(self, field: str, value: object) -> None:
        self.expect(REGISTERED, **{field: value}).then_refused(Invalid, field=field)

    def test_an_unknown_item_is_not_expected(self) -> None:
        self.expect().then_refused(UnknownStockItem)

    def test_what_arrives_is_no_longer_expected(self) -> None:
        def arrived(*quantities: int) -> StockItem:
            parts = [StockReceived(quantity=q, document="po-2") for q in quantities]
            return STOCK_ITEM.fold([REGISTERED, self.EXPECTED, *parts])

        assert {k: v.quantity for k, v in arrived(4).incoming.items()} == {"po-2": 6}
        assert arrived(4, 6).incoming == arrived(12).incoming == {}


class TestReceive:
    def receive(self, *history: object, **changed: Any) -> Outcome:
        wanted = {"quantity": 5, "document": "po-1", **changed}
        return given(STOCK_ITEM, history).when(lambda item: levels.receive(item, **wanted))

    def test_units_arrive(self) -> None:
        self.receive(REGISTERED).then(StockReceived(quantity=5, document="po-1"))
        self.receive(REGISTERED, unit_cost=250, currency="GBP", lot="L7").then(
            StockReceived(quantity=5, document="po-1", unit_cost=250, currency="GBP", lot="L7")
        )

    @pytest.mark.parametrize("ended", [SUSPENDED, DISCONTINUED])
    def test_units_arrive_whatever_the_status(self, ended: object) -> None:
        self.receive(REGISTERED, ended).then(StockReceived(quantity=5, document="po-1"))

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"quantity": 0}, "quantity"),
            ({"quantity": 1_000_000_001}, "quantity"),
            ({"document": " "}, "document"),
            ({"lot": ""}, "lot"),
            ({"unit_cost": 1}, "currency"),
            ({"currency": "GBP"}, "currency"),
            ({"unit_cost": 1, "currency": "pounds"}, "currency"),
            ({"unit_cost": -1, "currency": "GBP"}, "unit_cost"),
            ({"unit_cost": 10**15 + 1, "currency": "GBP"}, "unit_cost"),
        ],
    )
    def test_what_is_no_receipt_is_refused(self, changed: dict[str, Any], field: str) -> None:
        self.receive(REGISTERED, **changed).then_refused(Invalid, field=field)

    def test_an_unknown_item_receives_nothing(self) -> None:
        self.receive().then_refused(UnknownStockItem)


class TestAdjust:
    def adjust(self, *history: object, **changed: Any) -> Outcome:
        wanted = {"delta": -2, "reason": "broken", "reference": None, **changed}
        return given(STOCK_ITEM, history).when(
            lambda item: levels.adjust(item, **wanted, orders=orders)
        )

    ADJUSTED = StockAdjusted(delta=-2, reason="broken")

    def test_the_books_are_corrected(self) -> None:
        self.adjust(*stocked(2)).then(self.ADJUSTED)
        self.adjust(*stocked(2), delta=7, reference="ticket-4").then(
            StockAdjusted(delta=7, reason="broken", reference="ticket-4")
        )

    def test_the_youngest_promises_give_way(self) -> None:
        history = stocked(6, allocated("o1", 2), allocated("o2", 2), allocated("o3", 2))
        self.adjust(*history).then(self.ADJUSTED, displaced("o3", 2, "adjusted"))
        self.adjust(*history, delta=-3).then(
            StockAdjusted(delta=-3, reason="broken"),
            displaced("o3", 2, "adjusted"),
            displaced("o2", 1, "adjusted"),
        )

    def test_a_promise_that_lost_a_part_is_no_younger(self) -> None:
        part = StockAllocationReleased(order_id="o1", line=1, quantity=1, reason="cancelled")
        history = stocked(3, allocated("o1", 2), allocated("o2", 2), part)
        self.adjust(*history, delta=-1).then(
            StockAdjusted(delta=-1, reason="broken"), displaced("o2", 1, "adjusted")
        )

    def test_units_that_nobody_was_promised_go_first(self) -> None:
        self.adjust(*stocked(4, allocated("o1", 2))).then(self.ADJUSTED)

    def test_no_more_can_go_than_is_there(self) -> None:
        self.adjust(*stocked(1)).then_refused(Invalid, field="delta", on_hand=1)

    def test_a_debt_of_a_forced_dispatch_may_be_paid_back_in_parts(self) -> None:
        forced = StockShipped(order_id="o1", line=1, quantity=5, shipment_id="s", forced=True)
        self.adjust(*stocked(1, forced), delta=2).then(StockAdjusted(delta=2, reason="broken"))
        self.adjust(*stocked(1, forced), delta=-1).then_refused(Invalid, field="delta")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("delta", 0),
            ("delta", 1_000_000_001),
            ("reason", " "),
            ("reason", "x" * 201),
            ("reference", ""),
        ],
    )
    def test_what_is_no_adjustment_is_refused(self, field: str, value: object) -> None:
        self.adjust(*stocked(2), **{field: value}).then_refused(Invalid, field=field)

    def test_an_unknown_item_is_not_adjusted(self) -> None:
        self.adjust().then_refused(UnknownStockItem)


class TestCount:
    def count(self, counted: int, *history: object, seen: int | None = None) -> Outcome:
        return given(STOCK_ITEM, history).when(
            lambda item: levels.count(
                item,
                counted=counted,
                version=len(history),
                counted_at_version=seen,
                orders=orders,
            )
        )

    @pytest.mark.parametrize("counted", [0, 4, 5, 6])
    def test_what_was_counted_is_what_is_there(self, counted: int) -> None:
        self.count(counted, *stocked(5)).then(StockCounted(counted=counted, expected=5))

    def test_a_count_of_the_present_version_holds(self) -> None:
        self.count(5, *stocked(5), seen=2).then(StockCounted(counted=5, expected=5))

    def test_a_count_is_stale_once_stock_has_moved(self) -> None:
        self.count(5, *stocked(5), seen=1).then_refused(StaleCount, version=2)

    def test_the_youngest_promises_give_way(self) -> None:
        self.count(1, *stocked(4, allocated("o1", 2), allocated("o2", 2))).then(
            StockCounted(counted=1, expected=4),
            displaced("o2", 2, "counted"),
            displaced("o1", 1, "counted"),
        )

    def test_when_no_promise_is_left_unavailable_units_are_gone_too(self) -> None:
        aside = StockStateMoved(
            from_state="sellable", to_state="other", quantity=1, reason="sample"
        )
        history = stocked(6, damaged(3), aside, allocated("o1", 2))
        self.count(2, *history).then(
            StockCounted(counted=2, expected=6),
            displaced("o1", 2, "counted"),
            StockStateMoved(from_state="other", to_state="sellable", quantity=1, reason="counted"),
            StockStateMoved(
                from_state="damaged", to_state="sellable", quantity=1, reason="counted"
            ),
        )

    @pytest.mark.parametrize("counted", [-1, 1_000_000_001])
    def test_a_number_out_of_range_is_refused(self, counted: int) -> None:
        self.count(counted, *stocked(5)).then_refused(Invalid, field="counted")

    def test_an_unknown_item_is_not_counted(self) -> None:
        self.count(5).then_refused(UnknownStockItem)


class TestMoveState:
    def move(self, *history: object, **changed: Any) -> Outcome:
        wanted = {
            "from_state": "sellable",
            "to_state": "damaged",
            "quantity": 2,
            "reason": "wet",
            **changed,
        }
        return given(STOCK_ITEM, history).when(
            lambda item: levels.move_state(item, **wanted, orders=orders)
        )

    def test_units_become_unavailable_and_sellable_again(self) -> None:
        self.move(*stocked(2)).then(damaged(2))
        self.move(*stocked(2, damaged(2)), from_state="damaged", to_state="sellable").then(
            StockStateMoved(from_state="damaged", to_state="sellable", quantity=2, reason="wet")
        )

    def test_units_change_from_one_such_state_to_another(self) -> None:
        history = stocked(2, damaged(2))
        self.move(*history, from_state="damaged", to_state="quality_control").then(
            StockStateMoved(
                from_state="damaged", to_state="quality_control", quantity=2, reason="wet"
            )
        )

    def test_the_youngest_promises_give_way(self) -> None:
        history = stocked(4, allocated("o1", 2), allocated("o2", 1))
        self.move(*history).then(damaged(2), displaced("o2", 1, "damaged"))

    @pytest.mark.parametrize(
        ("history", "changed", "there"),
        [
            (stocked(1), {}, 1),
            (stocked(3, damaged(2)), {}, 1),
            (stocked(3, damaged(1)), {"from_state": "damaged", "to_state": "other"}, 1),
            (stocked(3), {"from_state": "other", "to_state": "sellable"}, 0),
        ],
    )
    def test_no_more_moves_than_is_there(
        self, history: list[object], changed: dict[str, Any], there: int
    ) -> None:
        self.move(*history, **changed).then_refused(InsufficientStock, available={"85123A": there})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("from_state", "lost"),
            ("to_state", "lost"),
            ("to_state", "sellable"),
            ("quantity", 0),
            ("reason", ""),
        ],
    )
    def test_what_is_no_move_is_refused(self, field: str, value: object) -> None:
        self.move(*stocked(5), **{field: value}).then_refused(Invalid, field=field)

    def test_an_unknown_item_has_no_units(self) -> None:
        self.move().then_refused(UnknownStockItem)
