"""Choosing again: what has no source, and what waits where it shall not be served."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import InsufficientStock, NoEligibleLocation, WrongStatus
from domain.order.events import LineUnsourced, OrderCancelled, PickShort
from domain.order.resourcing import (
    demands,
    offered,
    source_again,
    taken_back,
    waiting,
    waiting_policy,
)
from domain.order.state import ORDER
from domain.sourcing import Demand, Sourcing
from tests.domain.order.histories import (
    CONFIRMED,
    IN_PICK,
    PROMISED,
    cancelled,
    displaced,
    line,
    opened,
    part,
    picked,
    placed,
    share,
    sourced,
)
from tests.domain.specification import Given, given

CANCELLED = [*PROMISED, cancelled(1, 4, allocated=(share(1, 4),)), OrderCancelled(reason="x")]


def order(*history: object) -> Given[Any]:
    return given(ORDER, history)


def back(
    *history: object,
    excluded: Iterable[str] = (),
    closed: Iterable[str] = (),
    ended: Iterable[str] = (),
) -> list[LineUnsourced]:
    """What is taken back from places in these states."""
    return taken_back(
        ORDER.fold(history),
        excluded=set(excluded),
        closed=set(closed).__contains__,
        ended=lambda location, sku: location in ended,
    )


def unsourced(number: int, quantity: int, location: str = "LEEDS", **more: Any) -> LineUnsourced:
    facts: dict[str, Any] = {"promise": "backordered", "cause": "closed"}
    return LineUnsourced(line=number, location=location, quantity=quantity, **(facts | more))


WAITING = [
    placed(line(1, 4), line(2, 2)),
    sourced(share(2, 2), backorders=(share(1, 3), share(1, 1, "YORK"))),
    CONFIRMED,
]


def test_what_waits_is_taken_back_from_where_it_shall_not_be_served() -> None:
    assert back(*WAITING) == []
    assert back(*WAITING, excluded=["LEEDS"]) == [unsourced(1, 3, cause="excluded")]
    assert back(*WAITING, ended=["YORK"]) == [unsourced(1, 1, "YORK")]
    assert back(*WAITING, closed=["LEEDS"]) == [
        unsourced(1, 3),
        unsourced(2, 2, promise="allocated"),
    ]


def test_what_was_given_to_pick_stays_the_work_of_its_place() -> None:
    work = [*WAITING, opened(part(2, 2))]
    assert back(*work, closed=["LEEDS"]) == [unsourced(1, 3)]


def test_what_was_picked_and_then_lost_its_promise_is_not_sent_for_elsewhere() -> None:
    history = [*IN_PICK, picked(1, 3), displaced(1, 4)]
    assert back(*history, excluded=["LEEDS"]) == [unsourced(1, 1, cause="excluded")]


def test_taking_back_leaves_units_without_a_source() -> None:
    state = ORDER.fold([*WAITING, unsourced(1, 3), unsourced(2, 1, promise="allocated")])
    first, second = state.lines[1], state.lines[2]
    assert (first.unsourced, first.backordered) == (3, {"YORK": 1})
    assert (second.unsourced, second.allocated) == (1, {"LEEDS": 1})
    assert demands(state, [unsourced(2, 1)]) == [Demand(1, "SKU1", 3), Demand(2, "SKU2", 2)]


def test_what_waits_is_taken_back_though_not_all_of_it_finds_a_place() -> None:
    taken, found = back(*WAITING, excluded=["LEEDS"]), sourced(share(1, 1, "YORK"))
    order(*WAITING).when(lambda o: source_again(o, Sourcing(found, {1: 2}, {}), taken)).then(
        *taken, found
    )


def test_no_firm_promise_is_given_up_for_nothing() -> None:
    taken, found = back(*WAITING, closed=["LEEDS"]), sourced(share(2, 1, "YORK"))
    order(*WAITING).when(lambda o: source_again(o, Sourcing(found, {1: 3, 2: 1}, {}), taken)).then(
        unsourced(1, 3), unsourced(2, 1, promise="allocated"), found
    )


def test_what_waits_is_offered_what_is_free_elsewhere() -> None:
    state = ORDER.fold(WAITING)
    assert waiting(state, "SKU1") == [Demand(1, "SKU1", 4)]
    assert waiting(state, "SKU2") == waiting(state, "x") == []
    found = sourced(share(1, 3, "HULL"))
    order(*WAITING).when(lambda o: offered(o, Sourcing(found, {1: 1}, {}))).then(
        unsourced(1, 3, cause="sourced-elsewhere"), found
    )
    order(*WAITING).when(lambda o: offered(o, Sourcing(sourced(), {1: 4}, {}))).then_nothing()


def test_units_without_a_source_take_the_offer_first() -> None:
    history, found = [*WAITING, unsourced(1, 3)], sourced(share(1, 4, "HULL"))
    order(*history).when(lambda o: offered(o, Sourcing(found, {}, {}))).then(
        unsourced(1, 1, "YORK", cause="sourced-elsewhere"), found
    )
    order(*history).when(lambda o: offered(o, Sourcing(sourced(share(1, 3)), {}, {}))).then(
        sourced(share(1, 3))
    )


def test_units_without_a_source_look_for_one() -> None:
    short = ORDER.fold([*IN_PICK, PickShort(fulfilment_id="F1", line=1, quantity=3)])
    assert demands(short, []) == [Demand(1, "SKU1", 3)]
    assert demands(ORDER.fold(PROMISED), []) == []


@pytest.mark.parametrize(
    ("policy", "again"),
    [("reject", "backorder"), ("backorder", "backorder"), ("partial", "partial")],
)
def test_an_accepted_order_waits_unless_it_was_never_to_wait(policy: Any, again: str) -> None:
    assert waiting_policy(ORDER.fold([placed(shortage_policy=policy)])) == again


def test_a_new_source_is_bound() -> None:
    found = sourced(share(1, 3, "YORK"))
    order(*PROMISED).when(lambda o: source_again(o, Sourcing(found, {1: 1}, {}))).then(found)
    waits = sourced(backorders=(share(1, 3, "YORK"),))
    order(*PROMISED).when(lambda o: source_again(o, Sourcing(waits, {}, {}))).then(waits)


def test_no_source_is_refused() -> None:
    nothing = sourced()
    order(*PROMISED).when(lambda o: source_again(o, Sourcing(nothing, {1: 3}, {}))).then_refused(
        InsufficientStock
    )
    nowhere = replace(nothing, candidates=())
    order(*PROMISED).when(lambda o: source_again(o, Sourcing(nowhere, {1: 3}, {}))).then_refused(
        NoEligibleLocation
    )
    order(*CANCELLED).when(lambda o: source_again(o, Sourcing(nothing, {}, {}))).then_refused(
        WrongStatus
    )
