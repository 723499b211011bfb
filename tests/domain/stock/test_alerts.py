"""One alert for each crossing in each direction, and no flapping between."""

import pytest

from domain.stock.alerts import alerts
from domain.stock.events import (
    BackInStock,
    LowStockCleared,
    LowStockReached,
    OutOfStock,
    ReorderSuggested,
    StockAdjusted,
    StockPolicyChanged,
    StockReceived,
)
from domain.stock.state import STOCK_ITEM
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import NOW, REGISTERED, SOON, allocated, reserved, stocked

BACK = BackInStock(available=1)
AT_TWENTY = StockPolicyChanged(reorder_point=20, reorder_quantity=50)
LOW = LowStockReached(threshold=20, available=20)


def ask(*history: object) -> Outcome:
    return given(STOCK_ITEM, history).when(lambda item: alerts(item, NOW))


def test_an_item_begins_empty_without_alarm() -> None:
    ask(REGISTERED, AT_TWENTY).then_nothing()


def test_the_first_units_are_back_in_stock() -> None:
    ask(*stocked(3)).then(BackInStock(available=3))
    ask(*stocked(3, BACK)).then_nothing()


def test_the_last_unit_leaves_it_out_of_stock() -> None:
    history = stocked(3, BACK, allocated("o1", 3))
    ask(*history).then(OutOfStock())
    ask(*history, OutOfStock()).then_nothing()


def test_a_soft_promise_counts_until_it_is_due() -> None:
    history = stocked(3, BACK, reserved("r1", 3))
    ask(*history).then(OutOfStock())
    given(STOCK_ITEM, [*history, OutOfStock()]).when(lambda item: alerts(item, SOON)).then(
        BackInStock(available=3)
    )


@pytest.mark.parametrize("available", [20, 5])
def test_at_the_reorder_point_it_is_low_and_to_be_bought(available: int) -> None:
    ask(*stocked(available, AT_TWENTY, BACK)).then(
        LowStockReached(threshold=20, available=available), ReorderSuggested(quantity=50)
    )
    ask(*stocked(available, AT_TWENTY, BACK, LOW)).then_nothing()


def test_above_the_reorder_point_it_is_not_low() -> None:
    ask(*stocked(21, AT_TWENTY, BACK)).then_nothing()


def test_without_a_reorder_quantity_nothing_is_suggested() -> None:
    ask(*stocked(20, StockPolicyChanged(reorder_point=20), BACK)).then(LOW)


def test_low_is_cleared_only_well_above_the_reorder_point() -> None:
    history = stocked(20, AT_TWENTY, BACK, LOW)
    ask(*history, StockReceived(quantity=1, document="po-2")).then_nothing()
    ask(*history, StockReceived(quantity=2, document="po-2")).then(
        LowStockCleared(threshold=20, available=22)
    )


def test_a_small_reorder_point_is_cleared_by_one_unit_more() -> None:
    policy = StockPolicyChanged(reorder_point=0)
    low = LowStockReached(threshold=0, available=0)
    ask(*stocked(1, policy, BACK, StockAdjusted(delta=-1, reason="lost"))).then(OutOfStock(), low)
    ask(*stocked(1, policy, BACK, low)).then(LowStockCleared(threshold=0, available=1))


def test_from_plenty_to_nothing_both_lines_are_crossed() -> None:
    ask(*stocked(90, AT_TWENTY, BACK, allocated("o1", 90))).then(
        OutOfStock(), LowStockReached(threshold=20, available=0), ReorderSuggested(quantity=50)
    )


def test_without_a_reorder_point_low_is_over() -> None:
    ask(*stocked(20, AT_TWENTY, BACK, LOW, StockPolicyChanged())).then(
        LowStockCleared(threshold=0, available=20)
    )


def test_once_cleared_it_may_be_low_again() -> None:
    cleared = LowStockCleared(threshold=20, available=30)
    ask(*stocked(10, AT_TWENTY, BACK, LOW, cleared)).then(
        LowStockReached(threshold=20, available=10), ReorderSuggested(quantity=50)
    )
