"""Streams as reactions see them: folded when first looked at, and brought up to date each round."""

from collections.abc import Iterable
from typing import TypeVar

from domain.decider import Decider
from infra.postgres.connections import Connection
from infra.store import codec
from infra.store.event_log import TABLE
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_cache import StreamCache

S = TypeVar("S")

_NEWER = (
    "SELECT originator_id, originator_version, state"
    " FROM unnest(%s::text[], %s::bigint[]) AS wanted(id, version)"
    f" JOIN {TABLE} ON originator_id = wanted.id AND originator_version > wanted.version"
    " ORDER BY originator_id, originator_version"
)


class GapInStream(Exception):
    """A stream lacks a version: the log is not what it was."""


class StoreView:
    """What `consumers.reaction.View` promises, from one connection. Raises psycopg's errors, and
    the codec's for events that it can't read.
    """

    def __init__(self, conn: Connection, snapshots: Snapshots, cache_bytes: int) -> None:
        self._conn = conn
        self._snapshots = snapshots
        self._cache = StreamCache(cache_bytes)
        self._round = 0
        self._used: set[str] = set()

    def next_round(self) -> None:
        """What was seen so far may not be so any more."""
        self._cache.touched(self._used)
        self._used.clear()
        self._round += 1

    def state(self, decider: Decider[S], stream_id: str) -> S:
        self.load([stream_id])
        known = self._cache.get(stream_id)
        assert known is not None
        state: S = known.state
        return state

    def load(self, stream_ids: Iterable[str]) -> None:
        """Those that were not looked at in this round, all at once."""
        get = self._cache.get
        names = [
            name
            for name in dict.fromkeys(stream_ids)
            if (known := get(name)) is None or known.seen < self._round
        ]
        if not names:
            return
        self._used.update(names)
        try:
            self._fold(names)
        except BaseException:
            self._cache.evict(names)  # half folded
            raise

    def _fold(self, names: list[str]) -> None:
        new = [name for name in names if self._cache.get(name) is None]
        for name in new:
            self._cache.add(name, self._round)
        self._snapshots.restore(self._conn, self._cache, new)
        streams = {name: known for name in names if (known := self._cache.get(name)) is not None}
        versions = [known.version for known in streams.values()]
        cursor = self._conn.cursor(binary=True)
        for stream_id, version, state in cursor.execute(_NEWER, (list(streams), versions)):
            if version != streams[stream_id].version + 1:
                raise GapInStream(f"stream {stream_id} has a gap before version {version}")
            streams[stream_id].evolve(codec.event_of(state))
        for known in streams.values():
            known.seen = self._round
