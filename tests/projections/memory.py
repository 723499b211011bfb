"""Read models in memory: a small real implementation of what projections are given.

given(ORDER_STATUS, history("order-1", placed, sourced)).then(OrderStatusRow, status="placed")

Rows are loaded as copies for each batch and only what was put is stored, with its json columns
as json would bring them back; so a fold that forgets to put, or that leans on what it kept from
an earlier batch, gives other rows here as it would in the database.
"""

import json
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from domain.category import category_name
from domain.decider import Recorded
from projections.projection import Projection, Table

R = TypeVar("R")
Key = tuple[Any, ...]

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def recorded(
    stream_id: str, version: int, event: object, *, at: datetime = START, command_id: str = ""
) -> Recorded:
    """An event with an envelope in which only the things named matter; a time that the event
    states is the time of its envelope.
    """
    stated = getattr(event, "at", None) or at
    return Recorded(
        event=event,
        type=type(event).__name__,
        schema_version=1,
        event_id=f"{stream_id}/{version}",
        stream_id=stream_id,
        stream_version=version,
        position=version,
        occurred_at=stated,
        recorded_at=max(stated, at),
        actor="ada",
        channel="web",
        command_id=command_id or f"command of {stream_id}/{version}",
        correlation_id="r",
        causation_id=None,
    )


def history(stream_id: str, *events: object, start: datetime = START) -> list[Recorded]:
    """The events of one stream, a minute apart from each other."""
    return [
        recorded(stream_id, version, event, at=start + (version - 1) * MINUTE)
        for version, event in enumerate(events, start=1)
    ]


@dataclass(slots=True)
class Stored:
    """One table. `rows` is by key; those of an append-only table are only ever added."""

    table: Table
    rows: dict[Key, Any] = field(default_factory=dict)

    def key(self, row: object) -> Key:
        return tuple(getattr(row, column) for column in self.table.key)


@dataclass(slots=True)
class Batch:
    """The rows of one stream while a batch is folded."""

    stream: str
    tables: dict[type, Stored]
    loaded: dict[type, dict[Key, Any]] = field(default_factory=dict)
    changed: dict[tuple[type, Key], object] = field(default_factory=dict)

    def get(self, row: type[R], *rest_of_key: object) -> R | None:
        found: R | None = self._loaded(row).get((self.stream, *rest_of_key))
        return found

    def all(self, row: type[R]) -> Sequence[R]:
        return [found for _, found in sorted(self._loaded(row).items())]

    def put(self, row: object) -> None:
        kind = type(row)
        key = self.tables[kind].key(row)
        assert key[0] == self.stream, "a row belongs to another stream"
        if not self.tables[kind].table.append_only:
            kept = self._loaded(kind).setdefault(key, row)
            assert kept is row, "a row was replaced instead of changed"
        self.changed[kind, key] = row

    def _loaded(self, row: type) -> dict[Key, Any]:
        stored = self.tables[row]
        assert not stored.table.append_only, "an append-only row was read back"
        if row not in self.loaded:
            mine = {key: r for key, r in stored.rows.items() if key[0] == self.stream}
            self.loaded[row] = deepcopy(mine)
        return self.loaded[row]

    def store(self) -> None:
        for (kind, key), row in self.changed.items():
            stored = self.tables[kind]
            assert not (stored.table.append_only and key in stored.rows), "a fact was rewritten"
            stored.rows[key] = _as_stored(row)


def _as_stored(row: Any) -> Any:
    copy = deepcopy(row)
    for column in fields(copy):
        value = getattr(copy, column.name)
        if isinstance(value, dict | list):
            setattr(copy, column.name, json.loads(json.dumps(value), object_hook=_by_length))
    return copy


def _by_length(known: dict[str, Any]) -> dict[str, Any]:
    """As jsonb keeps the keys of an object: the shortest first."""
    return dict(sorted(known.items(), key=lambda item: (len(item[0]), item[0])))


@dataclass(slots=True)
class MemoryModel:
    """A whole read model."""

    projection: Projection
    tables: dict[type, Stored]

    def apply(self, events: Iterable[Recorded]) -> None:
        """Fold one batch: each stream's rows are loaded once and stored at its end."""
        batches: dict[str, Batch] = {}
        for event in events:
            if category_name(event.stream_id) in self.projection.categories:
                stream = self.projection.owner(event.stream_id)
                batch = batches.setdefault(event.stream_id, Batch(stream, self.tables))
                self.projection.evolve(batch, event)
        for batch in batches.values():
            batch.store()

    def rows(self) -> dict[str, dict[Key, Any]]:
        return {stored.table.name: stored.rows for stored in self.tables.values()}

    def of(self, row: type[R]) -> list[R]:
        """All rows of a table, by key."""
        return [found for _, found in sorted(self.tables[row].rows.items())]

    def then(self, row: type, *rest_of_key: object, **columns: object) -> "MemoryModel":
        """The one row with this key (behind the stream's id) holds at least these values."""
        (found,) = (r for key, r in self.tables[row].rows.items() if key[1:] == rest_of_key)
        assert {name: getattr(found, name) for name in columns} == columns
        return self

    def then_nothing(self) -> None:
        """No table has a row."""
        assert not any(self.rows().values())


def model(projection: Projection) -> MemoryModel:
    return MemoryModel(projection, {table.row: Stored(table) for table in projection.tables})


def given(projection: Projection, events: Iterable[Recorded], *, batch: int = 1) -> MemoryModel:
    """The read model after this happened, applied in batches of this size."""
    folded = model(projection)
    waiting = list(events)
    for start in range(0, len(waiting), batch):
        folded.apply(waiting[start : start + batch])
    return folded
