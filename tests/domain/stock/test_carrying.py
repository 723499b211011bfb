"""Carrying an item: registered, scanned, promised so far and no farther, and not any more."""

from typing import Any

import pytest

from domain.errors import AlreadyExists, Invalid, UnknownStockItem, WrongStatus
from domain.stock import carrying
from domain.stock.carrying import discontinue, resume, suspend
from domain.stock.events import (
    StockItemCodesChanged,
    StockItemDiscontinued,
    StockItemRegistered,
    StockItemResumed,
    StockItemSuspended,
    StockItemTitleChanged,
    StockPolicyChanged,
)
from domain.stock.state import STOCK_ITEM
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import REGISTERED

SUSPENDED = StockItemSuspended(reason="recall")
DISCONTINUED = StockItemDiscontinued(reason="old")
POLICY: dict[str, Any] = {
    "backorder_limit": 5,
    "preorder": True,
    "safety_stock": 1,
    "reorder_point": 3,
    "reorder_quantity": 20,
}


class TestRegister:
    def register(self, *history: object, **changed: Any) -> Outcome:
        wanted = {"location": "LEEDS", "sku": "85123A", "title": "Lantern", **changed}
        return given(STOCK_ITEM, history).when(lambda item: carrying.register(item, **wanted))

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


class TestSetTitle:
    CHANGED = StockItemTitleChanged(title="Lamp")

    def set_title(self, *history: object, title: str = "Lamp") -> Outcome:
        return given(STOCK_ITEM, history).when(lambda item: carrying.set_title(item, title))

    def test_a_title_may_change_later(self) -> None:
        self.set_title(REGISTERED).then(self.CHANGED)
        self.set_title(REGISTERED, self.CHANGED).then_nothing()

    def test_what_is_no_title_is_refused(self) -> None:
        self.set_title(REGISTERED, title=" ").then_refused(Invalid, field="title")
        self.set_title().then_refused(UnknownStockItem)

    def test_a_registration_gives_its_title_to_an_item_without_one(self) -> None:
        bare = StockItemRegistered(sku="85123A", location="LEEDS")
        again = {"location": "LEEDS", "sku": "85123A", "title": "Lamp"}
        told = given(STOCK_ITEM, [bare]).when(lambda item: carrying.register(item, **again))
        told.then(self.CHANGED)
        told = given(STOCK_ITEM, [bare, self.CHANGED]).when(
            lambda item: carrying.register(item, location="LEEDS", sku="85123A", title="Owl")
        )
        told.then_refused(AlreadyExists)


class TestSetCodes:
    CODES = ("5012345678900", "L-1")
    CHANGED = StockItemCodesChanged(codes=CODES)

    def set_codes(self, *history: object, codes: tuple[str, ...] = CODES) -> Outcome:
        return given(STOCK_ITEM, history).when(lambda item: carrying.set_codes(item, codes))

    def test_codes_may_come_and_go_later(self) -> None:
        self.set_codes(REGISTERED).then(self.CHANGED)
        self.set_codes(REGISTERED, self.CHANGED).then_nothing()
        self.set_codes(REGISTERED, self.CHANGED, codes=()).then(StockItemCodesChanged(codes=()))

    def test_to_register_again_what_has_more_codes_by_now_is_no_news(self) -> None:
        wanted = {"location": "LEEDS", "sku": "85123A", "title": "Lantern", "codes": ("L-1",)}
        given(STOCK_ITEM, [REGISTERED, self.CHANGED]).when(
            lambda item: carrying.register(item, **wanted)  # type: ignore[arg-type]
        ).then_nothing()

    @pytest.mark.parametrize("codes", [("",), ("1",) * 101])
    def test_what_is_no_code_is_refused(self, codes: tuple[str, ...]) -> None:
        self.set_codes(REGISTERED, codes=codes).then_refused(Invalid, field="codes")

    def test_an_unknown_item_has_no_codes(self) -> None:
        self.set_codes().then_refused(UnknownStockItem)


class TestSetPolicy:
    def set_policy(self, *history: object, **changed: Any) -> Outcome:
        wanted = {**POLICY, **changed}
        return given(STOCK_ITEM, history).when(lambda item: carrying.set_policy(item, **wanted))

    def test_a_policy_is_set_once(self) -> None:
        self.set_policy(REGISTERED).then(StockPolicyChanged(**POLICY))
        self.set_policy(REGISTERED, StockPolicyChanged(**POLICY)).then_nothing()

    def test_none_is_without_limit_and_without_alerts(self) -> None:
        changed = {**POLICY, "backorder_limit": None, "reorder_point": None}
        self.set_policy(REGISTERED, **changed).then(StockPolicyChanged(**changed))

    def test_what_every_item_begins_with_need_not_be_said(self) -> None:
        beginning = StockPolicyChanged()
        given(STOCK_ITEM, [REGISTERED]).when(
            lambda item: carrying.set_policy(
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
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: suspend(i, "recall")).then(SUSPENDED)
        given(STOCK_ITEM, [REGISTERED, SUSPENDED]).when(
            lambda i: suspend(i, "again")
        ).then_nothing()

    def test_an_item_is_resumed_once(self) -> None:
        given(STOCK_ITEM, [REGISTERED, SUSPENDED]).when(resume).then(StockItemResumed())
        given(STOCK_ITEM, [REGISTERED]).when(resume).then_nothing()

    @pytest.mark.parametrize("history", [[REGISTERED], [REGISTERED, SUSPENDED]])
    def test_an_item_is_discontinued_once(self, history: list[object]) -> None:
        given(STOCK_ITEM, history).when(lambda i: discontinue(i, "old")).then(DISCONTINUED)
        given(STOCK_ITEM, [*history, DISCONTINUED]).when(
            lambda i: discontinue(i, "older")
        ).then_nothing()

    def test_a_discontinued_item_stays_so(self) -> None:
        history = [REGISTERED, DISCONTINUED]
        given(STOCK_ITEM, history).when(resume).then_refused(WrongStatus, status="discontinued")
        given(STOCK_ITEM, history).when(lambda i: suspend(i, "recall")).then_refused(
            WrongStatus, status="discontinued"
        )

    def test_both_need_a_reason(self) -> None:
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: suspend(i, " ")).then_refused(
            Invalid, field="reason"
        )
        given(STOCK_ITEM, [REGISTERED]).when(lambda i: discontinue(i, " ")).then_refused(
            Invalid, field="reason"
        )

    def test_an_unknown_item_has_no_status(self) -> None:
        given(STOCK_ITEM).when(lambda i: suspend(i, "recall")).then_refused(UnknownStockItem)
        given(STOCK_ITEM).when(resume).then_refused(UnknownStockItem)
        given(STOCK_ITEM).when(lambda i: discontinue(i, "x")).then_refused(UnknownStockItem)
