"""Sound bodies are read by msgspec, from the same declaration as pydantic's.

What it refuses, or cannot know, pydantic reads again: its words are what callers are told. So the
one law is that whatever is taken here pydantic would take for the same (a property test holds it).
Nothing is decoded here but text, integers and what is made of them: on decimals, moments and bytes
the two libraries differ.
"""

import types
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from msgspec.structs import asdict
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.fields import FREE_TEXT, NOT_BLANK, PRINTABLE

B = TypeVar("B", bound=BaseModel)

# Where a body is plain (see `_is_plain`), this is all that these patterns ask for.
PLAIN: dict[str, dict[str, Any]] = {
    FREE_TEXT: {},
    PRINTABLE: {"min_length": 1},
    NOT_BLANK: {"min_length": 1},
}


class NotNative(Exception):
    """This type is pydantic's alone."""


def fast_reader(model: type[B]) -> Callable[[bytes], tuple[B, bytes] | None]:
    """A reader of such bodies: what was said, and the same written without what is so by default.

    The first has the fields of the model, and is none; None says that pydantic must read it.
    """
    decode: Any = msgspec.json.Decoder(struct_of(model)).decode
    encode = msgspec.json.Encoder().encode

    def read(raw: bytes) -> tuple[B, bytes] | None:
        if not _is_plain(raw):
            return None
        try:
            body = decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        content = encode(body)
        # A name that stands twice (see `api.json_names`), or a default that is spelled out.
        return (body, content) if raw.count(b":") == content.count(b":") else None

    return read


def _is_plain(raw: bytes) -> bool:
    """Without an escape, DEL, the controls and the blank above ASCII, or a blank at a text's begin.

    So no text is other than it looks, and none is blank.
    """
    return not (b"\\" in raw or b"\x7f" in raw or b"\xc2" in raw or b'" ' in raw)


def members(body: BaseModel) -> dict[str, Any]:
    """The fields of a body, whoever read it."""
    return asdict(body) if isinstance(body, msgspec.Struct) else vars(body)


def struct_of(model: type[BaseModel]) -> type[msgspec.Struct]:
    """The same as a struct; a field whose type is not native may only be left out, or null."""
    return msgspec.defstruct(
        model.__name__,
        [_field(name, info) for name, info in model.model_fields.items()],
        kw_only=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
        # What comes from JSON holds nothing that holds it.
        gc=False,
    )


def _field(name: str, info: FieldInfo) -> Any:
    try:
        kind = _kind(info.annotation, info.metadata)
    except NotNative:
        if info.is_required() or info.default is not None:
            raise
        kind = types.NoneType
    return (name, kind) if info.is_required() else (name, kind, info.default)


def _kind(stated: Any, metadata: Sequence[Any]) -> Any:
    """This annotation with its constraints, in msgspec's words."""
    origin, arguments = get_origin(stated), get_args(stated)
    if origin is Annotated:
        return _kind(arguments[0], [*_flat(arguments[1:]), *metadata])
    if origin in (Union, types.UnionType):
        if metadata or len(arguments) != 2 or arguments[1] is not types.NoneType:
            raise NotNative(stated)
        return _kind(arguments[0], ()) | None
    if origin is Literal:
        return stated
    if origin in (list, dict):
        kind = origin[tuple(_kind(argument, ()) for argument in arguments)]
    elif stated in (str, int):
        kind = stated
    elif isinstance(stated, type) and issubclass(stated, BaseModel):
        kind = struct_of(stated)
    else:
        raise NotNative(stated)
    constraints = _constraints(metadata)
    return Annotated[kind, msgspec.Meta(**constraints)] if constraints else kind


def _flat(metadata: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in metadata:
        found += each.metadata if isinstance(each, FieldInfo) else [each]
    return found


def _constraints(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in metadata:
        match each:
            case Ge(ge=bound):
                found["ge"] = bound
            case Le(le=bound):
                found["le"] = bound
            case MinLen(min_length=length):
                found["min_length"] = length
            case MaxLen(max_length=length):
                found["max_length"] = length
            case _:
                found |= _pattern(each)
    return found


def _pattern(stated: Any) -> dict[str, Any]:
    """Of pydantic's own record of a pattern; Python's `$` would also match before a line's end."""
    named = dict(vars(stated)) if hasattr(stated, "__dict__") else {}
    if named.keys() != {"pattern"}:
        raise NotNative(stated)
    pattern: str = named["pattern"]
    known = PLAIN.get(pattern)
    return {"pattern": pattern.removesuffix("$") + r"\Z"} if known is None else known
