"""What lies in the logs of the world can be read for ever."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.history import EVENTS, version_of
from infra.store import codec
from infra.store.envelope import Undecodable
from tests.golden import record
from tests.golden.record import FOLDER, MANIFEST, TODAY, name_of, read_json, versions

HOW = "run `python -m tests.golden.record` for a new event or version, and never edit a golden file"
GOLDEN = [name_of(*each) for each in versions()]


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def test_every_event_has_a_golden_file_for_each_version() -> None:
    there = {file.name for file in FOLDER.glob("*.json")} - {MANIFEST, TODAY}
    assert there == set(GOLDEN), HOW


def test_no_golden_file_was_edited() -> None:
    assert read_json(FOLDER / MANIFEST) == record.hashes(), HOW


@pytest.mark.parametrize("name", GOLDEN)
def test_an_old_event_is_read_as_it_always_was(name: str) -> None:
    known = codec.recorded(42, read(name))
    stored = json.loads(read(name))
    assert (known.type, known.schema_version) == (stored["type"], stored["schema_version"])
    assert name_of(known.type, known.schema_version) == name
    assert (known.event_id, known.command_id) == (stored["event_id"], stored["command_id"])
    assert (known.stream_id, known.stream_version) == (stored["stream_id"], 7)
    assert (known.occurred_at, known.recorded_at) == (record.OCCURRED_AT, record.RECORDED_AT)
    assert (known.actor, known.channel, known.reason) == ("ada@example", "web", "a good one")
    assert (known.correlation_id, known.causation_id) == ("r-1", "x-1")


def test_what_todays_code_makes_of_old_events_is_known() -> None:
    assert read_json(FOLDER / TODAY) == record.today(), HOW


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_todays_shape_is_stored_as_it_was_released(name: str) -> None:
    """A field that comes, goes or is called otherwise is a new version."""
    file = FOLDER / name_of(name, version_of(name))
    golden, stored = read_json(file), json.loads(record.stored(name))
    assert {member: stored[member] for member in golden} == golden
    assert json.loads(codec.encode_data(codec.event_of(file.read_bytes()))) == golden["data"]


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_golden_file_fills_every_field(name: str) -> None:
    event = codec.event_of(read(name_of(name, version_of(name))))
    assert [path for path, value in leaves(event, name) if value in (None, "", 0, False, ())] == []


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple) and value:
        for number, part in enumerate(value):
            yield from leaves(part, f"{path}.{number}")
    else:
        yield path, value


def test_recording_writes_what_is_missing_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "golden")
    before = {file.name: file.read_bytes() for file in FOLDER.glob("*.json")}
    (folder / "StockCounted.v1.json").unlink()
    (folder / "OrderPlaced.v1.json").write_bytes(read("OrderPlaced.v1.json") + b"\n")
    assert record.record(folder) == ["StockCounted.v1.json"]
    after = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    assert [name for name in before if after[name] != before[name]] == ["OrderPlaced.v1.json"]
    assert read_json(folder / MANIFEST) != record.hashes(folder)


def test_a_field_that_is_called_otherwise_is_noticed() -> None:
    golden = read(name_of("StockAdjusted", 1))
    with pytest.raises(Undecodable):
        codec.event_of(golden.replace(b'"delta"', b'"change"'))
