"""Folding a share of the log's streams for a rebuild, in this process or in one of its own.

Streams do not depend on each other, so any part of them can be folded by itself. A shard reads
and folds its streams of a stretch of the log, and makes of the rows what the database takes; who
asked for it writes the rows of all shards, with the checkpoint, in one transaction.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection as PipeEnd
from typing import Any, NamedTuple, Protocol

from psycopg.abc import Buffer

from domain.category import category_name
from infra.postgres.connections import Connection, connect_projector
from infra.readmodels.folding import Folding, StreamFold, decoded
from infra.readmodels.tables import UNSTORABLE, RowWriter, encode, physical_tables
from infra.store.event_log import COLUMNS, TABLE
from projections.projection import Projection

# Streams whose rows stay at hand between stretches, besides those of the last one.
KEPT = 1_000
# Events read at once: many more of them do not fit into the processor's cache.
READ_CHUNK = 2_000

_READ = f"""
    SELECT {COLUMNS} FROM {TABLE}
     WHERE notification_id > %s AND notification_id <= %s
       AND (%s = 1 OR (hashtext(originator_id) & 2147483647) %% %s = %s)
     ORDER BY notification_id LIMIT %s
"""

Stored = tuple[int, str, int, str, bytes]
"""What a `StoredRow` has, as the database hands it over: making one takes as long as reading it."""


class FoldFailed(Exception):
    """An event could not be folded; the message names it."""


class ShardLost(Exception):
    """A process that folds was ended from outside: nothing is lost, and the next call goes on."""

    def __init__(self) -> None:
        super().__init__("a process of the rebuild was ended from outside: call it again to go on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A read model to build: its generation, and the position that it has come to already."""

    projection: Projection
    generation: int
    after: int


class ShardRows(NamedTuple):
    """Rows of one table: new ones as COPY takes them, in parts, and changed ones as JSON."""

    target: int
    table: int
    created: Sequence[Buffer]
    changed: str


class Shard(Protocol):
    """A share of the streams, asked for one stretch after the other. May raise ShardLost."""

    def ask(self, begin: int, end: int) -> None:
        """Fold what lies behind `begin` up to `end`. All but the last answer must be stored."""
        ...

    def answer(self) -> Sequence[ShardRows]:
        """The rows of the stretch that was asked for. Raises FoldFailed."""
        ...

    def close(self) -> None: ...


class _Build:
    """One read model under construction, as far as one shard sees it."""

    def __init__(self, conn: Connection, target: Target) -> None:
        self.after = target.after
        self.wanted = target.projection.categories
        self.evolve = target.projection.evolve
        self.owner = target.projection.owner
        self.tables = physical_tables(target.projection, target.generation)
        self.folding = Folding(target.projection, self.tables)
        self._conn = conn
        self._created: dict[type, RowWriter] = {}
        self._changed: dict[type, list[Any]] = {}

    def take(self, stream: StreamFold) -> None:
        """Encode its rows while they are in the processor's cache."""
        for kind, rows in stream.created():
            add = self._writer(kind).add
            for row in rows:
                try:
                    add(row)
                except UNSTORABLE as error:
                    table = self.folding.tables[kind]
                    raise FoldFailed(f"{table.name} {table.key_of(row)}: {error}") from error
        for (kind, _), row in stream.changed.items():
            self._changed.setdefault(kind, []).append(row)
        stream.written()

    def finish(self, number: int) -> Iterator[ShardRows]:
        """Everything that was taken; the streams are forgotten but for some."""
        for place, table in enumerate(self.tables):
            created, changed = self._created.get(table.row), self._changed.get(table.row)
            if created or changed:
                json = encode(changed).decode() if changed else ""
                yield ShardRows(number, place, created.finish() if created else (), json)
        self._created.clear()
        self._changed.clear()
        self.folding.forget(KEPT)

    def _writer(self, kind: type) -> RowWriter:
        found = self._created.get(kind)
        if found is None:
            found = self._created[kind] = RowWriter(self._conn, self.folding.tables[kind])
        return found


class LocalShard:
    """Folds in this process."""

    def __init__(self, conninfo: str, targets: Sequence[Target], share: int, of: int) -> None:
        self._conn = connect_projector(conninfo, "rebuild shard", silence=None)
        self._share, self._of = share, of
        self._builds = [_Build(self._conn, target) for target in targets]
        self._stretch = (0, 0)
        # Those that fold streams of a category.
        self._wanting = {
            kind: [build for build in self._builds if kind in build.wanted]
            for kind in {kind for build in self._builds for kind in build.wanted}
        }

    def ask(self, begin: int, end: int) -> None:
        self._stretch = (begin, end)

    def answer(self) -> Sequence[ShardRows]:
        streams = self._read(*self._stretch)
        begun_before = [id for id, rows in streams.items() if rows[0][2] > 1]
        for build in self._builds:
            self._load(build, begun_before)
        # In the order of their ids, rows go to the same pages of an index.
        for stream_id in sorted(streams):
            self._fold(stream_id, streams[stream_id])
        return [rows for n, build in enumerate(self._builds) for rows in build.finish(n)]

    def close(self) -> None:
        self._conn.close()

    def _read(self, begin: int, end: int) -> dict[str, list[Stored]]:
        """The events of a stretch by stream."""
        cursor = self._conn.cursor(binary=True)
        share = (self._of, self._of, self._share)
        found: dict[str, list[Stored]] = {}
        while rows := cursor.execute(
            _READ, (begin, end, *share, READ_CHUNK), prepare=True
        ).fetchall():
            for row in rows:
                stream_id = row[1]
                if stream_id in found:
                    found[stream_id].append(row)
                else:
                    found[stream_id] = [row]
            begin = rows[-1][0]
        return found

    def _load(self, build: _Build, begun_before: Sequence[str]) -> None:
        """Fetch what earlier stretches left of these streams."""
        begun = (each for each in begun_before if category_name(each) in build.wanted)
        wanted = map(build.owner, begun)
        ids = [each for each in wanted if not build.folding.knows(each)]
        for table in build.tables:
            if ids and not table.append_only:
                build.folding.loaded(table.load(self._conn, ids), table)

    def _fold(self, stream_id: str, rows: Sequence[Stored]) -> None:
        """All events of a stream at once: what it needs stays in the processor's cache."""
        builds = self._wanting.get(category_name(stream_id))
        if builds is None:
            return
        streams = [(build, build.folding.stream(build.owner(stream_id))) for build in builds]
        folds = [(build.evolve, stream, build.after) for build, stream in streams]
        for row in rows:
            try:
                event = decoded(*row)
                for evolve, stream, after in folds:
                    if event.position > after:
                        evolve(stream, event)
            except Exception as error:  # whatever a fold's mistake may raise
                position, _, _, name, _ = row
                what = f"{name} at position {position} of {stream_id}"
                raise FoldFailed(f"{what}: {type(error).__name__}: {error}") from error
        for build, stream in streams:
            build.take(stream)


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
        with _telling_of_loss():
            self._pipe.send((conninfo, targets, share, of))

    def ask(self, begin: int, end: int) -> None:
        with _telling_of_loss():
            self._pipe.send((begin, end))

    def answer(self) -> Sequence[ShardRows]:
        with _telling_of_loss():
            found = self._pipe.recv()
            if isinstance(found, Exception):
                raise found
            return [rows._replace(created=self._parts(count)) for rows, count in found]

    def _parts(self, count: int) -> list[bytes]:
        return [self._pipe.recv_bytes() for _ in range(count)]

    def close(self) -> None:
        self._pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _telling_of_loss() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError):
        raise ShardLost from None


# To take a large memory apart piece by piece would keep whoever waits for the end.
_PROGRAM = """
import os, sys
from infra.readmodels.rebuild_shards import serve
serve(int(sys.argv[1]))
os._exit(0)
"""


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
                _send(pipe, _answer(shard))


def _send(pipe: PipeEnd, answer: Sequence[ShardRows] | Exception) -> None:
    """Rows go behind their description: a pickle would copy these megabytes twice."""
    if isinstance(answer, Exception):
        pipe.send(answer)
        return
    pipe.send([(rows._replace(created=()), len(rows.created)) for rows in answer])
    for rows in answer:
        for part in rows.created:
            pipe.send_bytes(part)


def _answer(shard: Shard) -> Sequence[ShardRows] | Exception:
    """The answer, or the error in a form that survives its way to the other process."""
    try:
        return shard.answer()
    except FoldFailed as error:
        return FoldFailed(str(error))
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")
