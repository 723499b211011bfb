"""The streams and contacts that a batch of commands works on, in memory.

What is not known is loaded before the log is locked. Under the lock only that is read which others
wrote meanwhile.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import LiteralString

from commands.handling import Contact, ContactId, Handling
from infra.postgres.connections import Connection
from infra.runtime.loop_worker import elsewhere
from infra.store import codec
from infra.store.contacts_vault import FIELDS as CONTACT_FIELDS
from infra.store.contacts_vault import contact_of
from infra.write_path.append_batch import AppendBatch, CommandRequest
from infra.write_path.append_session import Loaded, LogSession, LogUnavailable
from infra.write_path.needs import ANYTHING, Needs, together
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_cache import StreamCache
from infra.write_path.unit_of_work import CommandView

# Events that one statement brings: even from a slow disk it stays within its time limit.
PORTION = 4_000
# Streams that are looked through together, and those that turned out to be long.
MANY_STREAMS = 1_000
FEW_STREAMS = 100
# Batches whose commands are all asked what they need, after one that had not been.
CAREFUL = 8
# Portions that others may have written, to be read under the lock.
PORTIONS_UNDER_LOCK = 3

_CONTACTS: LiteralString = (
    f"SELECT {', '.join(CONTACT_FIELDS)} FROM ordinal.contacts WHERE contact_id = ANY(%s::uuid[])"
)


class WorkingSet:
    """What commands need, loaded and brought up to date.

    Raises psycopg's errors; streams that were only half loaded are gone then.

    `loads` counts what was loaded, and what has to be. `sequence` is the sequence value up to which
    the log is known, `foreign` the one up to which others may have written what is not.
    """

    def __init__(
        self, handlers: Mapping[type, Handling], cache: StreamCache, snapshots: Snapshots | None
    ) -> None:
        self._cache = cache
        self._snapshots = snapshots
        self.contacts: dict[str, Contact | None] = {}
        self.view = CommandView(cache, self.contacts)
        self._needs = Needs(handlers, cache, self.contacts)
        self.sequence = 0
        self.foreign = 0
        self.loads = 0
        self._careful = 0
        self._loaded: set[str] = set()
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
        self._careful = max(0, self._careful - 1)
        self._cache.touched(self._loaded)
        self._loaded.clear()

    # -- before the lock

    def warm(self, asks: Sequence[CommandRequest], session: Callable[[], LogSession]) -> int:
        """Load what all of these need; returns how many, from the first on, go together.

        What a command creates is most often new. It is looked for on the way into the transaction.
        """
        if self._behind:
            self._catch_up(session())
        trusting = not self._careful
        for ask in asks:
            self._needs.begin(ask, trusting=trusting)
        asking, count = asks, len(asks)
        while asking:
            lacking = [(ask, names) for ask in asking if (names := self._lacking(ask))]
            count = together(asks[:count])
            if count < len(asks):
                ready = set(map(id, asks[:count]))
                lacking = [(ask, names) for ask, names in lacking if id(ask) in ready]
            self._load_all(session, {name for _, names in lacking for name in names})
            asking = [ask for ask, _ in lacking]
        return count

    def _lacking(self, ask: CommandRequest) -> list[str]:
        """What it needs and is neither at hand nor looked for later."""
        names, later = self._needs.lacking(ask), ask.creates
        return [name for name in names if name != later] if names and later else names

    def _load_all(self, session: Callable[[], LogSession], names: set[str]) -> None:
        contacts = {name for name in names if type(name) is ContactId}
        streams = names - contacts
        if streams:
            self._load(session(), streams)
        if contacts:
            self._fetch(session().conn, contacts)
        self.loads += len(names)

    def _fetch(self, conn: Connection, contact_ids: Collection[str]) -> None:
        wanted = list(contact_ids)
        rows = elsewhere(lambda: conn.execute(_CONTACTS, (wanted,)).fetchall())
        self.contacts.update(dict.fromkeys(wanted))
        self.contacts.update((str(row[0]), contact_of(row)) for row in rows)

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

    def fresh(self, asks: Iterable[CommandRequest]) -> set[str]:
        """The streams that these create, to be looked for on the way into the transaction."""
        get = self._cache.get
        return {ask.creates for ask in asks if ask.creates and get(ask.creates) is None}

    def add_fresh(self, fresh: set[str], events: Iterable[Loaded]) -> None:
        """They were asked for, and this is what they have."""
        self._add(fresh)
        try:
            self._fold(events)
        except BaseException:
            self._cache.evict(fresh)  # half folded
            raise

    def ask_all(self, asks: Iterable[CommandRequest]) -> None:
        """Others wrote meanwhile: what was taken for current may not be so."""
        for ask in asks:
            if ask.needed is ANYTHING:
                self._needs.begin(ask)
                self._needs.lacking(ask)

    def was_parted(self) -> None:
        """Something was not at hand: for a while every command is asked."""
        self._careful = CAREFUL

    def lacks(self, ask: CommandRequest) -> bool:
        """Whether it needs more than is at hand, now that what it creates is."""
        return ask.rounds is not None and bool(self._needs.lacking(ask, self.foreign))

    def named_more(self, ask: CommandRequest, lacking: str) -> bool | None:
        """Ask anew, since the commands before it may have changed what it needs: whether it named
        more; None when not all of that is at hand.
        """
        if ask.needed is ANYTHING:
            return None
        before = len(ask.needed)
        self._needs.foresee(ask, lacking)
        self._needs.begin(ask)
        if self._needs.lacking(ask, self.foreign):
            return None
        return len(ask.needed) > before

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
            self.loads += 1
            return False
        for entry in stale.values():
            entry.seen = self.sequence
        return True

    def undo(self, session: LogSession, batch: AppendBatch) -> None:
        """A command that fails after it appended leaves no trace in the folds."""
        for stream_id in self.view.dirty:
            self._cache.evict([stream_id])
            entry = self._cache.add(stream_id, self.sequence)
            self._fold_whole(session, [stream_id])
            for event in batch.unwritten(stream_id):
                entry.evolve(event)


def _parts(stream_ids: Iterable[str], most: int) -> Iterator[list[str]]:
    """In the order of their ids, so that the same streams make the same parts."""
    rest = iter(sorted(stream_ids))
    while part := list(islice(rest, most)):
        yield part
