"""Events to stored JSON and back. The envelope goes around the data; neither knows the other."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec

from domain.decider import Recorded
from domain.history import EVENTS, UPCASTERS, Upcasters, upcast, version_of
from infra.runtime.json_decoders import converted, decoder
from infra.store.envelope import Undecodable, Whole, envelope

encode_data = msgspec.json.Encoder().encode


class UnknownEvent(Exception):
    """The log holds an event name or version that this program does not know: it is too old."""


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return decoder(EVENTS[name])


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


class _Shortcut(NamedTuple):
    """How to decode an event of today's shape, which is this version; None for an unknown one."""

    decode: Callable[[bytes], Any] | None
    version: int


@cache
def _shortcut(name: str) -> _Shortcut:
    kind: Any = EVENTS.get(name)
    decode = decoder(Whole[kind]).decode if kind else None
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
