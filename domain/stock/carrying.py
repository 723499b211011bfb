"""Carrying an item: its registration, its codes, its policy, and whether it may be promised."""

from collections.abc import Iterable

from domain.errors import AlreadyExists, Invalid, WrongStatus
from domain.stock.events import (
    StockItemCodesChanged,
    StockItemDiscontinued,
    StockItemRegistered,
    StockItemResumed,
    StockItemSuspended,
    StockItemTitleChanged,
    StockPolicyChanged,
)
from domain.stock.guards import check_registered
from domain.stock.state import StockItem
from domain.values import check_count, check_location, check_name, check_new_sku, check_text

MAX_CODES = 100


def register(
    item: StockItem, *, location: str, sku: str, title: str = "", codes: Iterable[str] = ()
) -> list[object]:
    """Carry it from now on; one that is carried without a title gets this one."""
    wanted = StockItemRegistered(sku=sku, location=location, title=title, codes=tuple(codes))
    _check_names(wanted)
    if item.status == "none":
        return [wanted]
    if item.title not in ("", wanted.title) or not set(wanted.codes) <= set(item.codes):
        raise AlreadyExists("This stock item exists already, with other content.")
    return [] if item.title == wanted.title else [StockItemTitleChanged(title=wanted.title)]


def set_codes(item: StockItem, codes: Iterable[str]) -> list[object]:
    """All further codes that a scanner may read; another code than these is another item."""
    check_registered(item)
    wanted = tuple(codes)
    _check_codes(wanted)
    return [] if wanted == item.codes else [StockItemCodesChanged(codes=wanted)]


def set_title(item: StockItem, title: str) -> list[object]:
    check_registered(item)
    check_text(title, "title")
    return [] if title == item.title else [StockItemTitleChanged(title=title)]


def _check_names(wanted: StockItemRegistered) -> None:
    check_location(wanted.location)
    check_new_sku(wanted.sku)
    if wanted.title:
        check_text(wanted.title, "title")
    _check_codes(wanted.codes)


def _check_codes(codes: tuple[str, ...]) -> None:
    if len(codes) > MAX_CODES:
        raise Invalid(f"An item has at most {MAX_CODES} further codes.", field="codes")
    for code in codes:
        check_name(code, "codes")


def set_policy(
    item: StockItem,
    *,
    backorder_limit: int | None,
    preorder: bool,
    safety_stock: int,
    reorder_point: int | None,
    reorder_quantity: int,
) -> list[object]:
    check_registered(item)
    check_count(backorder_limit or 0, "backorder_limit")
    check_count(safety_stock, "safety_stock")
    check_count(reorder_point or 0, "reorder_point")
    check_count(reorder_quantity, "reorder_quantity")
    wanted = StockPolicyChanged(
        backorder_limit=backorder_limit,
        preorder=preorder,
        safety_stock=safety_stock,
        reorder_point=reorder_point,
        reorder_quantity=reorder_quantity,
    )
    return [] if wanted == _policy_of(item) else [wanted]


def _policy_of(item: StockItem) -> StockPolicyChanged:
    return StockPolicyChanged(
        backorder_limit=item.backorder_limit,
        preorder=item.preorder,
        safety_stock=item.safety_stock,
        reorder_point=item.reorder_point,
        reorder_quantity=item.reorder_quantity,
    )


def suspend(item: StockItem, reason: str) -> list[object]:
    check_text(reason, "reason")
    _check_carried(item)
    return [] if item.status == "suspended" else [StockItemSuspended(reason=reason)]


def resume(item: StockItem) -> list[object]:
    _check_carried(item)
    return [] if item.status == "active" else [StockItemResumed()]


def discontinue(item: StockItem, reason: str) -> list[object]:
    check_text(reason, "reason")
    check_registered(item)
    return [] if item.status == "discontinued" else [StockItemDiscontinued(reason=reason)]


def _check_carried(item: StockItem) -> None:
    check_registered(item)
    if item.status == "discontinued":
        raise WrongStatus("A discontinued item stays so.", status=item.status)
