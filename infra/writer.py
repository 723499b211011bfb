"""Group commit: many commands, one transaction, one lock, one commit.

The writer owns its transaction, because the library's recorder opens one of its own and knows the
positions only after it. One writer serves one thread. It never answers before the commit, and it
lets the new folds into its cache only after it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import errors as pg

from commands.handling import Answer, Contact, Handling, Receipt
from domain.decider import Decider
from domain.errors import Invalid, KeyReused, OrdinalError, StaleVersion
from domain.history import category
from domain.order.state import ORDER
from infra import codec
from infra.batch import Ask, Batch, Companion, Outcome, Staged, write_companion
from infra.crash_points import crash_point
from infra.event_log import Connection
from infra.log_session import InDoubt, Loaded, LogSession, Moment
from infra.loop_worker import elsewhere, give_way
from infra.snapshots import Snapshots
from infra.stream_cache import Cached, StreamCache
from infra.vault import FIELDS as CONTACT_FIELDS
from infra.vault import contact_of

S = TypeVar("S")
ROUNDS = 6
# Commands that are sent to the server together: half a batch, within these bounds.
LEAST_AT_ONCE = 8
MOST_AT_ONCE = 32
Companions = Callable[[Sequence[Ask]], Companion]
Known = Mapping[bytes, tuple[bytes, bytes]]

_CONTACT: LiteralString = (
    f"SELECT {', '.join(CONTACT_FIELDS)} FROM ordinal.contacts WHERE contact_id = %s"
)
_decode_receipt = msgspec.json.Decoder(Receipt).decode


class Unavailable(Exception):
    """The log is away or too busy: the outcome is unknown, repeat with the same key."""


class ConnectionLost(Unavailable):
    """The connection broke before anything could be committed."""


class BatchRefused(Exception):
    """The database refused the batch as a whole; one of its commands is to blame."""


class Cold(Exception):
    """A stream or a contact is needed that is not at hand."""

    def __init__(self, *, stream_id: str | None = None, contact_id: str | None = None) -> None:
        self.stream_id = stream_id
        self.contact_id = contact_id


class _View:
    """The streams of one command (see `commands.handling.Streams`)."""

    __slots__ = ("_foreign", "_known", "contacts", "dirty", "kept", "staged")

    def __init__(self, cache: StreamCache, contacts: dict[str, Contact | None]) -> None:
        self._known = cache.get
        self._foreign = 0
        self.contacts = contacts
        self.staged: list[Staged] = []
        self.dirty: set[str] = set()
        self.kept: list[Contact] = []

    def reset(self, foreign: int) -> None:
        self._foreign = foreign
        self.staged, self.dirty, self.kept = [], set(), []

    def _current(self, stream_id: str) -> Cached:
        cached = self._known(stream_id)
        if cached is None or cached.seen < self._foreign:
            raise Cold(stream_id=stream_id)
        return cached

    def state(self, decider: Decider[S], stream_id: str) -> S:
        state: S = self._current(stream_id).state
        return state

    def version(self, stream_id: str) -> int:
        return self._current(stream_id).version

    def append(self, stream_id: str, events: Iterable[object]) -> None:
        cached = self._current(stream_id)
        staged = self.staged
        for event in events:
            self.dirty.add(stream_id)
            cached.evolve(event)
            staged.append((stream_id, cached.version, event))

    def contact(self, contact_id: str) -> Contact | None:
        if contact_id not in self.contacts:
            raise Cold(contact_id=contact_id)
        return self.contacts[contact_id]

    def keep_contact(self, contact: Contact) -> None:
        self.kept.append(contact)


class Writer:
    """Carries out batches of commands against the log.

    Raises Unavailable when nothing can be said about the outcome of those that have none yet. All
    other failures are outcomes of single commands.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        handlers: Mapping[type, Handling],
        *,
        cache_bytes: int,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._connect = connect
        self._handlers = handlers
        self._session: LogSession | None = None
        self._cache = StreamCache(cache_bytes)
        self._contacts: dict[str, Contact | None] = {}
        self._view = _View(self._cache, self._contacts)
        self._sequence = 0
        self._foreign = 0
        self._recorded_at = datetime.min.replace(tzinfo=UTC)
        self._snapshots = snapshots
        self._wanted: set[str] = set()
        self._loaded: set[str] = set()
        self._fresh: set[str] = set()
        self._dirty: set[str] = set()
        self._meanwhile: Callable[[], None] | None = None
        self.position = 0

    # -- the way in

    def write(
        self,
        asks: Sequence[Ask],
        companions: Companions | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Decide and record the commands in order; every ask has its outcome afterwards.

        With `companions` the batch is one transaction or none: BatchRefused when the database
        refuses it. Without, a refused batch is repeated command by command. What may be done
        `meanwhile` is done while the database commits; it must not raise.
        """
        self._contacts.clear()
        self._meanwhile = meanwhile
        try:
            self._write(asks, companions)
        except BatchRefused:
            if companions is not None:
                raise
            self._one_by_one(asks)
        finally:
            self._cache.touched(self._loaded)
            self._loaded.clear()

    def _one_by_one(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            ask.outcome = None
            try:
                self._write([ask], None)
            except BatchRefused as refused:
                ask.outcome = _blamed(refused)

    def _write(self, asks: Sequence[Ask], companions: Companions | None) -> None:
        waiting = list(asks)
        patience = 1
        for _ in range(ROUNDS):
            try:
                self._warm(waiting)
                waiting = self._attempt(waiting, companions)
            except ConnectionLost:
                # Nothing was committed, and the connection may have been dead for long.
                if patience == 0:
                    raise
                patience -= 1
            if not waiting:
                return
        raise Unavailable("the streams of a command kept changing")

    def _warm(self, asks: Sequence[Ask]) -> None:
        """Load what the commands need; one answer of theirs may rest on another.

        Orders that are not known are most often new. They are loaded on the way into the
        transaction; should such a command then need more, it leaves the batch and comes back.
        """
        targets = self._targets(asks)
        self._fresh = {each for each in targets if category(each) == ORDER.name} - self._wanted
        missing = self._wanted | (targets - self._fresh)
        self._wanted = set()
        asking = [ask for ask in asks if ask.target not in self._fresh]
        for _ in range(ROUNDS):
            self._load(missing)
            asking, missing = self._missing(asking)
            if not missing:
                return

    def _targets(self, asks: Sequence[Ask]) -> set[str]:
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

    def _attempt(self, asks: Sequence[Ask], companions: Companions | None) -> list[Ask]:
        """One transaction; returns the asks that need more streams than were at hand."""
        try:
            return self._transact(asks, companions)
        except InDoubt as doubt:
            return self._settle(asks, doubt, with_companion=companions is not None)
        except BaseException as error:
            self._roll_back(asks)
            self._blame(error)
            raise

    def _blame(self, error: BaseException) -> None:
        """Raise what this means for the batch, when it is a command's fault or the database's."""
        if isinstance(error, pg.DataError | pg.IntegrityError | UnicodeError):
            raise BatchRefused(str(error)) from error
        if isinstance(error, psycopg.Error):
            lost = self._session is None or self._session.broken
            raise (ConnectionLost if lost else Unavailable)(str(error)) from error

    # -- the connection

    def session(self) -> LogSession:
        if self._session is None or self._session.broken:
            self._session = self._open()
        return self._session

    def _open(self) -> LogSession:
        try:
            conn = elsewhere(self._connect)
        except psycopg.Error as error:
            raise Unavailable(f"no connection to the event log: {error}") from error
        self._cache.clear()
        self._sequence = self._foreign = 0
        return LogSession(conn)

    def read(self, statement: LiteralString, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Rows from the writer's own connection, between batches."""
        try:
            return self.session().conn.execute(statement, parameters).fetchall()
        except psycopg.Error as error:
            self.close()
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def cut(self) -> None:
        """From another thread: break a connection that gives no answer, under whoever waits."""
        if self._session is not None:
            self._session.cut()

    def _roll_back(self, asks: Sequence[Ask]) -> None:
        """Forget what this batch folded; the database may or may not still be there."""
        self._cache.evict(self._dirty)
        self._contacts.clear()
        for ask in asks:
            ask.outcome = None
        if self._session is None:
            return
        try:
            self._session.roll_back()
        except psycopg.Error:
            self.close()

    # -- loading

    def _missing(self, asks: Sequence[Ask]) -> tuple[list[Ask], set[str]]:
        """Which commands need streams that the cache lacks, as far as can be told now."""
        asking: list[Ask] = []
        missing: set[str] = set()
        known, view = self._cache.get, self._view
        view.reset(0)
        for ask in asks:
            try:
                ask.needed = self._handlers[type(ask.command)].needs(ask.command, view)
            except Cold as cold:
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

    def _load(self, missing: set[str]) -> None:
        """Fold these streams into the cache, outside of any lock."""
        if not missing:
            return
        session = self.session()
        try:
            self._fold_missing(session, missing)
        except BaseException as error:
            self._cache.evict(missing)  # half folded
            self._blame(error)
            raise

    def _fold_missing(self, session: LogSession, missing: set[str]) -> None:
        self._add(missing)
        if self._snapshots is not None:
            self._snapshots.restore(session.conn, self._cache, missing)
        self._fold_newer(session, missing)

    def _add(self, missing: set[str]) -> None:
        """Room for streams that are about to be loaded, as current as what is known by now."""
        self._loaded |= missing
        for stream_id in missing:
            self._cache.add(stream_id, self._sequence)

    def _fold_newer(self, session: LogSession, stream_ids: Iterable[str]) -> None:
        ids = list(stream_ids)
        cached = [self._cache.get(stream_id) for stream_id in ids]
        versions = [entry.version if entry else 0 for entry in cached]
        self._fold(session.load(ids, versions))

    def _fold(self, events: Iterable[Loaded]) -> None:
        for stream_id, version, state in events:
            entry = self._cache.get(stream_id)
            if entry is None or version != entry.version + 1:
                raise Unavailable(f"stream {stream_id} has a gap before version {version}")
            entry.evolve(codec.event_of(state))

    def _load_contact(self, conn: Connection, contact_id: str) -> None:
        row = elsewhere(lambda: conn.execute(_CONTACT, (contact_id,)).fetchone())
        self._contacts[contact_id] = contact_of(row) if row else None

    # -- the transaction

    def _transact(self, asks: Sequence[Ask], companions: Companions | None) -> list[Ask]:
        session = self.session()
        self._dirty = set()
        fresh = {each for each in self._fresh if self._cache.get(each) is None}
        moment, known = self._begin(session, asks, fresh)
        # A command that lacks something can come back. It is looked for beforehand only where that
        # is likely, since others wrote meanwhile, or would cost all of the batch.
        surely = companions is None and self._foreign != moment.sequence
        lacking = set() if surely else self._lacking(asks, fresh)
        if lacking and companions is not None:
            # Before anything is decided, which the way back would throw out of the cache.
            self._roll_back(asks)
            return list(asks)
        self._refresh(session, asks)
        batch = Batch(moment.sequence, moment.head, self._recorded_at)
        cold = self._decide_all(session, batch, known, asks, lacking)
        if cold and companions is not None:
            self._roll_back(asks)
            return list(asks)
        self._commit(session, batch, companions(asks) if companions else Companion())
        self._cache.touched(batch.touched)
        self._loaded.difference_update(batch.touched)
        if self._snapshots is not None:
            self._snapshots.offer(self._cache, batch.touched)
        return cold

    def _begin(
        self, session: LogSession, asks: Sequence[Ask], fresh: set[str]
    ) -> tuple[Moment, Known]:
        """Take the lock; see what others did meanwhile, and which of these commands are repeats."""
        begun = session.begin([ask.key for ask in asks], list(fresh))
        self._add(fresh)
        try:
            self._fold(begun.fresh)
        except BaseException:
            self._cache.evict(fresh)  # half folded
            raise
        self._look_around(begun.moment)
        return begun.moment, begun.receipts

    def _lacking(self, asks: Sequence[Ask], fresh: set[str]) -> set[int]:
        """Which commands about fresh streams need more than is at hand."""
        asking, missing = self._missing([ask for ask in asks if ask.target in fresh])
        self._wanted |= missing
        return {id(ask) for ask in asking}

    def _look_around(self, moment: Moment) -> None:
        if moment.sequence != self._sequence and moment.last_state is not None:
            self._foreign = moment.sequence
            last = codec.envelope(moment.last_state).recorded_at
            self._recorded_at = max(self._recorded_at, last)
        self._sequence = moment.sequence
        self._recorded_at = max(self._recorded_at, moment.clock)

    def _refresh(self, session: LogSession, asks: Sequence[Ask]) -> None:
        """Fold what others appended to the streams that this batch is about to touch."""
        get, foreign = self._cache.get, self._foreign
        stale = {
            stream_id
            for ask in asks
            for stream_id in ask.needed
            if (entry := get(stream_id)) is not None and entry.seen < foreign
        }
        if stale:
            self._fold_newer(session, stale)
            for stream_id in stale:
                self._mark_seen(stream_id)

    def _mark_seen(self, stream_id: str) -> None:
        entry = self._cache.get(stream_id)
        if entry is not None:
            entry.seen = self._sequence

    def _decide_all(
        self,
        session: LogSession,
        batch: Batch,
        known: Known,
        asks: Sequence[Ask],
        lacking: set[int],
    ) -> list[Ask]:
        """Decide part by part, so that the server stores one while we decide the next.

        Returns those that need streams that are not at hand.
        """
        part = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, -(-len(asks) // 2)))
        cold = []
        for number, ask in enumerate(asks, start=1):
            if id(ask) in lacking or not self._decide(session, batch, known, ask):
                cold.append(ask)
            if number % part == 0 and number < len(asks):
                batch.write(session)
                session.hand_over()
            give_way()
        return cold

    def _decide(self, session: LogSession, batch: Batch, known: Known, ask: Ask) -> bool:
        """Give the ask its outcome; False when it needs streams that are not at hand."""
        self._view.reset(self._foreign)
        try:
            ask.outcome = self._repeated(batch, known, ask) or self._handled(batch, ask)
        except Cold as cold:
            self._undo(session, batch)
            if cold.contact_id is not None:
                self._load_contact(session.quiet(), cold.contact_id)
                return self._decide(session, batch, known, ask)
            if cold.stream_id is not None:
                self._cache.evict([cold.stream_id])
                self._wanted.add(cold.stream_id)
                ask.unannounced = (*ask.unannounced, cold.stream_id)
                self._wanted |= self._missing([ask])[1]
            return False
        except Exception as error:
            self._undo(session, batch)
            ask.outcome = error
        return True

    def _repeated(self, batch: Batch, known: Known, ask: Ask) -> Answer | None:
        """The first answer again, when this command was accepted before."""
        context = ask.context
        stored = known.get(ask.key)
        if stored is not None:
            if stored[0] != context.fingerprint:
                raise KeyReused
            return Answer(_decode_receipt(stored[1]), stored[1], replayed=True)
        first = batch.asks.get(ask.key)
        if first is None or not isinstance(first.outcome, Answer):
            return None
        if first.context.fingerprint != context.fingerprint:
            raise KeyReused
        return Answer(first.outcome.receipt, first.outcome.body, replayed=True)

    def _handled(self, batch: Batch, ask: Ask) -> Answer:
        command, context, view = ask.command, ask.context, self._view
        handling = self._handlers[type(command)]
        now = batch.recorded_at
        if context.occurred_at is not None:
            if context.occurred_at > now:
                raise Invalid("This lies in the future.", field="occurred_at")
            now = context.occurred_at.astimezone(UTC)
        if context.expected_version is not None:
            current = view.version(handling.target(command))
            if current != context.expected_version:
                raise StaleVersion(current=current)
        receipt = handling.handle(command, view, context, now)
        self._dirty |= view.dirty
        receipt.version = view.version(receipt.stream_id)
        answer = batch.add(ask, receipt, now, view.staged, view.kept)
        for contact in view.kept:
            self._contacts[contact.contact_id] = contact
        return answer

    def _undo(self, session: LogSession, batch: Batch) -> None:
        """A command that fails after it appended leaves no trace in the folds."""
        self._dirty |= self._view.dirty
        for stream_id in self._view.dirty:
            self._cache.evict([stream_id])
            entry = self._cache.add(stream_id, self._sequence)
            self._fold(session.load([stream_id], [0]))
            for event in batch.unwritten(stream_id):
                entry.evolve(event)

    def _commit(self, session: LogSession, batch: Batch, companion: Companion) -> None:
        if not (batch.asks or companion.messages or companion.offsets):
            session.roll_back()
            return
        batch.write(session)
        crash_point("A1")
        write_companion(session, companion, batch.recorded_at)
        crash_point("A2")
        session.commit(self._meanwhile)
        crash_point("A3")
        self._sequence, self.position = batch.sequence, batch.position

    # -- a commit without an answer

    def _settle(self, asks: Sequence[Ask], doubt: InDoubt, *, with_companion: bool) -> list[Ask]:
        """Find out whether a broken commit happened: the lock first, then the command ids."""
        self.close()
        for ask in asks:
            ask.outcome = None
        try:
            session = self.session()
            _, known = self._begin(session, asks, set())
            session.roll_back()
        except psycopg.Error as error:
            self.close()
            raise Unavailable(f"{doubt}; {error}") from error
        for ask in asks:
            ask.outcome = _settled(ask, known)
        if with_companion:
            raise Unavailable(str(doubt))
        return [ask for ask in asks if ask.outcome is None]


def _settled(ask: Ask, known: Known) -> Outcome | None:
    stored = known.get(ask.key)
    if stored is None:
        return None
    if stored[0] != ask.context.fingerprint:
        return KeyReused()
    return Answer(_decode_receipt(stored[1]), stored[1])


def _blamed(refused: BatchRefused) -> OrdinalError:
    return Invalid(f"The database cannot store this: {refused}".split("\n")[0])
