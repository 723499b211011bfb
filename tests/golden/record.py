"""`python -m tests.golden.record` writes the golden files that are missing, and no others.

It says again in `today.json` what today's code makes of each; the difference to what it said
before is what a new version means for old events.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import uuid5

from commands.handling import Context, Receipt
from domain.history import EVENTS, version_of
from domain.values import ORDINAL_NAMESPACE
from infra.store import codec
from infra.write_path.append_batch import AppendBatch, CommandRequest

FOLDER = Path(__file__).parent
MANIFEST, TODAY = "manifest.json", "today.json"
OCCURRED_AT = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
RECORDED_AT = datetime(2024, 3, 1, 0, 0, 0, 654321, tzinfo=UTC)
WORDS = {"sku": 'TEA "ÉTÉ" 1/2', "location": "LEEDS", "country": "GB", "currency": "GBP"}
STREAMS = {
    "domain.order_policy": "policy-orders",
    "domain.order": "order-o-1",
    "domain.stock": "stock-LEEDS-85123A",
}


def name_of(event: str, version: int) -> str:
    return f"{event}.v{version}.json"


def versions() -> Iterator[tuple[str, int]]:
    """Every event in every version that may lie in a log."""
    for name in sorted(EVENTS):
        for version in range(1, version_of(name) + 1):
            yield name, version


def sample(kind: type) -> Any:
    """An event with every field filled, none with what it would be without."""
    hints = get_type_hints(kind)
    values = {
        each.name: _value(each.name, hints[each.name], number)
        for number, each in enumerate(fields(kind), start=1)
    }
    return kind(**values)


def _value(name: str, hint: Any, number: int) -> Any:
    parts = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is Literal:
        return sorted(parts)[0]
    if get_origin(hint) is tuple:
        return (_value(name, parts[0], number), _value(name, parts[0], number + 1))
    if get_origin(hint) is dict:
        return {"shipping": "c-1", "billing": "c-2"}
    if isinstance(hint, UnionType):
        return _value(name, parts[0], number)
    return _plain(name, hint, number) if hint in (str, int, bool, datetime) else sample(hint)


def _plain(name: str, hint: type, number: int) -> Any:
    if hint is str:
        return WORDS.get(name, f"{name}-{number}")
    if hint is datetime:
        return OCCURRED_AT + timedelta(hours=number)
    return True if hint is bool else number


def stored(name: str) -> bytes:
    """The bytes that the writer would put into the log."""
    kind = EVENTS[name]
    stream = next(
        (s for room, s in STREAMS.items() if kind.__module__.startswith(room)), "sourcing"
    )
    context = Context(
        command_id=uuid5(ORDINAL_NAMESPACE, f"golden/{name}"),
        actor="ada@example",
        correlation_id="r-1",
        channel="web",
        causation_id="x-1",
        reason="a good one",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    batch = AppendBatch(0, 0, RECORDED_AT)
    receipt = Receipt(id="o-1", stream_id=stream, outcome="recorded")
    batch.add(
        CommandRequest(None, context), receipt, OCCURRED_AT, [(stream, 7, sample(kind), None)], []
    )
    return batch.states[0]


def today(folder: Path = FOLDER) -> dict[str, Any]:
    """What today's code makes of every golden file."""
    return {
        name: json.loads(codec.encode_data(codec.event_of((folder / name).read_bytes())))
        for name in (name_of(*each) for each in versions())
    }


def hashes(folder: Path = FOLDER) -> dict[str, str]:
    names = [name_of(*each) for each in versions()]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def read_json(file: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return known


def record(folder: Path = FOLDER) -> list[str]:
    """Write what is missing; returns the names."""
    current = [(name, name_of(name, version_of(name))) for name in sorted(EVENTS)]
    missing = [(name, file) for name, file in current if not (folder / file).exists()]
    for name, file in missing:
        (folder / file).write_bytes(stored(name))
    _write_json(folder / MANIFEST, hashes(folder) | read_json(folder / MANIFEST))
    _write_json(folder / TODAY, today(folder))
    return [file for _, file in missing]


def _write_json(file: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for written in record():
        sys.stdout.write(f"{written}\n")
