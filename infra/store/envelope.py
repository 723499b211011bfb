"""What stands around an event's data in the log and on its topic: the one home of that format.

Written by hand, since an order has several events and each member counts; read as far as somebody
needs it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Generic, NamedTuple, TypeVar

import msgspec

from commands.handling import Context
from domain.history import version_of
from domain.values import named_id

E = TypeVar("E")
_json = msgspec.json.Encoder().encode


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
    via: str | None = None


class Whole(msgspec.Struct, Generic[E], kw_only=True, gc=False, rename={"event": "data"}):
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


class Head(msgspec.Struct, gc=False):
    """What the headers of a message repeat; empty for a poison event that has no envelope."""

    event_id: str = ""
    schema_version: int = 0
    occurred_at: str = ""
    command_id: str = ""
    traceparent: str | None = None


class _Identified(msgspec.Struct):
    event_id: str


class _Dated(msgspec.Struct):
    recorded_at: datetime


_NO_HEAD = Head()
_STORED = msgspec.json.Decoder(Stored).decode
_HEAD = msgspec.json.Decoder(Head).decode
_identify = msgspec.json.Decoder(_Identified).decode
_date = msgspec.json.Decoder(_Dated).decode


# -- reading


def envelope(state: bytes) -> Stored:
    """Raises Undecodable when the bytes are no envelope."""
    try:
        return _STORED(state)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Undecodable(f"no envelope: {error}") from error


def head_of(state: bytes) -> Head:
    try:
        return _HEAD(state)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _NO_HEAD


class Place(NamedTuple):
    """Where an event says that it stands."""

    stream_id: str
    stream_version: int
    type: str


class _Placed(msgspec.Struct, gc=False):
    stream_id: str
    stream_version: int
    type: str


_placed = msgspec.json.Decoder(_Placed).decode


def place_of(state: bytes) -> Place | None:
    """None when the bytes are no envelope."""
    try:
        known = _placed(state)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Place(known.stream_id, known.stream_version, known.type)


def event_id_of(state: bytes) -> str | None:
    """The id in an envelope, None when the bytes are no envelope."""
    try:
        return _identify(state).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def recorded_at_of(state: bytes) -> datetime | None:
    """When the event was recorded, None when its bytes do not say."""
    try:
        return _date(state).recorded_at
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


# -- writing


class Kind(NamedTuple):
    """What the envelopes of all events of one type have in common."""

    name: bytes
    head: bytes


@cache
def kind_of(name: str) -> Kind:
    head = f'","type":"{name}","schema_version":{version_of(name)},"stream_id":'
    return Kind(name.encode(), head.encode())


def event_id(command_id: bytes, index: int) -> str:
    """uuid5(command_id, index)."""
    return named_id(command_id, b"%d" % index)


def shared(context: Context, occurred_at: datetime, recorded_at: datetime) -> bytes:
    """The part that all events of a command have in common, those of one time."""
    members: dict[str, object] = {
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "actor": context.actor,
        "channel": context.channel,
        "command_id": context.command_id,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
    }
    if context.via is not None:
        members["via"] = context.via
    if context.reason is not None:
        members["reason"] = context.reason
    if context.traceparent is not None:
        members["traceparent"] = context.traceparent
    return _json(members)[1:-1]


def sealed(
    command_id: bytes, index: int, event: object, stream_id: str, version: int, shared: bytes
) -> bytes:
    """A command's event in its envelope, as it is stored and sent."""
    return b'{"event_id":"%b%b%b,"stream_version":%d,%b,"data":%b}' % (
        named_id(command_id, b"%d" % index).encode(),
        kind_of(type(event).__name__).head,
        _json(stream_id),
        version,
        shared,
        _json(event),
    )


def with_position(position: int, state: bytes) -> bytes:
    """The stored object with its position in front, as a line of NDJSON has it."""
    return b'{"position":%d,%b' % (position, state[1:])
