"""What is there: carrying an item, its policy, and units that arrive, go missing or spoil."""

from collections.abc import Iterable
from datetime import datetime
from typing import get_args

from domain.currencies import check_currency
from domain.errors import AlreadyExists, InsufficientStock, Invalid, StaleCount, WrongStatus
from domain.stock.displacement import OrderFacts, displaced
from domain.stock.events import (
    State,
    StockAdjusted,
    StockCounted,
    StockExpected,
    StockItemDiscontinued,
    StockItemRegistered,
    StockItemResumed,
    StockItemSuspended,
    StockPolicyChanged,
    StockReceived,
    StockStateMoved,
)
from domain.stock.guards import check_registered
from domain.stock.state import Incoming, StockItem
from domain.values import (
    MAX_AMOUNT,
    MAX_QUANTITY,
    check_count,
    check_location,
    check_moment,
    check_name,
    check_new_sku,
    check_quantity,
    check_text,
)

MAX_CODES = 100
OPENING_BALANCE = "opening-balance"


def register(
    item: StockItem, *, location: str, sku: str, title: str = "", codes: Iterable[str] = ()
) -> list[object]:
    wanted = StockItemRegistered(sku=sku, location=location, title=title, codes=tuple(codes))
    _check_names(wanted)
    if item.status == "none":
        return [wanted]
    if (item.title, item.codes) != (wanted.title, wanted.codes):
        raise AlreadyExists("This stock item exists already, with other content.")
    return []


def _check_names(wanted: StockItemRegistered) -> None:
    check_location(wanted.location)
    check_new_sku(wanted.sku)
    if wanted.title:
        check_text(wanted.title, "title")
    if len(wanted.codes) > MAX_CODES:
        raise Invalid(f"An item has at most {MAX_CODES} further codes.", field="codes")
    for code in wanted.codes:
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


def expect(
    item: StockItem, *, document: str, quantity: int, eta: datetime | None = None
) -> list[object]:
    check_registered(item)
    check_text(document, "document")
    check_quantity(quantity)
    if eta is not None:
        check_moment(eta, "eta")
    if item.incoming.get(document) == Incoming(quantity, eta):
        return []
    return [StockExpected(document=document, quantity=quantity, eta=eta)]


def receive(
    item: StockItem,
    *,
    quantity: int,
    document: str,
    unit_cost: int | None = None,
    currency: str | None = None,
    lot: str | None = None,
) -> list[object]:
    """Two deliveries may come under one document, so a repeat is known by its command alone."""
    check_registered(item)
    check_quantity(quantity)
    check_text(document, "document")
    _check_cost(unit_cost, currency)
    if lot is not None:
        check_text(lot, "lot")
    return [
        StockReceived(
            quantity=quantity,
            document=document,
            unit_cost=unit_cost,
            currency=currency,
            lot=lot,
        )
    ]


def _check_cost(unit_cost: int | None, currency: str | None) -> None:
    if (unit_cost is None) != (currency is None):
        raise Invalid("A unit cost and its currency come together.", field="currency")
    if currency is not None:
        check_currency(currency, None)
    if not 0 <= (unit_cost or 0) <= MAX_AMOUNT:
        raise Invalid(f"A unit cost is 0 to {MAX_AMOUNT}.", field="unit_cost")


def open_balance(item: StockItem, quantity: int) -> list[object]:
    """Units that were there before the books knew of any; none is nothing to record."""
    check_count(quantity, "opening_balance")
    if quantity == 0:
        return []
    return receive(item, quantity=quantity, document=OPENING_BALANCE)


def adjust(
    item: StockItem, *, delta: int, reason: str, reference: str | None, orders: OrderFacts
) -> list[object]:
    check_registered(item)
    check_text(reason, "reason")
    if reference is not None:
        check_text(reference, "reference")
    _check_delta(item, delta)
    adjusted = StockAdjusted(delta=delta, reason=reason, reference=reference)
    if delta > 0:
        return [adjusted]
    return [adjusted, *displaced(item, orders, on_hand=item.on_hand + delta, reason="adjusted")]


def _check_delta(item: StockItem, delta: int) -> None:
    if delta == 0 or abs(delta) > MAX_QUANTITY:
        raise Invalid(f"An adjustment is up to {MAX_QUANTITY} units, not 0.", field="delta")
    if delta < 0 and item.on_hand + delta < 0:
        raise Invalid("No more units can go than are on hand.", field="delta", on_hand=item.on_hand)


def count(
    item: StockItem,
    *,
    counted: int,
    version: int,
    counted_at_version: int | None,
    orders: OrderFacts,
) -> list[object]:
    """A count is a fact, also when it finds what was expected."""
    check_registered(item)
    check_count(counted, "counted")
    if counted_at_version not in (None, version):
        raise StaleCount(version=version)
    return [
        StockCounted(counted=counted, expected=item.on_hand),
        *displaced(item, orders, on_hand=counted, reason="counted"),
    ]


def move_state(
    item: StockItem,
    *,
    from_state: State,
    to_state: State,
    quantity: int,
    reason: str,
    orders: OrderFacts,
) -> list[object]:
    check_registered(item)
    check_text(reason, "reason")
    check_quantity(quantity)
    _check_states(from_state, to_state)
    _check_held(item, from_state, quantity)
    moved = StockStateMoved(
        from_state=from_state, to_state=to_state, quantity=quantity, reason=reason
    )
    if from_state != "sellable":
        return [moved]
    gone = displaced(item, orders, on_hand=item.on_hand, set_aside=quantity, reason=to_state)
    return [moved, *gone]


def _check_states(from_state: str, to_state: str) -> None:
    if from_state not in get_args(State):
        raise Invalid("There is no such state.", field="from_state")
    if to_state not in get_args(State) or to_state == from_state:
        raise Invalid("This is no other state.", field="to_state")


def _check_held(item: StockItem, state: State, quantity: int) -> None:
    if state == "sellable":
        held = item.on_hand - sum(item.unavailable.values())
    else:
        held = item.unavailable.get(state, 0)
    if held < quantity:
        raise InsufficientStock(available={item.sku: max(0, held)})
