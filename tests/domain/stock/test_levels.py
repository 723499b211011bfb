"""What is there, and what gives way when it is not."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.errors import (
    InsufficientStock,
    Invalid,
    StaleCount,
    UnknownStockItem,
)
from domain.stock import levels
from domain.stock.events import (
    StockAdjusted,
    StockAllocationDisplaced,
    StockAllocationReleased,
    StockCounted,
    StockExpected,
    StockItemDiscontinued,
    StockItemSuspended,
    StockReceived,
    StockShipped,
    StockStateMoved,
)
from domain.stock.state import DOCUMENTS, STOCK_ITEM, StockItem
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import LATER, NOW, REGISTERED, SOON, allocated, stocked

SUSPENDED = StockItemSuspended(reason="recall")
DISCONTINUED = StockItemDiscontinued(reason="old")


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
        [("quantity", -1), ("document", ""), ("eta", datetime(2026, 3, 1))],  # noqa: DTZ001
    )
    def test_what_is_no_announcement_is_refused(self, field: str, value: object) -> None:
        self.expect(REGISTERED, **{field: value}).then_refused(Invalid, field=field)

    @pytest.mark.parametrize(("total", "left"), [(10, 6), (7, 3), (12, 8), (4, 0), (3, 0), (0, 0)])
    def test_a_document_states_its_total(self, total: int, left: int) -> None:
        received = StockReceived(quantity=4, document="po-2")
        history = (REGISTERED, replace(self.EXPECTED, quantity=9), received)
        self.expect(*history, quantity=total).then(replace(self.EXPECTED, quantity=left))
        later = replace(self.EXPECTED, quantity=left)
        self.expect(*history, later, quantity=total).then_nothing()

    def test_the_same_total_again_is_no_news(self) -> None:
        received = StockReceived(quantity=4, document="po-2")
        self.expect(REGISTERED, self.EXPECTED, received).then_nothing()
        self.expect(REGISTERED, received, self.EXPECTED, received).then(
            replace(self.EXPECTED, quantity=2)
        )

    def test_what_came_before_it_was_announced_is_counted(self) -> None:
        received = StockReceived(quantity=4, document="po-2")
        self.expect(REGISTERED, received).then(replace(self.EXPECTED, quantity=6))

    def test_nothing_withdraws_the_rest(self) -> None:
        withdrawn = replace(self.EXPECTED, quantity=0)
        self.expect(REGISTERED, self.EXPECTED, quantity=0).then(withdrawn)
        assert STOCK_ITEM.fold([REGISTERED, self.EXPECTED, withdrawn]).incoming == {}
        self.expect(REGISTERED, quantity=0).then_nothing()

    def test_a_thousand_documents_are_remembered(self) -> None:
        received = [StockReceived(quantity=1, document=f"po-{n}") for n in range(DOCUMENTS + 1)]
        item = STOCK_ITEM.fold([REGISTERED, received[1], *received])
        assert list(item.received) == [event.document for event in received[1:]]
        assert item.received["po-1"] == 2

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
