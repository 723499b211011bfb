"""Folded states of long streams, so that a cold hot-seller is not folded from its first event.

Disposable and out of band: a thread of its own writes them after the commit, a failure is logged
and forgotten, and on any doubt a stream is folded from its events. Each is sealed with a hash, so
that a flipped bit is a doubt, too.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import msgspec
import psycopg
import structlog
from psycopg.pq import TransactionStatus

from domain.categories import CATEGORIES, category_of
from infra.postgres.connections import Connection
from infra.runtime.json_decoders import decoder
from infra.runtime.loop_worker import elsewhere
from infra.write_path.stream_cache import Cached, StreamCache

EVERY = 500
# Bytes of a state for each event that it may be folded from besides: a state that grows with every
# sale would be written again and again, each time larger.
BYTES_AN_EVENT = 2_000
log = structlog.get_logger("snapshots")
_encode = msgspec.json.Encoder().encode
_SAVE = (
    "INSERT INTO ordinal.snapshots (stream_id, version, fold_version, state)"
    " VALUES (%s, %s, %s, %s) ON CONFLICT (stream_id) DO UPDATE SET version = EXCLUDED.version,"
    " fold_version = EXCLUDED.fold_version, state = EXCLUDED.state, recorded_at = now()"
)
_FIND = (
    "SELECT stream_id, version, fold_version, state FROM ordinal.snapshots"
    " WHERE stream_id = ANY(%s)"
)


SEAL = hashlib.sha256().digest_size


class Snapshot(NamedTuple):
    """A state on its way into the table, or out of it."""

    stream_id: str
    version: int
    fold_version: int
    state: bytes

    def sealed(self) -> "Snapshot":
        """With the hash of all of it before the state."""
        return self._replace(state=self._seal() + self.state)

    def unsealed(self) -> "Snapshot":
        """Raises Unsound when it is not what was sealed."""
        bare = self._replace(state=self.state[SEAL:])
        if self.state[:SEAL] != bare._seal():
            raise Unsound("the seal is broken")
        return bare

    def _seal(self) -> bytes:
        named = f"{self.stream_id} {self.version} {self.fold_version} ".encode()
        return hashlib.sha256(named + self.state).digest()


class Unsound(Exception):
    """A snapshot that nothing must be built on."""


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return decoder(type(CATEGORIES[name].decider.initial()))


def _state_of(snapshot: Snapshot) -> Any:
    return _decoder(category_of(snapshot.stream_id).name).decode(snapshot.unsealed().state)


def _found(conn: Connection, stream_ids: list[str]) -> list[Snapshot]:
    """A transaction that is under way outlives a failure."""
    under_way = conn.info.transaction_status != TransactionStatus.IDLE
    with conn.transaction() if under_way else nullcontext():
        rows = conn.cursor(binary=True).execute(_FIND, (stream_ids,)).fetchall()
    return [Snapshot(*row) for row in rows]


class Snapshots:
    """Takes a snapshot of a stream when it has grown by `every` events, and more if it is large."""

    def __init__(self, connect: Callable[[], Connection], *, every: int = EVERY) -> None:
        self._connect = connect
        self._every = every
        self._queue: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def offer(self, streams: StreamCache, touched: Iterable[str]) -> None:
        """Encode those that have just grown past a multiple; saving them is not our wait."""
        for stream_id in touched:
            cached = streams.get(stream_id)
            grown = 0 if cached is None else cached.version - cached.snapshot_at
            # The first look suffices for nearly all, and this is asked of every stream of a batch.
            if cached is None or grown < self._every or grown < self._spacing(cached):
                continue
            cached.snapshot_at = cached.version
            fold_version = cached.decider.fold_version
            self.save(Snapshot(stream_id, cached.version, fold_version, _encode(cached.state)))

    def _spacing(self, cached: Cached) -> int:
        return max(self._every, cached.weight // BYTES_AN_EVENT)

    def save(self, snapshot: Snapshot) -> None:
        """Put it into the table some time soon."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
            self._thread.start()
        self._queue.put(snapshot.sealed())

    def _run(self) -> None:
        while (snapshot := self._queue.get()) is not None:
            try:
                with self._connect() as conn:
                    conn.execute(_SAVE, snapshot)
            except psycopg.Error as error:
                self.failures += 1
                log.warning("snapshot_failed", stream_id=snapshot.stream_id, error=str(error))

    def restore(self, conn: Connection, streams: StreamCache, missing: Iterable[str]) -> None:
        """Start these from their snapshots where they have a sound one."""
        long_ones = [each for each in missing if not category_of(each).mostly_new]
        if not long_ones:
            return
        for snapshot in self._find(conn, long_ones):
            cached = streams.get(snapshot.stream_id)
            if cached is None or snapshot.fold_version != cached.decider.fold_version:
                continue
            try:
                cached.state = _state_of(snapshot)
            except (Unsound, msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("snapshot_unsound", stream_id=snapshot.stream_id, error=str(error))
                continue
            cached.version = cached.snapshot_at = snapshot.version

    def _find(self, conn: Connection, stream_ids: list[str]) -> list[Snapshot]:
        try:
            return elsewhere(lambda: _found(conn, stream_ids))
        except psycopg.Error as error:
            if conn.closed:
                raise
            self.failures += 1
            log.warning("snapshots_unreadable", error=str(error))
            return []

    def close(self) -> None:
        """Save what was offered, then stop."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=5)
            self._thread = None
