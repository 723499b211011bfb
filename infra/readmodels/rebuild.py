"""Building read models anew from the event log, beside the ones that are read.

One pass over the log feeds them all. Rows and checkpoints move in one transaction, so a killed
rebuild goes on where it was. The first error ends it: a read model that is built anew has to be
right. Nothing but tables comes of it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from time import monotonic, sleep
from typing import Literal, NamedTuple

import psycopg

from infra.postgres import advisory_locks
from infra.postgres.connections import Connection, connect_projector
from infra.readmodels.checkpoints import (
    Checkpoint,
    ProjectorHalted,
    checkpoints,
    move,
    verify,
)
from infra.readmodels.generations import (
    create_generation,
    drop_generation,
    lock_definitions,
    open_generation,
    show_generation,
)
from infra.readmodels.rebuild_shards import (
    FoldFailed,
    LocalShard,
    ProcessShard,
    Shard,
    ShardLost,
    ShardRows,
    Target,
)
from infra.readmodels.tables import UNSTORABLE, PhysicalTable, physical_tables
from infra.readmodels.views import blockers
from infra.store.envelope import event_id_of
from infra.store.event_log import TABLE, head, read_at
from projections.projection import Projection

__all__ = [
    "Progress",
    "RebuildBlocked",
    "RebuildFailed",
    "RebuildRunning",
    "ShardLost",
    "rebuild",
]

# Events of one transaction: the longer, the fewer rows are written again by a later one.
STRETCH = 75_000
# Bytes of it, where events are large: what is in memory grows with them.
STRETCH_BYTES = 100_000_000
# Events that are asked for their size.
SAMPLE = 250
# Events that may be left to apply while the live read model stands still for the change.
NEARLY = 500
# Events behind which further processes are worth their start.
MANY = 50_000
MOST_PROCESSES = 4
# Seconds that the change over may wait for whoever looks at the views, and between two attempts.
SWITCH_LIMIT = 600.0
SWITCH_PAUSE = 2.0

Phase = Literal["folding", "indexing", "switching", "done"]


class RebuildFailed(Exception):
    """An event could not be folded; nothing was switched, and the half-built tables are gone."""


class RebuildBlocked(Exception):
    """Somebody's transaction kept the views from being changed over; the tables are ready."""


class RebuildRunning(Exception):
    """Another process is building this read model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is; `position` of `head`, and the events folded by this run in so many seconds.

    `blocked_by` names the sessions that it waits for.
    """

    phase: Phase
    position: int
    head: int
    events: int
    seconds: float
    blocked_by: str = ""


class Stretch(NamedTuple):
    """So many events behind `begin` up to `end`."""

    begin: int
    end: int
    events: int


@dataclass(slots=True)
class Build:
    """One read model under construction."""

    projection: Projection
    checkpoint: Checkpoint

    @property
    def generation(self) -> int:
        return self.checkpoint.generation


def rebuild(
    conninfo: str,
    projections: Sequence[Projection],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Build these read models anew and change over to them; the old tables stay.

    Raises RebuildFailed at the first event that cannot be folded, RebuildRunning when another
    process is at it, RebuildBlocked when somebody's transaction would not end, ShardLost when one
    of ours was ended. After that, or any other end, the next
    call goes on where this one was.
    """
    with closing(_connect(conninfo)) as conn:
        Rebuild(conninfo, conn, projections, progress).run()


class Rebuild:
    """Builds read models together."""

    def __init__(
        self,
        conninfo: str,
        conn: Connection,
        projections: Sequence[Projection],
        progress: Callable[[Progress], None],
    ) -> None:
        self._conninfo = conninfo
        self._conn = conn
        self._tell = progress
        self._began = monotonic()
        self._events = 0
        for projection in projections:
            _take_seat(conn, projection)
        self._builds = [Build(each, _begun(conn, each)) for each in projections]
        self._tables = [physical_tables(b.projection, b.generation) for b in self._builds]

    def run(self) -> None:
        try:
            self._catch_up()
            self._progress("indexing")
            self._index()
            # What was recorded while the indexes were made.
            self._catch_up()
            self._progress("switching")
            self._change_over()
            self._progress("done")
        except (FoldFailed, *UNSTORABLE) as error:
            self._discard()
            raise RebuildFailed(str(error)) from error

    def _catch_up(self) -> None:
        """Fold all but the last few events; one stretch is stored while the next is folded."""
        folded: tuple[Stretch, list[Sequence[ShardRows]]] | None = None
        stretches = self._stretches()
        with self._shards() as shards:
            stretch = next(stretches, None)
            _ask(shards, stretch)
            while stretch:
                following = next(stretches, None)
                if folded:
                    self._store(*folded)
                    self._progress("folding")
                folded = stretch, _answers(shards, following)
                stretch = following
            if folded:
                self._store(*folded)

    @contextmanager
    def _shards(self) -> Iterator[list[Shard]]:
        targets = [
            Target(projection=b.projection, generation=b.generation, after=b.checkpoint.position)
            for b in self._builds
        ]
        many = head(self._conn) - self._position() > MANY and os.name == "posix"
        count = _processes() if many else 1
        kind = ProcessShard if count > 1 else LocalShard
        with ExitStack() as stack:
            yield [
                stack.enter_context(closing(kind(self._conninfo, targets, share, count)))
                for share in range(count)
            ]

    def _stretches(self) -> Iterator[Stretch]:
        begin = self._position()
        while (stretch := self._stretch(begin, STRETCH)) and stretch.events >= NEARLY:
            yield stretch
            begin = stretch.end

    def _stretch(self, begin: int, limit: int | None) -> Stretch | None:
        row = self._conn.execute(
            "SELECT count(*), max(notification_id) FROM (SELECT notification_id"
            f" FROM {TABLE} WHERE notification_id > %s ORDER BY 1 LIMIT %s) AS following",
            (begin, limit),
        ).fetchone()
        if not row or not row[0]:
            return None
        events, end = row
        if limit and events > NEARLY:
            size = self._usual_size(begin, end)
            if events * size > STRETCH_BYTES:
                return self._stretch(begin, max(NEARLY, STRETCH_BYTES // size))
        return Stretch(begin, end, events)

    def _usual_size(self, begin: int, end: int) -> int:
        """Bytes of an event there, from a sample: to ask each would be a reading of its own."""
        sample = list(range(begin + 1, end + 1, -(-(end - begin) // SAMPLE)))
        row = self._conn.execute(
            f"SELECT avg(octet_length(state)) FROM {TABLE} WHERE notification_id = ANY(%s)",
            (sample,),
        ).fetchone()
        return int(row[0]) if row and row[0] else 0

    def _store(self, stretch: Stretch, answers: Sequence[Sequence[ShardRows]]) -> None:
        last = read_at(self._conn, stretch.end)
        event_id = event_id_of(last.state) if last else None
        with self._conn.transaction():
            moved = [self._move(build, stretch.end, event_id) for build in self._builds]
            for rows in (rows for answer in answers for rows in answer):
                table = self._tables[rows.target][rows.table]
                if rows.created:
                    table.copy(self._conn, rows.created)
                if rows.changed:
                    table.write_json(self._conn, rows.changed)
        for build, checkpoint in zip(self._builds, moved, strict=True):
            build.checkpoint = checkpoint
        self._events += stretch.events

    def _move(self, build: Build, position: int, event_id: str | None) -> Checkpoint:
        if position <= build.checkpoint.position:
            return build.checkpoint
        return move(self._conn, build.checkpoint, position, event_id)

    def _index(self) -> None:
        """Index the tables, several at a time and the largest first."""
        tables = [table for tables in self._tables for table in tables]
        tables.sort(key=lambda table: table.size(self._conn), reverse=True)
        count = _processes()
        with ExitStack() as stack:
            idle: SimpleQueue[Connection] = SimpleQueue()
            for _ in range(count):
                idle.put(stack.enter_context(closing(_connect(self._conninfo))))
            threads = stack.enter_context(ThreadPoolExecutor(count))
            list(threads.map(partial(_index, idle), tables))

    def _change_over(self) -> None:
        until = monotonic() + SWITCH_LIMIT
        while not self._switched():
            # Somebody queries the views at length; projectors must not wait for that.
            blocked_by = blockers(self._conn, [build.projection for build in self._builds])
            if monotonic() > until:
                raise RebuildBlocked(
                    f"the views could not be changed over: {blocked_by or 'somebody'} uses them;"
                    " run this again, it goes on where it was"
                )
            self._progress("switching", blocked_by)
            sleep(SWITCH_PAUSE)
            self._catch_up()

    def _switched(self) -> bool:
        try:
            with self._conn.transaction():
                self._conn.execute("SET LOCAL lock_timeout = '1s'")
                self._switch()
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _switch(self) -> None:
        """Stop the live read models, apply the rest, and have the new ones read and fed."""
        conn = self._conn
        lock_definitions(conn)
        for build in self._builds:
            show_generation(conn, build.projection, build.generation)
        conn.execute(
            "SELECT FROM read.checkpoints WHERE projection = ANY(%s)"
            " ORDER BY projection, generation FOR UPDATE",
            ([build.projection.name for build in self._builds],),
        )
        rest = self._stretch(self._position(), None)
        if rest:
            with self._shards() as (shard, *_):
                shard.ask(rest.begin, rest.end)
                self._store(rest, [shard.answer()])
        for build in self._builds:
            open_generation(conn, build.projection, build.generation)

    def _discard(self) -> None:
        with self._conn.transaction():
            lock_definitions(self._conn)
            for build in self._builds:
                drop_generation(self._conn, build.projection, build.generation)

    def _position(self) -> int:
        return min(build.checkpoint.position for build in self._builds)

    def _progress(self, phase: Phase, blocked_by: str = "") -> None:
        self._tell(
            Progress(
                phase=phase,
                position=self._position(),
                head=head(self._conn),
                events=self._events,
                seconds=monotonic() - self._began,
                blocked_by=blocked_by,
            )
        )


def _ask(shards: Sequence[Shard], stretch: Stretch | None) -> None:
    for shard in shards:
        if stretch:
            shard.ask(stretch.begin, stretch.end)


def _answers(shards: Sequence[Shard], following: Stretch | None) -> list[Sequence[ShardRows]]:
    """Everybody's rows; who has given them goes on at once."""
    found = []
    for shard in shards:
        found.append(shard.answer())
        _ask([shard], following)
    return found


def _connect(conninfo: str) -> Connection:
    settings = {
        # What a crash of the server may take back of the tables it takes back of the checkpoint.
        "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
        # A third of the usual sample tells keys well enough until autovacuum looks itself.
        "default_statistics_target": "30",
        # Several tables are indexed at a time instead.
        "max_parallel_maintenance_workers": 0,
    }
    return connect_projector(conninfo, "rebuild", silence=None, **settings)


def _processes() -> int:
    return min(os.cpu_count() or 1, MOST_PROCESSES)


def _index(idle: "SimpleQueue[Connection]", table: PhysicalTable) -> None:
    conn = idle.get()
    try:
        table.create_indexes(conn)
    finally:
        idle.put(conn)


def _take_seat(conn: Connection, projection: Projection) -> None:
    key = advisory_locks.named(advisory_locks.REBUILD, projection.name)
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    if not (row and row[0]):
        raise RebuildRunning(f"{projection.name} is being rebuilt by another process")


def _begun(conn: Connection, projection: Projection) -> Checkpoint:
    """The checkpoint of a half-built generation that can be gone on with, else of a new one."""
    with conn.transaction():
        lock_definitions(conn)
        newest = next(iter(checkpoints(conn, projection.name)), None)
        if newest and not newest.live:
            if _fits(conn, projection, newest):
                return newest
            drop_generation(conn, projection, newest.generation)
        return create_generation(conn, projection)


def _fits(conn: Connection, projection: Projection, begun: Checkpoint) -> bool:
    try:
        verify(conn, begun)
    except ProjectorHalted:
        return False
    tables = physical_tables(projection, begun.generation)
    return begun.version == projection.version and all(table.stands(conn) for table in tables)
