"""The list of categories: names stand for one thing each, and no event is without a fold."""

from dataclasses import dataclass, field, replace

import pytest

from domain.categories import CATEGORIES, category_of, decider_of
from domain.category import Category, IncompleteCategory, bare_id, listed
from domain.decider import Decider, unchanged
from domain.invariants import Books, Invariants
from domain.order.category import ORDERS
from domain.order.events import OrderConfirmed, OrderPlaced
from domain.stock.category import STOCK
from domain.values import SOURCING_STREAM, order_stream, stock_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class LampLit:
    """Somebody lit a lamp."""

    units: int


@dataclass(slots=True)
class Lamp:
    units: list[int] = field(default_factory=list)


def _lit(lamp: Lamp, event: LampLit) -> None:
    lamp.units.append(event.units)


def lamps(name: str = "lamp", invariants: Invariants[Lamp] | None = None) -> Category[Lamp]:
    decider = Decider(initial=Lamp, folds={LampLit: _lit})
    return Category(
        name=name, events=(LampLit,), decider=decider, invariants=invariants or Invariants()
    )


def test_an_event_without_a_fold_is_no_category() -> None:
    with pytest.raises(IncompleteCategory, match="OrderPlaced must be an event and have a fold"):
        Category(name="lamp", events=(LampLit, OrderPlaced), decider=lamps().decider)


def test_a_fold_of_an_event_that_is_not_listed_is_no_category() -> None:
    with pytest.raises(IncompleteCategory, match="LampLit"):
        Category(name="lamp", events=(), decider=lamps().decider)


def test_no_name_stands_for_two_things() -> None:
    with pytest.raises(IncompleteCategory, match="two things are called LampLit"):
        listed(*CATEGORIES.values(), lamps("lamp"), lamps("lantern"))
    with pytest.raises(IncompleteCategory, match="two things are called order"):
        listed(ORDERS, replace(ORDERS))


def test_streams_belong_to_their_categories() -> None:
    assert category_of(order_stream("7")) is ORDERS
    assert category_of(stock_stream("LEEDS", "TEA-1")) is STOCK
    assert category_of(SOURCING_STREAM).single
    assert decider_of(order_stream("7")) is ORDERS.decider
    assert bare_id("stock-LEEDS-TEA-1") == "LEEDS-TEA-1"
    assert bare_id(SOURCING_STREAM) == SOURCING_STREAM


def test_an_event_may_change_nothing_on_purpose() -> None:
    decider = Decider(initial=Lamp, folds={LampLit: unchanged})
    assert decider.fold([LampLit(units=1)]) == Lamp()


def test_books_name_every_breach() -> None:
    checks: Invariants[Lamp] = Invariants(
        allowed=lambda lamp, _: ["lit twice"] if lamp.units else [],
        at_rest=lambda lamp, events: ["dark"] if not events else [],
        books=lambda stream, lamp: [("light", sum(lamp.units))],
    )
    books, lamp = Books(), lamps(invariants=checks)

    def taken(stream: str, *units: int) -> list[str]:
        events = [LampLit(units=each) for each in units]
        return list(books.take(stream, lamp.decider, checks, events))

    assert taken("lamp-1", 2, 3) == ["lamp-1 at version 2: lit twice"]
    assert taken("lamp-2") == ["lamp-2: dark"]
    assert list(books.close()) == ["light: both sides disagree by 5 units"]
    taken("lamp-3", -5)
    assert list(books.close()) == []


def test_an_order_that_was_never_placed_cannot_be_confirmed() -> None:
    books = Books()
    found = list(books.take("order-1", ORDERS.decider, ORDERS.invariants, [OrderConfirmed()]))
    assert found == ["order-1 at version 1: OrderConfirmed on an order that was none"]
