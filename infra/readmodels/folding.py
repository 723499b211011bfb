"""Folding stored events into the rows of a read model, in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from domain.category import category_name
from domain.decider import Recorded
from infra.readmodels.feeds import SharedRow
from infra.readmodels.tables import PhysicalTable
from infra.store.codec import recorded_as
from infra.store.envelope import Undecodable
from infra.store.event_log import StoredRow
from projections.projection import Projection

R = TypeVar("R")
Rest = tuple[Any, ...]


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


def facts_of(projection: Projection, rows: Iterable[StoredRow]) -> Iterator[Fact]:
    """Raises UnknownEvent at the event that this program is too old for."""
    wanted = projection.categories
    for row in rows:
        if category_name(row.stream_id) in wanted:
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
    if isinstance(row, SharedRow) and row.known is not None:
        return row.known
    known = decoded(*row)
    if isinstance(row, SharedRow):
        row.known = known
    return known


def decoded(position: int, stream_id: str, version: int, name: str, state: bytes) -> Recorded:
    """The same for the columns of a row."""
    known = recorded_as(name, position, state)
    if known.stream_id != stream_id or known.stream_version != version:
        raise Undecodable(f"the envelope is that of {known.stream_id} {known.stream_version}")
    return known


class StreamFold:
    """The rows of one stream (see `projections.projection.StreamRows`)."""

    __slots__ = ("_known", "_noted", "_owner", "_tables", "appended", "changed", "stored")

    def __init__(self, owner: str, tables: Mapping[type, PhysicalTable]) -> None:
        self._owner = owner
        self._tables = tables
        # By type and by what a key has behind the stream's id.
        self._known: dict[type, dict[Rest, Any]] = {}
        self.appended: dict[type, dict[Rest, Any]] = {}
        # Rows that the database has, and those of them that it has otherwise.
        self.stored: set[tuple[type, Rest]] = set()
        self.changed: dict[tuple[type, Rest], Any] = {}
        # What was put since all was written, by identity: most rows are put once an event.
        self._noted: dict[int, object] = {}

    def loaded(self, row: object) -> None:
        """A row that earlier batches left."""
        kind = type(row)
        rest = self._tables[kind].rest_of(row)
        self._known.setdefault(kind, {})[rest] = row
        self.stored.add((kind, rest))

    def get(self, row: type[R], *rest_of_key: object) -> R | None:
        known = self._known.get(row)
        if known is None:
            self._refuse_append_only(row)
            return None
        found: R | None = known.get(rest_of_key)
        return found

    def all(self, row: type[R]) -> Sequence[R]:
        self._refuse_append_only(row)
        known = self._known.get(row, {})
        return [known[rest] for rest in sorted(known)]

    def put(self, row: object) -> None:
        if id(row) in self._noted:
            return
        kind = type(row)
        table = self._tables[kind]
        if table.owner_of(row) != self._owner:
            owner = table.owner_of(row)
            raise ValueError(f"a row of {owner} was put by the stream of {self._owner}")
        rest = table.rest_of(row)
        if table.append_only:
            self._append(table, rest, row)
            return
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = {}
        known[rest] = row
        if self.stored and (kind, rest) in self.stored:
            self.changed[kind, rest] = row
        self._noted[id(row)] = row

    def created(self) -> Iterator[tuple[type, Iterable[Any]]]:
        """The rows that the database lacks, by their type."""
        yield from ((kind, rows.values()) for kind, rows in self.appended.items())
        for kind, rows in self._known.items():
            if self.stored:
                yield kind, [row for rest, row in rows.items() if (kind, rest) not in self.stored]
            else:
                yield kind, rows.values()

    def written(self) -> None:
        """The database has everything now."""
        self.changed.clear()
        self.appended.clear()
        self._noted.clear()

    def go_on(self) -> None:
        """More events of it come after what was written."""
        self.stored = {(kind, rest) for kind, known in self._known.items() for rest in known}

    def _append(self, table: PhysicalTable, rest: Rest, row: object) -> None:
        appended = self.appended.get(table.row)
        if appended is None:
            appended = self.appended[table.row] = {}
        if rest in appended:
            raise ValueError(f"{table.name} has a row {table.key_of(row)} already")
        appended[rest] = row

    def _refuse_append_only(self, kind: type) -> None:
        if self._tables[kind].append_only:
            raise TypeError(f"rows of {self._tables[kind].name} are never read back")


class Folding:
    """Streams of one read model: what was loaded, what changed, what failed."""

    def __init__(self, projection: Projection, tables: Sequence[PhysicalTable]) -> None:
        self._evolve = projection.evolve
        self._owner = projection.owner
        self._streams: dict[str, StreamFold] = {}
        self._kept: dict[str, StreamFold] = {}
        self.tables: dict[type, PhysicalTable] = {table.row: table for table in tables}
        self.failures: dict[str, Failure] = {}

    def knows(self, owner: str) -> bool:
        """Whether the stream's rows are at hand."""
        return owner in self._streams or owner in self._kept

    def loaded(self, rows: Iterable[Any], table: PhysicalTable) -> None:
        for row in rows:
            self.stream(table.owner_of(row)).loaded(row)

    def fold(self, facts: Iterable[Fact], ends: Mapping[str, int]) -> None:
        """Apply facts in order; of a stream named in `ends` only those before that position."""
        for fact in facts:
            end = ends.get(fact.stream_id)
            if (end is None or fact.position < end) and fact.stream_id not in self.failures:
                self._apply(fact)

    def changes(self) -> dict[type, list[Any]]:
        """What is to be written, by the type of row."""
        found: dict[type, list[Any]] = {kind: [] for kind in self.tables}
        for stream in self._streams.values():
            for kind, rows in stream.created():
                found[kind] += rows
            for (kind, _), row in stream.changed.items():
                found[kind].append(row)
        return found

    def forget(self, keep: int) -> None:
        """What changed is in the database now; some streams stay at hand, the latest included."""
        for name in list(islice(self._kept, max(0, len(self._kept) - keep))):
            del self._kept[name]
        self._kept |= self._streams
        self._streams.clear()

    def stream(self, owner: str) -> StreamFold:
        found = self._streams.get(owner)
        if found is None:
            found = self._streams[owner] = self._begin(owner)
        return found

    def _begin(self, owner: str) -> StreamFold:
        kept = self._kept.pop(owner, None)
        if kept is None:
            return StreamFold(owner, self.tables)
        kept.go_on()
        return kept

    def _apply(self, fact: Fact) -> None:
        error = fact.error
        if fact.recorded is not None:
            try:
                self._evolve(self.stream(self._owner(fact.stream_id)), fact.recorded)
                return
            except Exception as raised:  # whatever a fold's mistake may raise
                error = f"{fact.recorded.type}: {type(raised).__name__}: {raised}"
        self.failures[fact.stream_id] = Failure(fact.stream_id, fact.position, error)
