"""`ordinal schemas`: all that leaves or enters over topics, described from the classes themselves.

An event's version means what was published with it, for ever: changed fields are refused here,
since they are a new version.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import typer

from consumers.channels import CHANNELS
from consumers.consumer import Consumer, DeadLetter, IntakeResult
from domain.history import EVENTS, version_of
from infra.kafka.index_topic import IndexJson
from infra.store.envelope import Stored
from verbs.terminal import verb

Schema = dict[str, Any]

cli = verb()

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE = """One event as its topic and the log hold it: the envelope, and the event's own data.

Its position in the log travels in the header `position`. `schema_version` counts the shapes of
this type's data; unknown members are to be ignored."""
OUTGOING: Mapping[str, type] = {
    "intake-result": IntakeResult,
    "dead-letter": DeadLetter,
    "index-record": IndexJson,
}


class SchemaChanged(Exception):
    """The schema of an event's version is not what it was when it was published."""


def all_schemas() -> dict[str, Schema]:
    """Every schema of today's program, by its path below docs/schemas."""
    known = {
        "envelope.json": _envelope(),
        **{event_path(name, version_of(name)): _event(name) for name in sorted(EVENTS)},
        **{f"messages/{name}.json": _message(name, kind) for name, kind in messages().items()},
    }
    return {path: json.loads(text_of(schema)) for path, schema in known.items()}


def messages(channels: Mapping[str, Consumer] = CHANNELS) -> dict[str, type]:
    """What travels over topics and is no event, by the name of its schema."""
    told = {_spelled(each.message.__name__): each.message for each in channels.values()}
    return {**told, **OUTGOING}


def _spelled(name: str) -> str:
    """The name of a class in small letters: `order-message`."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def event_path(name: str, version: int) -> str:
    return f"events/{name}.v{version}.json"


def schema_of(kind: type) -> Schema:
    """A schema that stands alone."""
    (reference,), definitions = msgspec.json.schema_components([kind])
    for each in _classes(kind):
        _name_moments(each, definitions[each.__name__])
    own = definitions.pop(reference["$ref"].rpartition("/")[2])
    whole = {"$schema": DIALECT, **own, "$defs": definitions}
    _tidy(whole)
    return whole if definitions else {k: v for k, v in whole.items() if k != "$defs"}


def _envelope() -> Schema:
    known = schema_of(Stored) | {"title": "Event", "description": ENVELOPE}
    known["properties"]["data"] = {"type": "object"}
    return known


def _message(name: str, kind: type) -> Schema:
    return schema_of(kind) | {"title": name.replace("-", " ").capitalize()}


def _event(name: str) -> Schema:
    data = schema_of(EVENTS[name])
    definitions = data.pop("$defs", {})
    description = data.pop("description")
    del data["$schema"], data["title"]
    return {
        "$schema": DIALECT,
        "title": f"{name}, version {version_of(name)}",
        "description": description,
        "allOf": [{"$ref": "../envelope.json"}],
        "properties": {
            "type": {"const": name},
            "schema_version": {"const": version_of(name)},
            "data": data,
        },
        **({"$defs": definitions} if definitions else {}),
    }


def _classes(kind: Any) -> Iterator[type]:
    """A class with fields, and those that its fields are made of."""
    if is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        assert isinstance(kind, type)
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _classes(hint)
    for part in get_args(kind):
        yield from _classes(part)


def _name_moments(kind: type, schema: Schema) -> None:
    """A moment is more than a string."""
    for name, hint in get_type_hints(kind).items():
        if hint is datetime or datetime in get_args(hint):
            known = schema["properties"][name]
            for each in known.get("anyOf", [known]):
                if each["type"] == "string":
                    each["format"] = "date-time"


def _tidy(schema: Any) -> None:
    if isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            schema["description"] = inspect.cleandoc(schema["description"])
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _tidy(part)


def text_of(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> list[str]:
    """Write what is new or says the same in other words; returns the paths that changed.

    Raises SchemaChanged for an event whose version is there with other fields.
    """
    changed = []
    for name, schema in all_schemas().items():
        file = folder / name
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        if before == schema:
            continue
        if before is not None and name.startswith("events/") and _fields(before) != _fields(schema):
            raise SchemaChanged(f"{name}: other fields are a new version (see domain/history.py)")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(schema), encoding="utf-8")
        changed.append(name)
    return changed


def _fields(schema: Any) -> Any:
    """All but the words."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if not (k == "description" and isinstance(v, str))}
        return {name: _fields(part) for name, part in kept.items()}
    return [_fields(part) for part in schema] if isinstance(schema, list) else schema


@cli.command()
def schemas(
    folder: Annotated[Path, typer.Option("--to", help="Where they are written to.")] = FOLDER,
) -> None:
    """Write the JSON Schema of every event and message, and name those that changed."""
    for path in write(folder):
        typer.echo(path)
