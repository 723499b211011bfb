"""Folding a share of the log's streams for a rebuild, in this process or in one of its own.

Streams do not depend on each other, so any part of them can be folded by itself. A shard reads
and folds its streams of a stretch of the log, and makes of the rows what the database takes; who
asked for it writes the rows of all shards, with the checkpoint, in one transaction.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection as PipeEnd
from typing import NamedTuple, Protocol

from domain.history import category
from infra.applying import UNSTORABLE
from infra.event_log import COLUMNS, TABLE, StoredRow
from infra.folding import Folding, bare_id, decode
from infra.sessions import connect_projector
from infra.tables import PhysicalTable, encode, physical_tables
from projections.projection import Projection

# Streams whose rows stay at hand between stretches, besides those of the last one.
KEPT = 5_000

_READ = f"""
    SELECT {COLUMNS} FROM {TABLE}
     WHERE notification_id > %s AND notification_id <= %s
       AND (%s = 1 OR (hashtext(originator_id) & 2147483647) %% %s = %s)
     ORDER BY notification_id
"""


class FoldFailed(Exception):
    """An event could not be folded; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A read model to build: its generation, and the position that it has come to already."""

    projection: Projection
    generation: int
    after: int


class Rows(NamedTuple):
    """Rows of one table: new ones as COPY takes them, changed ones as JSON."""

    target: int
    table: int
    created: bytes
    changed: str


class Shard(Protocol):
    """A share of the streams, asked for one stretch after the other."""

    def ask(self, begin: int, end: int) -> None:
        """Fold what lies behind `begin` up to `end`. All but the last answer must be stored."""
        ...

    def answer(self) -> Sequence[Rows]:
        """The rows of the stretch that was asked for. Raises FoldFailed."""
        ...

    def close(self) -> None: ...


class _Build:
    """One read model under construction, as far as one shard sees it."""

    def __init__(self, target: Target) -> None:
        self.after = target.after
        self.wanted = target.projection.categories
        self.evolve = target.projection.evolve
        self.tables = physical_tables(target.projection, target.generation)
        self.folding = Folding(target.projection, self.tables)


class LocalShard:
    """Folds in this process."""

    def __init__(self, conninfo: str, targets: Sequence[Target], share: int, of: int) -> None:
        self._conn = connect_projector(conninfo, "rebuild shard")
        self._share, self._of = share, of
        self._builds = [_Build(target) for target in targets]
        self._stretch = (0, 0)

    def ask(self, begin: int, end: int) -> None:
        self._stretch = (begin, end)

    def answer(self) -> Sequence[Rows]:
        rows = self._read(*self._stretch)
        begun_before = _begun_before(rows)
        for build in self._builds:
            self._load(build, begun_before)
        self._fold(rows)
        return [found for number in range(len(self._builds)) for found in self._take(number)]

    def close(self) -> None:
        self._conn.close()

    def _read(self, begin: int, end: int) -> Sequence[StoredRow]:
        cursor = self._conn.cursor(binary=True)
        share = (self._of, self._of, self._share)
        cursor.execute(_READ, (begin, end, *share), prepare=True)
        return [StoredRow(*row) for row in cursor.fetchall()]

    def _load(self, build: _Build, begun_before: Mapping[str, set[str]]) -> None:
        """Fetch what earlier stretches left of the streams in this one."""
        knows = build.folding.knows
        streams = (begun_before.get(kind, ()) for kind in build.wanted)
        ids = [each for some in streams for each in some if not knows(each)]
        for table in build.tables:
            if ids and not table.append_only:
                build.folding.loaded(table.load(self._conn, ids), table)

    def _fold(self, rows: Sequence[StoredRow]) -> None:
        by_category = {
            kind: [build for build in self._builds if kind in build.wanted]
            for kind in {kind for build in self._builds for kind in build.wanted}
        }
        for row in rows:
            kind, _, owner = row.stream_id.partition("-")
            builds = by_category.get(kind)
            if builds:
                try:
                    event = decode(row)
                    for build in builds:
                        if row.position > build.after:
                            build.evolve(build.folding.stream(owner or kind), event)
                except Exception as error:  # whatever a fold's mistake may raise
                    what = f"{row.type} at position {row.position} of {row.stream_id}"
                    raise FoldFailed(f"{what}: {type(error).__name__}: {error}") from error

    def _take(self, number: int) -> Sequence[Rows]:
        build = self._builds[number]
        found = []
        for place, table in enumerate(build.tables):
            created = list(build.folding.created[table.row].values())
            changed = list(build.folding.changed[table.row].values())
            if created or changed:
                json = encode(changed).decode() if changed else ""
                found.append(Rows(number, place, self._binary(table, created), json))
        build.folding.written(KEPT)
        return found

    def _binary(self, table: PhysicalTable, rows: Sequence[object]) -> bytes:
        try:
            return table.binary(self._conn, rows) if rows else b""
        except UNSTORABLE as error:
            if len(rows) == 1:
                raise FoldFailed(f"{table.name} {table.key_of(rows[0])}: {error}") from error
            half = len(rows) // 2
            self._binary(table, rows[:half])
            return self._binary(table, rows[half:])


def _begun_before(rows: Sequence[StoredRow]) -> Mapping[str, set[str]]:
    """Bare ids of the streams that have earlier events than these, by their kind."""
    found: dict[str, set[str]] = {}
    begun = set()
    for row in rows:
        if row.stream_version == 1:
            begun.add(row.stream_id)
        elif row.stream_id not in begun:
            found.setdefault(category(row.stream_id), set()).add(bare_id(row.stream_id))
    return found


class ProcessShard:
    """Folds in a process of its own, which ends with this one however that ends."""

    def __init__(self, conninfo: str, targets: Sequence[Target], share: int, of: int) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            # Not by `multiprocessing`, which would have the new process import the whole program.
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[theirs.fileno()],
            )
        self._pipe.send((conninfo, targets, share, of))

    def ask(self, begin: int, end: int) -> None:
        self._pipe.send((begin, end))

    def answer(self) -> Sequence[Rows]:
        try:
            found = self._pipe.recv()
        except EOFError:
            raise ChildProcessError("a process of the rebuild was ended from outside") from None
        if isinstance(found, Exception):
            raise found
        answer: Sequence[Rows] = found
        return answer

    def close(self) -> None:
        self._pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_PROGRAM = "import sys; from infra.shards import serve; serve(int(sys.argv[1]))"


def serve(descriptor: int) -> None:
    """What the other process does: answer as long as somebody asks."""
    # Folding makes no cycles, and each search for them would walk all rows at hand: without it
    # everything takes half the time.
    gc.disable()
    with PipeEnd(descriptor) as pipe:
        conninfo, targets, share, of = pipe.recv()
        # The end of the pipe, or a write into a closed one, says that nobody asks any more.
        with (
            closing(LocalShard(conninfo, targets, share, of)) as shard,
            suppress(EOFError, OSError),
        ):
            while True:
                shard.ask(*pipe.recv())
                pipe.send(_answer(shard))


def _answer(shard: Shard) -> Sequence[Rows] | Exception:
    """The answer, or the error in a form that survives its way to the other process."""
    try:
        return shard.answer()
    except FoldFailed as error:
        return FoldFailed(str(error))
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")
