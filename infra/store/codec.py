"""Events to stored JSON and back. The envelope goes around the data; neither knows the other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from domain.decider import Recorded
from domain.history import EVENTS, UPCASTERS, Upcasters, upcast, version_of
from infra.runtime.json_decoders import converted, decoder

E = TypeVar("E")

encode_data = msgspec.json.Encoder().encode


class UnknownEvent(Exception):
    """The log holds an event name or version that this program does not know: it is too old."""


class Undecodable(Exception):
    """The stored bytes are not what the event's name and version promise."""


@dataclass(slots=True, kw_only=True)
class Stored:
    """The envelope as it stands in `state`, with the data still encoded."""

    event_id: str
    type: str
    schema_version: int
    stream_id: str
    stream_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command_id: str
    correlation_id: str
    data: msgspec.Raw
    channel: str | None = None
    causation_id: str | None = None
    reason: str | None = None
    traceparent: str | None = None


_STORED = msgspec.json.Decoder(Stored)


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return decoder(EVENTS[name])


def envelope(state: bytes) -> Stored:
    """Raises Undecodable when the bytes are no envelope."""
    try:
        return _STORED.decode(state)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Undecodable(f"no envelope: {error}") from error


def decode_data(
    name: str, version: int, data: bytes | msgspec.Raw, upcasters: Upcasters = UPCASTERS
) -> object:
    """An event in today's shape from its stored data.

    Raises UnknownEvent for a name or version of a newer program, Undecodable for broken data.
    """
    current = version_of(name, upcasters)
    if name not in EVENTS or not 1 <= version <= current:
        raise UnknownEvent(f"{name} version {version}")
    try:
        if version == current:
            return _decoder(name).decode(data)
        today = upcast(name, version, msgspec.json.decode(data), upcasters)
        return converted(today, EVENTS[name])
    except (msgspec.MsgspecError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Undecodable(f"{name} version {version}: {error}") from error


def event_of(state: bytes) -> object:
    """Only the event, for a fold that needs no envelope."""
    known = envelope(state)
    return decode_data(known.type, known.schema_version, known.data)


def recorded(position: int, state: bytes) -> Recorded:
    """The event of a stored row."""
    known = envelope(state)
    return _recorded(position, known, decode_data(known.type, known.schema_version, known.data))


def recorded_as(name: str, position: int, state: bytes) -> Recorded:
    """The same for a row that is said to hold this event: a quarter as long when that is true and
    the event has today's shape.
    """
    decode, version = _shortcut(name)
    try:
        known = decode(state) if decode else None
    except (msgspec.MsgspecError, ValueError):
        known = None
    if known is None or known.type != name or known.schema_version != version:
        return recorded(position, state)
    known.position = position
    found: Recorded = known
    return found


class _Whole(msgspec.Struct, Generic[E], kw_only=True, gc=False, rename={"event": "data"}):
    """What a Recorded has, decoded in one pass; to fill one with it would take as long again."""

    event: E
    type: str
    schema_version: int
    event_id: str
    stream_id: str
    stream_version: int
    position: int = 0
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    channel: str | None = None
    command_id: str
    correlation_id: str
    causation_id: str | None = None
    reason: str | None = None


class _Shortcut(NamedTuple):
    """How to decode an event of today's shape, which is this version; None for an unknown one."""

    decode: Callable[[bytes], Any] | None
    version: int


@cache
def _shortcut(name: str) -> _Shortcut:
    kind: Any = EVENTS.get(name)
    decode = decoder(_Whole[kind]).decode if kind else None
    return _Shortcut(decode, version_of(name))


def _recorded(position: int, known: Any, event: object) -> Recorded:
    return Recorded(
        event=event,
        type=known.type,
        schema_version=known.schema_version,
        event_id=known.event_id,
        stream_id=known.stream_id,
        stream_version=known.stream_version,
        position=position,
        occurred_at=known.occurred_at,
        recorded_at=known.recorded_at,
        actor=known.actor,
        channel=known.channel,
        command_id=known.command_id,
        correlation_id=known.correlation_id,
        causation_id=known.causation_id,
        reason=known.reason,
    )
