"""Folding stored events into the rows of a read model, in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from domain.decider import Recorded
from domain.history import category
from infra.codec import Undecodable, recorded_as
from infra.event_log import StoredRow
from infra.tables import PhysicalTable
from projections.projection import Projection

R = TypeVar("R")


class Failure(NamedTuple):
    """The first event of a stream that could not be folded."""

    stream_id: str
    position: int
    error: str


class Fact(NamedTuple):
    """One event that the projection folds, or what is wrong with its bytes."""

    stream_id: str
    position: int
    first: bool
    recorded: Recorded | None
    error: str


def bare_id(stream_id: str) -> str:
    """What follows the first dash, the whole id when there is none."""
    return stream_id.partition("-")[2] or stream_id


def facts_of(projection: Projection, rows: Iterable[StoredRow]) -> Iterator[Fact]:
    """Raises UnknownEvent at the event that this program is too old for."""
    wanted = projection.categories
    for row in rows:
        if category(row.stream_id) in wanted:
            yield _fact(row)


def _fact(row: StoredRow) -> Fact:
    first = row.stream_version == 1
    try:
        known = decode(row)
    except Undecodable as error:
        return Fact(row.stream_id, row.position, first, None, str(error))
    return Fact(row.stream_id, row.position, first, known, "")


def decode(row: StoredRow) -> Recorded:
    """The event of a row; an envelope that belongs elsewhere is as bad as none."""
    known = recorded_as(row.type, row.position, row.state)
    if known.stream_id != row.stream_id or known.stream_version != row.stream_version:
        raise Undecodable(f"the envelope is that of {known.stream_id} {known.stream_version}")
    return known


class StreamFold:
    """The rows of one stream in one batch (see `projections.projection.StreamRows`)."""

    __slots__ = ("_bare_id", "_known", "_tables", "changed")

    def __init__(self, bare_id: str, tables: Mapping[type, PhysicalTable]) -> None:
        self._bare_id = bare_id
        self._tables = tables
        self._known: dict[type, dict[Any, Any]] = {}
        self.changed: dict[type, dict[Any, object]] = {}

    def loaded(self, row: object) -> None:
        """A row that earlier batches left."""
        kind = type(row)
        self._known.setdefault(kind, {})[self._tables[kind].key_of(row)] = row

    def get(self, row: type[R], *rest_of_key: object) -> R | None:
        found: R | None = self._rows(row).get((self._bare_id, *rest_of_key))
        return found

    def all(self, row: type[R]) -> Sequence[R]:
        known = self._rows(row)
        return [known[key] for key in sorted(known)]

    def put(self, row: object) -> None:
        kind = type(row)
        table = self._tables[kind]
        key = table.key_of(row)
        if key[0] != self._bare_id:
            raise ValueError(f"a row of {key[0]} was put by the stream of {self._bare_id}")
        changed = self.changed.setdefault(kind, {})
        if not table.append_only:
            self._known.setdefault(kind, {})[key] = row
        elif key in changed:
            raise ValueError(f"{table.name} has a row {key} already")
        changed[key] = row

    def _rows(self, kind: type) -> dict[Any, Any]:
        if self._tables[kind].append_only:
            raise TypeError(f"rows of {self._tables[kind].name} are never read back")
        return self._known.get(kind, {})


class Folding:
    """One batch of one read model: what was loaded, what changed, what failed."""

    def __init__(self, projection: Projection, tables: Sequence[PhysicalTable]) -> None:
        self._evolve = projection.evolve
        self._tables = tables
        self._by_row: dict[type, PhysicalTable] = {table.row: table for table in tables}
        self._streams: dict[str, StreamFold] = {}
        self.failures: dict[str, Failure] = {}

    def loaded(self, rows: Iterable[Any], table: PhysicalTable) -> None:
        for row in rows:
            self._stream(table.key_of(row)[0]).loaded(row)

    def fold(self, facts: Iterable[Fact], ends: Mapping[str, int]) -> None:
        """Apply facts in order; of a stream named in `ends` only those before that position."""
        for fact in facts:
            end = ends.get(fact.stream_id)
            if (end is None or fact.position < end) and fact.stream_id not in self.failures:
                self._apply(fact)

    def changes(self) -> Iterator[tuple[PhysicalTable, list[object]]]:
        """What is to be written, table by table."""
        for table in self._tables:
            found = (stream.changed.get(table.row) for stream in self._streams.values())
            rows = [row for changed in found if changed for row in changed.values()]
            if rows:
                yield table, rows

    def _apply(self, fact: Fact) -> None:
        error = fact.error
        if fact.recorded is not None:
            try:
                self._evolve(self._stream(bare_id(fact.stream_id)), fact.recorded)
                return
            except Exception as raised:  # whatever a fold's mistake may raise
                error = f"{fact.recorded.type}: {type(raised).__name__}: {raised}"
        self.failures[fact.stream_id] = Failure(fact.stream_id, fact.position, error)

    def _stream(self, bare_id: str) -> StreamFold:
        found = self._streams.get(bare_id)
        if found is None:
            found = self._streams[bare_id] = StreamFold(bare_id, self._by_row)
        return found
