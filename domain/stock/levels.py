"""What is there: units that are expected, arrive, go missing or spoil."""

from datetime import datetime
from typing import get_args

from domain.currencies import check_currency
from domain.errors import InsufficientStock, Invalid, StaleCount
from domain.stock.displacement import OrderFacts, displaced
from domain.stock.events import (
    State,
    StockAdjusted,
    StockCounted,
    StockExpected,
    StockReceived,
    StockStateMoved,
)
from domain.stock.guards import check_registered
from domain.stock.state import Incoming, StockItem
from domain.values import (
    MAX_AMOUNT,
    MAX_QUANTITY,
    check_count,
    check_moment,
    check_quantity,
    check_text,
)

OPENING_BALANCE = "opening-balance"


def expect(
    item: StockItem, *, document: str, quantity: int, eta: datetime | None = None
) -> list[object]:
    """A document states its total: what came under it is counted, and 0 withdraws the rest."""
    check_registered(item)
    check_text(document, "document")
    check_count(quantity, "quantity")
    if eta is not None:
        check_moment(eta, "eta")
    left = max(0, quantity - item.received.get(document, 0))
    known = item.incoming.get(document)
    if known == Incoming(left, eta) or (known is None and left == 0):
        return []
    return [StockExpected(document=document, quantity=left, eta=eta)]


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
