"""Decoding the messages of channels.

A channel describes its message as a plain dataclass. msgspec fills a struct about seven times
faster, so what a channel gets to translate is a struct with the same fields.

msgspec takes the last of two members with one name, and names one unknown field at most: what it
does not say is looked for in Python.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from consumers.consumer import Unreadable
from infra.runtime.json_decoders import decoder

MOST_NAMED = 20
BLANKS = (b" :", b"\t:", b"\n:", b"\r:")

_plain = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Decoded(NamedTuple):
    """What has the message's fields, and which others it came with."""

    message: Any
    unknown: tuple[str, ...] = ()


class UnknownFields(Unreadable):
    """The message has fields that its shape has not."""


Decode = Callable[[bytes], Decoded]


def decoder_of(message: type, *, listing: bool = False) -> Decode:
    """From JSON to a message; raises Unreadable, or msgspec's errors.

    Fields that the message has not are refused, all of them by their names; `listing` takes them.
    """
    strict = decoder(_struct_of(message, strict=True)).decode
    tolerant = decoder(_struct_of(message, strict=False)).decode

    def decode(raw: bytes) -> Decoded:
        try:
            found = strict(raw)
        except msgspec.ValidationError:
            unknown = _unknown_fields(_members(raw), message)
            if not unknown:
                raise
            if listing:
                return Decoded(tolerant(raw), unknown)
            raise UnknownFields(f"unknown fields: {', '.join(unknown)}") from None
        if not _surely_once(raw):
            _members(raw)
        return Decoded(found)

    return decode


def _surely_once(raw: bytes) -> bool:
    """Whether no name can stand twice, told at a third of the price of looking at each name.

    Written anew, the message has as many names as before, unless one was dropped. In text without
    escapes, and without a blank before a colon, each name ends with a quote and a colon, and
    whatever else looks like that is part of a text, which is written as it was.
    """
    if b"\\" in raw or any(blank in raw for blank in BLANKS):
        return False
    return raw.count(b'":') == _encode(_plain(raw)).count(b'":')


def _members(raw: bytes) -> Any:
    """All that the message holds; raises Unreadable when a name stands twice in one object."""
    return _json.decode(raw.decode())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"the field {twice[:100]} stands twice in one object")
    return members


_json = json.JSONDecoder(object_pairs_hook=_once)


def _unknown_fields(members: Any, message: type) -> tuple[str, ...]:
    names = dict.fromkeys(_unknown(members, message, ""))
    shown = tuple(name[:100] for name in list(names)[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else (*shown, f"and {len(names) - MOST_NAMED} more")


def _unknown(members: Any, kind: Any, place: str) -> Iterator[str]:
    """Members of lists have no number here: a shape that is wrong is wrong in each of them."""
    if isinstance(members, dict) and is_dataclass(kind):
        hints = _hints(cast(type, kind))
        for name, value in members.items():
            if name in hints:
                yield from _unknown(value, hints[name], f"{place}{name}.")
            else:
                yield f"{place}{name}"
        return
    for inner in get_args(kind):
        for each in members if isinstance(members, list) else [members]:
            yield from _unknown(each, inner, place)


@cache
def _hints(message: Any) -> Mapping[str, Any]:
    return get_type_hints(message)


@cache
def _struct_of(message: Any, *, strict: bool) -> type:
    hints = get_type_hints(message, include_extras=True)
    columns = [(f.name, _lookalike(hints[f.name], strict), _default(f)) for f in fields(message)]
    return msgspec.defstruct(message.__name__, columns, kw_only=True, forbid_unknown_fields=strict)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.NODEFAULT if field.default is MISSING else field.default


def _lookalike(kind: Any, strict: bool) -> Any:
    """The same type with structs instead of dataclasses, however deep."""
    if is_dataclass(kind):
        return _struct_of(cast(type, kind), strict=strict)
    inner, outer = get_args(kind), get_origin(kind)
    if not inner or outer is Literal:
        return kind
    parts = tuple(_lookalike(each, strict) for each in inner)
    return Union[parts] if outer in (Union, UnionType) else outer[parts]  # noqa: UP007
