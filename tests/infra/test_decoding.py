"""The short way from a row to its event says the same as the long one."""

from dataclasses import fields

import pytest
from hypothesis import given

from domain.decider import Recorded
from domain.history import EVENTS
from infra.store import codec
from infra.store.codec import UnknownEvent
from infra.store.envelope import Undecodable
from tests.domain.laws import any_event
from tests.infra.sample_projection import receive, state_of


def said(known: Recorded) -> dict[str, object]:
    return {field.name: getattr(known, field.name) for field in fields(Recorded)}


@given(any_event(EVENTS.values()))
def test_both_ways_agree_on_every_event(event: object) -> None:
    state = state_of("stock-a", 3, event, channel="web", reason="why", causation_id="x")
    assert said(codec.recorded_as(type(event).__name__, 7, state)) == said(codec.recorded(7, state))


@pytest.mark.parametrize("name", ["StockAdjusted", "NobodyKnows", ""])
def test_the_envelope_is_believed_when_the_row_says_otherwise(name: str) -> None:
    state = state_of("stock-a", 1, receive(1))
    assert said(codec.recorded_as(name, 7, state)) == said(codec.recorded(7, state))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (b"", Undecodable),
        (b'{"type": "\xff"}', Undecodable),
        (state_of("stock-a", 1, {"quantity": "many"}, type="StockReceived"), Undecodable),
        (state_of("stock-a", 1, receive(1), type="Newer"), UnknownEvent),
        (state_of("stock-a", 1, receive(1), type="StockReceived", schema_version=2), UnknownEvent),
    ],
)
def test_errors_are_those_of_the_long_way(state: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        codec.recorded_as("StockReceived", 7, state)
