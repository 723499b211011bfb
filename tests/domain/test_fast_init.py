"""A maker is the class, only faster."""

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.handling import Contact, Context, Receipt
from commands.order import PlaceOrder, RequestedLine
from domain.fast_init import maker
from domain.history import EVENTS
from domain.order.events import OrderLine
from domain.order.model import Line, Order
from domain.values import LineShare

MADE = [*EVENTS.values(), OrderLine, LineShare, PlaceOrder, RequestedLine, Line, Order]
MADE += [Contact, Context, Receipt]
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=3))


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_what_it_makes_is_what_the_class_makes(kind: Any, data: st.DataObject) -> None:
    needed = {f.name for f in fields(kind) if _needed(f)}
    optional = {f.name for f in fields(kind)} - needed
    names = needed | (data.draw(st.sets(st.sampled_from(sorted(optional)))) if optional else set())
    given_values = {name: data.draw(VALUES) for name in names}

    made = maker(kind)(**given_values)

    assert made == kind(**given_values)
    assert type(made) is kind
    assert is_dataclass(made)


def _needed(each: Any) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def test_what_it_makes_of_a_frozen_class_is_frozen() -> None:
    share = maker(LineShare)(line=1, location="BER", quantity=2)

    with pytest.raises(FrozenInstanceError):
        share.quantity = 3  # type: ignore[misc]
    assert hash(share) == hash(LineShare(line=1, location="BER", quantity=2))


def test_defaults_are_made_anew_for_each() -> None:
    make = maker(Receipt)

    first = make(id="1", stream_id="order-1", outcome="placed")
    first.details["seen"] = True

    assert make(id="2", stream_id="order-2", outcome="placed").details == {}


@pytest.mark.parametrize(
    "given_values", [{}, {"line": 1, "location": "BER", "quantity": 1, "x": 0}]
)
def test_a_wrong_call_is_refused(given_values: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        maker(LineShare)(**given_values)


def test_fields_by_place_stay_so() -> None:
    assert maker(Line)(1, "TEA", "stock", 2, 300) == Line(1, "TEA", "stock", 2, 300)


@dataclass(frozen=True, slots=True)
class _Heir(LineShare):
    pass


@dataclass(slots=True)
class _Busy:
    units: int

    def __post_init__(self) -> None:
        self.units += 1


@dataclass(slots=True)
class _Kept:
    units: int = field(default=1, init=False)


@pytest.mark.parametrize("kind", [_Heir, _Busy, _Kept])
def test_a_class_that_does_more_is_refused(kind: type) -> None:
    with pytest.raises(TypeError):
        maker(kind)
