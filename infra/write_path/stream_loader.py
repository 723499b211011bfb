"""The streams and contacts that a batch of commands works on, in memory.

What is not known is loaded before the log is locked. Under the lock only that is read which others
wrote meanwhile.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import LiteralString

from commands.handling import Contact, Handling, named
from domain.categories import CATEGORIES
from domain.category import category_name
from infra.postgres.connections import Connection
from infra.runtime.loop_worker import elsewhere
from infra.store import codec
from infra.store.contacts_vault import FIELDS as CONTACT_FIELDS
from infra.store.contacts_vault import contact_of
from infra.write_path.append_batch import AppendBatch, CommandRequest
from infra.write_path.append_session import Loaded, LogSession, LogUnavailable
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_cache import StreamCache
from infra.write_path.unit_of_work import CommandView, StreamNotLoaded

# Answers of a command that rest on one another.
ROUNDS = 6
# Events that one statement brings: even from a slow disk it stays within its time limit.
PORTION = 4_000
# Streams that are looked through together, and those that turned out to be long.
MANY_STREAMS = 1_000
FEW_STREAMS = 100
# Portions that others may have written, to be read under the lock.
PORTIONS_UNDER_LOCK = 3

_CONTACT: LiteralString = (
    f"SELECT {', '.join(CONTACT_FIELDS)} FROM ordinal.contacts WHERE contact_id = %s"
)


class WorkingSet:
    """What commands need, loaded and brought up to date.

    Raises psycopg's errors; streams that were only half loaded are gone then.

    `sequence` is the sequence value up to which the log is known, `foreign` the one up to which
    others may have written what is not.
    """

    def __init__(
        self, handlers: Mapping[type, Handling], cache: StreamCache, snapshots: Snapshots | None
    ) -> None:
        self._handlers = handlers
        self._cache = cache
        self._snapshots = snapshots
        self.contacts: dict[str, Contact | None] = {}
        self.view = CommandView(cache, self.contacts)
        self.sequence = 0
        self.foreign = 0
        self._wanted: set[str] = set()
        self._loaded: set[str] = set()
        self._fresh: set[str] = set()
        self._behind: set[str] = set()

    def forget(self) -> None:
        """Another session may be one with another log."""
        self._cache.clear()
        self._behind.clear()
        self.sequence = self.foreign = 0

    def drop(self, stream_ids: Iterable[str]) -> None:
        """What was folded into these, and every contact, may not be so."""
        self._cache.evict(stream_ids)
        self.contacts.clear()

    def recorded(self, stream_ids: Iterable[str]) -> None:
        """A batch wrote to these, and its transaction is committed."""
        self._cache.touched(stream_ids)
        self._loaded.difference_update(stream_ids)
        if self._snapshots is not None:
            self._snapshots.offer(self._cache, stream_ids)

    def done(self) -> None:
        """What was only loaded may leave again."""
        self._cache.touched(self._loaded)
        self._loaded.clear()

    # -- before the lock

    def warm(self, asks: Sequence[CommandRequest], session: Callable[[], LogSession]) -> None:
        """Load what the commands need; one answer of theirs may rest on another.

        Orders that are not known are most often new. They are loaded on the way into the
        transaction; should such a command then need more, it leaves the batch and comes back.
        """
        if self._behind:
            self._catch_up(session())
        targets = self._targets(asks)
        self._fresh = {each for each in targets if _mostly_new(each)} - self._wanted
        missing = self._wanted | (targets - self._fresh)
        self._wanted = set()
        asking = [ask for ask in asks if ask.target not in self._fresh]
        for _ in range(ROUNDS):
            if missing:
                self._load(session(), missing)
            asking, missing = self._missing(asking)
            if not missing:
                return

    def _targets(self, asks: Sequence[CommandRequest]) -> set[str]:
        """The streams that the commands are about; what else they need often rests on these."""
        known, targets = self._cache.get, set()
        for ask in asks:
            try:
                ask.target = target = self._handlers[type(ask.command)].target(ask.command)
            except Exception:
                continue  # its handler meets the same and says so, to its caller alone
            if known(target) is None:
                targets.add(target)
        return targets

    def _missing(self, asks: Sequence[CommandRequest]) -> tuple[list[CommandRequest], set[str]]:
        """Which commands need streams that the cache lacks, as far as can be told now."""
        asking: list[CommandRequest] = []
        missing: set[str] = set()
        known, view = self._cache.get, self.view
        view.reset(0)
        for ask in asks:
            try:
                needed = self._handlers[type(ask.command)].needs(ask.command, view)
                ask.needed = named(needed, lambda name: known(name) is not None)
            except StreamNotLoaded as cold:
                ask.needed = (cold.stream_id,) if cold.stream_id else ()
            except Exception:
                ask.needed = ()  # its handler meets the same and says so, to its caller alone
            if ask.unannounced:
                ask.needed = (*ask.needed, *ask.unannounced)
            lacking = [stream_id for stream_id in ask.needed if known(stream_id) is None]
            if lacking:
                asking.append(ask)
                missing.update(lacking)
        return asking, missing

    def _load(self, session: LogSession, missing: set[str]) -> None:
        """Part by part: what was loaded stays, should a later part fail."""
        for part in _parts(missing, FEW_STREAMS):
            try:
                self._add(part)
                self._fold_whole(session, part)
            except BaseException:
                self._cache.evict(part)  # half folded
                raise

    def _catch_up(self, session: LogSession) -> None:
        """Fold what others wrote to known streams and was too much to be read under the lock."""
        known = [each for each in self._behind if self._cache.get(each) is not None]
        self._behind = set()
        self._fold_newer(session, known)

    def _add(self, missing: Collection[str]) -> None:
        """Room for streams that are about to be loaded, as current as what is known by now."""
        self._loaded.update(missing)
        for stream_id in missing:
            self._cache.add(stream_id, self.sequence)

    def _fold_whole(self, session: LogSession, stream_ids: Collection[str]) -> None:
        """From their snapshots, where they have any."""
        if self._snapshots is not None:
            self._snapshots.restore(session.quiet(), self._cache, stream_ids)
        self._fold_newer(session, stream_ids)

    def _fold_newer(self, session: LogSession, stream_ids: Iterable[str]) -> None:
        """In portions, however many there are: what takes too long is broken off each time."""
        longer = self._fold_portions(session, stream_ids, MANY_STREAMS)
        while longer:
            longer = self._fold_portions(session, longer, FEW_STREAMS)

    def _fold_portions(
        self, session: LogSession, stream_ids: Iterable[str], at_once: int
    ) -> list[str]:
        """The next events of these streams; returns those that may have more."""
        longer = []
        for asked in _parts(stream_ids, at_once):
            cached = [self._cache.get(stream_id) for stream_id in asked]
            before = [entry.version if entry else 0 for entry in cached]
            most = PORTION // len(asked)
            self._fold(session.load(asked, before, most))
            longer += [
                stream_id
                for stream_id, entry, version in zip(asked, cached, before, strict=True)
                if entry is not None and entry.version - version >= most
            ]
        return longer

    def _fold(self, events: Iterable[Loaded]) -> None:
        for stream_id, version, state in events:
            entry = self._cache.get(stream_id)
            if entry is None or version != entry.version + 1:
                raise LogUnavailable(f"stream {stream_id} has a gap before version {version}")
            entry.evolve(codec.event_of(state))

    # -- under the lock

    @property
    def fresh(self) -> set[str]:
        """The streams that are to be loaded on the way into the transaction."""
        return {each for each in self._fresh if self._cache.get(each) is None}

    def add_fresh(self, fresh: set[str], events: Iterable[Loaded]) -> None:
        """They were asked for, and this is what they have."""
        self._add(fresh)
        try:
            self._fold(events)
        except BaseException:
            self._cache.evict(fresh)  # half folded
            raise

    def lacking(self, asks: Sequence[CommandRequest], fresh: set[str]) -> set[int]:
        """Which commands about fresh streams need more than is at hand, by identity."""
        asking, missing = self._missing([ask for ask in asks if ask.target in fresh])
        self._wanted |= missing
        return {id(ask) for ask in asking}

    def refresh(self, session: LogSession, asks: Sequence[CommandRequest]) -> bool:
        """Fold what others appended to the streams that this batch is about to touch.

        False when that is too much to keep the lock for: it is read on the batch's way back.
        """
        get, foreign = self._cache.get, self.foreign
        stale = {
            stream_id: entry
            for ask in asks
            for stream_id in ask.needed
            if (entry := get(stream_id)) is not None and entry.seen < foreign
        }
        longer, portions = list(stale), 0
        while longer and portions < PORTIONS_UNDER_LOCK:
            longer, portions = self._fold_portions(session, longer, MANY_STREAMS), portions + 1
        if longer:
            self._behind = set(stale)
            return False
        for entry in stale.values():
            entry.seen = self.sequence
        return True

    def want(self, ask: CommandRequest, stream_id: str) -> None:
        """The command turned out to need this stream; next time it is loaded beforehand."""
        self._cache.evict([stream_id])
        self._wanted.add(stream_id)
        ask.unannounced = (*ask.unannounced, stream_id)
        self._wanted |= self._missing([ask])[1]

    def fetch_contact(self, conn: Connection, contact_id: str) -> None:
        row = elsewhere(lambda: conn.execute(_CONTACT, (contact_id,)).fetchone())
        self.contacts[contact_id] = contact_of(row) if row else None

    def undo(self, session: LogSession, batch: AppendBatch) -> None:
        """A command that fails after it appended leaves no trace in the folds."""
        for stream_id in self.view.dirty:
            self._cache.evict([stream_id])
            entry = self._cache.add(stream_id, self.sequence)
            self._fold_whole(session, [stream_id])
            for event in batch.unwritten(stream_id):
                entry.evolve(event)


def _mostly_new(stream_id: str) -> bool:
    category = CATEGORIES.get(category_name(stream_id))
    return category is not None and category.mostly_new


def _parts(stream_ids: Iterable[str], most: int) -> Iterator[list[str]]:
    """In the order of their ids, so that the same streams make the same parts."""
    rest = iter(sorted(stream_ids))
    while part := list(islice(rest, most)):
        yield part
