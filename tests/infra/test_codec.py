"""Events to stored JSON and back, today's shapes and old ones."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given

from domain.history import EVENTS, upcast, version_of
from domain.stock.events import StockAdjusted, StockReceived
from infra.store import codec
from infra.store.codec import UnknownEvent
from infra.store.envelope import Stored, Undecodable
from tests.domain.laws import any_event

AT = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
ENVELOPE = Stored(
    event_id="e-1",
    type="StockAdjusted",
    schema_version=1,
    stream_id="stock-LEEDS-85123A",
    stream_version=7,
    occurred_at=AT,
    recorded_at=AT,
    actor="ada",
    command_id="c-1",
    correlation_id="r-1",
    data=msgspec.Raw(b'{"delta":-3,"reason":"broken"}'),
)


def state(**changes: object) -> bytes:
    """A stored envelope with these members instead of the sound ones; None drops a member."""
    known: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(ENVELOPE)) | changes
    return msgspec.json.encode({name: each for name, each in known.items() if each is not None})


@given(any_event(EVENTS.values()))
def test_every_event_comes_back_as_it_was(event: object) -> None:
    name = type(event).__name__
    assert codec.decode_data(name, version_of(name), codec.encode_data(event)) == event


def test_a_stored_row_becomes_an_event_with_its_envelope() -> None:
    known = codec.recorded(42, state(channel="web", causation_id="x-1", reason="a whim"))
    assert known.event == StockAdjusted(delta=-3, reason="broken")
    assert (known.type, known.schema_version, known.event_id) == ("StockAdjusted", 1, "e-1")
    assert (known.stream_id, known.stream_version) == ("stock-LEEDS-85123A", 7)
    assert (known.position, known.occurred_at, known.recorded_at) == (42, AT, AT)
    assert (known.actor, known.channel, known.reason) == ("ada", "web", "a whim")
    assert (known.command_id, known.correlation_id, known.causation_id) == ("c-1", "r-1", "x-1")
    assert codec.event_of(state()) == known.event


def test_what_an_envelope_may_lack_is_none() -> None:
    known = codec.recorded(1, state())
    assert (known.channel, known.causation_id, known.reason) == (None, None, None)


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"\0", state()[:-1], state(actor=3), state(data=None)],
)
def test_bytes_that_are_no_envelope_are_called_so(broken: bytes) -> None:
    with pytest.raises(Undecodable):
        codec.recorded(1, broken)


@pytest.mark.parametrize(
    "data", [{}, {"delta": "3", "reason": ""}, {"delta": 3}, [], 3, {"delta": 1.5, "reason": ""}]
)
def test_data_that_is_not_what_its_name_promises_is_called_so(data: object) -> None:
    with pytest.raises(Undecodable, match="StockAdjusted version 1"):
        codec.event_of(state(data=data))


@pytest.mark.parametrize(
    ("name", "version"), [("StockEvaporated", 1), ("StockAdjusted", 2), ("StockAdjusted", 0)]
)
def test_what_a_newer_program_wrote_is_not_guessed_at(name: str, version: int) -> None:
    with pytest.raises(UnknownEvent, match=f"{name} version {version}"):
        codec.event_of(state(type=name, schema_version=version))


# -- old shapes: once, receipts had a `count` and their document was called `note`


def _named_quantity(data: dict[str, Any]) -> dict[str, Any]:
    return {"quantity": data.pop("count"), **data}


def _named_document(data: dict[str, Any]) -> dict[str, Any]:
    return {"document": data.pop("note", "unknown"), **data}


OLD_SHAPES = {"StockReceived": (_named_quantity, _named_document)}


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, {"count": 5, "note": "d-1"}),
        (2, {"quantity": 5, "note": "d-1"}),
        (3, {"quantity": 5, "document": "d-1"}),
    ],
)
def test_every_old_shape_becomes_todays(version: int, data: dict[str, Any]) -> None:
    stored = msgspec.json.encode(data)
    event = codec.decode_data("StockReceived", version, stored, OLD_SHAPES)
    assert event == StockReceived(quantity=5, document="d-1")
    assert version_of("StockReceived", OLD_SHAPES) == 3


def test_an_old_shape_keeps_its_moments_and_names() -> None:
    old = {"document": "d", "quantity": 1, "eta": "2024-02-29T12:30:15.123456Z"}
    again = upcast("StockExpected", 1, old, {"StockExpected": (lambda data: dict(data),)})
    assert again == old
    table = {"StockExpected": (lambda data: data | {"quantity": 2},)}
    event = codec.decode_data("StockExpected", 1, msgspec.json.encode(old), table)
    assert event == EVENTS["StockExpected"](document="d", quantity=2, eta=AT)


@pytest.mark.parametrize(
    "data", [{}, {"count": "five"}, {"count": 5, "note": 3}, [], "text", 3, None]
)
def test_an_old_shape_that_is_broken_is_called_so(data: object) -> None:
    with pytest.raises(Undecodable, match="StockReceived version 1"):
        codec.decode_data("StockReceived", 1, msgspec.json.encode(data), OLD_SHAPES)


def test_an_old_shape_of_the_future_is_not_guessed_at() -> None:
    with pytest.raises(UnknownEvent):
        codec.decode_data("StockReceived", 4, b"{}", OLD_SHAPES)
