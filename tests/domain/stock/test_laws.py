"""The laws that every fold obeys, for the stock item and the sourcing policy."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import sourcing_policy
from domain.decider import Decider
from domain.errors import DomainError
from domain.history import version_of
from domain.sourcing_policy import RULES, SOURCING_POLICY
from domain.stock import carrying, levels, promising
from domain.stock import events as stock_events
from domain.stock.alerts import alerts
from domain.stock.state import STOCK_ITEM
from infra.store.codec import decode_data, encode_data
from tests.domain.laws import any_event
from tests.domain.stock.histories import LATER, NOW, REGISTERED, allocated, backordered, reserved

AGGREGATES: dict[str, tuple[Decider[Any], st.SearchStrategy[Any]]] = {
    "stock": (STOCK_ITEM, any_event(stock_events.EVENTS)),
    "sourcing": (SOURCING_POLICY, any_event(sourcing_policy.EVENTS)),
}
PROMISED = [
    reserved("a", 1),
    reserved("b", 1, NOW),
    allocated("a", 2),
    backordered("a", 2),
]

ASKED_TWICE: dict[str, Callable[[Any], list[object]]] = {
    "register": lambda i: carrying.register(i, location="LEEDS", sku="a", codes=("1",)),
    "set_policy": lambda i: carrying.set_policy(
        i,
        backorder_limit=3,
        preorder=True,
        safety_stock=1,
        reorder_point=2,
        reorder_quantity=3,
    ),
    "set_codes": lambda i: carrying.set_codes(i, ("1", "2")),
    "set_title": lambda i: carrying.set_title(i, "Lamp"),
    "suspend": lambda i: carrying.suspend(i, "recall"),
    "resume": carrying.resume,
    "discontinue": lambda i: carrying.discontinue(i, "old"),
    "expect": lambda i: levels.expect(i, document="a", quantity=3),
    "reserve": lambda i: promising.reserve(i, "r", "cart", 1, LATER, NOW),
    "extend": lambda i: promising.extend(i, "a", LATER, NOW),
    "release_reservation": lambda i: promising.release_reservation(i, "a", "cancelled"),
    "due_releases": lambda i: promising.due_releases(i, NOW),
    "release": lambda i: promising.release(i, "a", 1, 10**16, "cancelled"),
    "cancel_backorder": lambda i: promising.cancel_backorder(i, "a", 1, 10**16, "cancelled"),
    "ship": lambda i: promising.ship(i, "a", 1, 10**16, "s"),
    "alerts": lambda i: alerts(i, NOW),
}
POLICY_ASKED_TWICE: dict[str, Callable[[Any], list[object]]] = {
    "register_location": lambda p: sourcing_policy.register_location(
        p, location="A", country="GB", now=NOW
    ),
    "change_location": lambda p: sourcing_policy.change_location(
        p, location="a", country="GB", zones=("GB",), channels=(), priority=1, now=NOW
    ),
    "close_location": lambda p: sourcing_policy.close_location(
        p, location="a", reason="flood", now=NOW
    ),
    "set_policy": lambda p: sourcing_policy.set_policy(p, rules=RULES[:2], max_splits=2, now=NOW),
}


@pytest.mark.parametrize("name", AGGREGATES)
@given(data=st.data())
def test_an_event_survives_the_codec(name: str, data: st.DataObject) -> None:
    event = data.draw(AGGREGATES[name][1])
    name = type(event).__name__
    assert decode_data(name, version_of(name), encode_data(event)) == event


@pytest.mark.parametrize("name", AGGREGATES)
@given(data=st.data())
def test_a_replay_in_any_batches_is_the_live_state(name: str, data: st.DataObject) -> None:
    decider, events = AGGREGATES[name]
    history = data.draw(st.lists(events, max_size=20))
    cut = data.draw(st.integers(0, len(history)))
    kept = deepcopy(history)
    live = decider.fold(history)
    assert decider.fold(history[cut:], decider.fold(history[:cut])) == live
    assert decider.fold(kept) == live
    assert history == kept


@pytest.mark.parametrize("name", ASKED_TWICE)
@given(history=st.lists(AGGREGATES["stock"][1], max_size=20))
def test_asking_an_item_twice_writes_nothing(name: str, history: list[object]) -> None:
    beginning = [] if name == "register" else [REGISTERED]
    _ask_twice(STOCK_ITEM, [*beginning, *history, *PROMISED], ASKED_TWICE[name])


@pytest.mark.parametrize("name", POLICY_ASKED_TWICE)
@given(history=st.lists(AGGREGATES["sourcing"][1], max_size=20))
def test_asking_the_policy_twice_writes_nothing(name: str, history: list[object]) -> None:
    _ask_twice(SOURCING_POLICY, history, POLICY_ASKED_TWICE[name])


def _ask_twice(
    decider: Decider[Any], history: list[object], decide: Callable[[Any], list[object]]
) -> None:
    state = decider.fold(history)
    try:
        first = decide(state)
    except DomainError:
        return
    assert decide(decider.fold(first, state)) == []
