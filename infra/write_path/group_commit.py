"""Group commit: many commands, one transaction, one lock, one commit.

The writer owns its transaction, because the library's recorder opens one of its own and knows the
positions only after it. One writer serves one thread. It never answers before the commit, and it
lets the new folds into its cache only after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import errors as pg

from commands.handling import Answer, Handling, Receipt
from domain.errors import Invalid, KeyReused, OrdinalError, StaleVersion
from infra.postgres.connections import Connection
from infra.runtime.crash_points import crash_point
from infra.runtime.loop_worker import elsewhere, give_way
from infra.store.envelope import envelope
from infra.write_path.append_batch import (
    AppendBatch,
    CommandRequest,
    Outcome,
    SideWrite,
    write_companion,
)
from infra.write_path.append_session import InDoubt, LogHead, LogSession
from infra.write_path.append_session import LogUnavailable as LogUnavailable
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_cache import StreamCache
from infra.write_path.stream_loader import WorkingSet
from infra.write_path.unit_of_work import StreamNotLoaded

# Attempts of a batch whose commands turn out to need more.
ROUNDS = 6
# Commands that are sent to the server together: half a batch, within these bounds.
LEAST_AT_ONCE = 8
MOST_AT_ONCE = 32
SideWrites = Callable[[Sequence[CommandRequest]], SideWrite]
Known = Mapping[bytes, tuple[bytes, bytes]]

_decode_receipt = msgspec.json.Decoder(Receipt).decode


class ConnectionLost(LogUnavailable):
    """The connection broke before anything could be committed."""


class BatchRefused(Exception):
    """The database refused the batch as a whole; one of its commands is to blame."""


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
        self._working_set = WorkingSet(handlers, self._cache, snapshots)
        self._view = self._working_set.view
        self._recorded_at = datetime.min.replace(tzinfo=UTC)
        self._dirty: set[str] = set()
        self._meanwhile: Callable[[], None] | None = None
        self.position = 0

    # -- the way in

    def write(
        self,
        asks: Sequence[CommandRequest],
        side_writes: SideWrites | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Decide and record the commands in order; every ask has its outcome afterwards.

        With `side_writes` the batch is one transaction or none: BatchRefused when the database
        refuses it. Without, a refused batch is repeated command by command. What may be done
        `meanwhile` is done while the database commits; it must not raise.
        """
        self._working_set.contacts.clear()
        self._meanwhile = meanwhile
        try:
            self._write(asks, side_writes)
        except BatchRefused:
            if side_writes is not None:
                raise
            self._one_by_one(asks)
        finally:
            self._working_set.done()

    def _one_by_one(self, asks: Sequence[CommandRequest]) -> None:
        for ask in asks:
            ask.outcome = None
            try:
                self._write([ask], None)
            except BatchRefused as refused:
                ask.outcome = _blamed(refused)

    def _write(self, asks: Sequence[CommandRequest], side_writes: SideWrites | None) -> None:
        waiting = list(asks)
        patience = 1
        for _ in range(ROUNDS):
            try:
                self._warm(waiting)
                waiting = self._attempt(waiting, side_writes)
            except ConnectionLost:
                # Nothing was committed, and the connection may have been dead for long.
                if patience == 0:
                    raise
                patience -= 1
            if not waiting:
                return
        raise LogUnavailable("the streams of a command kept changing")

    def _warm(self, asks: Sequence[CommandRequest]) -> None:
        try:
            self._working_set.warm(asks, self.session)
        except BaseException as error:
            self._blame(error)
            raise

    def _attempt(
        self, asks: Sequence[CommandRequest], side_writes: SideWrites | None
    ) -> list[CommandRequest]:
        """One transaction; returns the asks that need more streams than were at hand."""
        try:
            return self._transact(asks, side_writes)
        except InDoubt as doubt:
            return self._settle(asks, doubt, with_side_write=side_writes is not None)
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
            raise (ConnectionLost if lost else LogUnavailable)(str(error)) from error

    # -- the connection

    def session(self) -> LogSession:
        if self._session is None or self._session.broken:
            self._session = self._open()
        return self._session

    def _open(self) -> LogSession:
        try:
            conn = elsewhere(self._connect)
        except psycopg.Error as error:
            raise LogUnavailable(f"no connection to the event log: {error}") from error
        self._working_set.forget()
        return LogSession(conn)

    def read(self, statement: LiteralString, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Rows from the writer's own connection, between batches."""
        try:
            return self.session().conn.execute(statement, parameters).fetchall()
        except psycopg.Error as error:
            self.close()
            raise LogUnavailable(str(error)) from error

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def cut(self) -> None:
        """From another thread: break a connection that gives no answer, under whoever waits."""
        if self._session is not None:
            self._session.cut()

    def _roll_back(self, asks: Sequence[CommandRequest]) -> None:
        """Forget what this batch folded; the database may or may not still be there."""
        self._working_set.drop(self._dirty)
        for ask in asks:
            ask.outcome = None
        if self._session is None:
            return
        try:
            self._session.roll_back()
        except psycopg.Error:
            self.close()

    # -- the transaction

    def _transact(
        self, asks: Sequence[CommandRequest], side_writes: SideWrites | None
    ) -> list[CommandRequest]:
        session, working_set = self.session(), self._working_set
        self._dirty = set()
        fresh = working_set.fresh
        moment, known = self._begin(session, asks, fresh)
        # A command that lacks something can come back. It is looked for beforehand only where that
        # is likely, since others wrote meanwhile, or would cost all of the batch.
        surely = side_writes is None and working_set.foreign != moment.sequence
        lacking = set() if surely else working_set.lacking(asks, fresh)
        if (lacking and side_writes is not None) or not working_set.refresh(session, asks):
            # Before anything is decided, which the way back would throw out of the cache.
            self._roll_back(asks)
            return list(asks)
        batch = AppendBatch(moment.sequence, moment.head, self._recorded_at)
        cold = self._decide_all(session, batch, known, asks, lacking)
        if cold and side_writes is not None:
            self._roll_back(asks)
            return list(asks)
        self._commit(session, batch, side_writes(asks) if side_writes else SideWrite())
        working_set.recorded(batch.touched)
        return cold

    def _begin(
        self, session: LogSession, asks: Sequence[CommandRequest], fresh: set[str]
    ) -> tuple[LogHead, Known]:
        """Take the lock; see what others did meanwhile, and which of these commands are repeats."""
        begun = session.begin([*_ids_of(asks)], list(fresh))
        self._working_set.add_fresh(fresh, begun.fresh)
        self._look_around(begun.moment)
        return begun.moment, begun.receipts

    def _look_around(self, moment: LogHead) -> None:
        working_set = self._working_set
        if moment.sequence != working_set.sequence and moment.last_state is not None:
            working_set.foreign = moment.sequence
            last = envelope(moment.last_state).recorded_at
            self._recorded_at = max(self._recorded_at, last)
        working_set.sequence = moment.sequence
        self._recorded_at = max(self._recorded_at, moment.clock)

    def _decide_all(
        self,
        session: LogSession,
        batch: AppendBatch,
        known: Known,
        asks: Sequence[CommandRequest],
        lacking: set[int],
    ) -> list[CommandRequest]:
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

    def _decide(
        self, session: LogSession, batch: AppendBatch, known: Known, ask: CommandRequest
    ) -> bool:
        """Give the ask its outcome; False when it needs streams that are not at hand."""
        self._view.reset(self._working_set.foreign)
        try:
            ask.outcome = self._repeated(batch, known, ask) or self._handled(batch, ask)
        except StreamNotLoaded as cold:
            self._undo(session, batch)
            if cold.contact_id is not None:
                self._working_set.fetch_contact(session.quiet(), cold.contact_id)
                return self._decide(session, batch, known, ask)
            if cold.stream_id is not None:
                self._working_set.want(ask, cold.stream_id)
            return False
        except OrdinalError as refusal:
            self._undo(session, batch)
            # A traceback holds what holds it: only the collector would free them.
            ask.outcome = refusal.with_traceback(None)
        except Exception as error:
            self._undo(session, batch)
            ask.outcome = error
        return True

    def _repeated(self, batch: AppendBatch, known: Known, ask: CommandRequest) -> Answer | None:
        """The first answer again, when this command was accepted before."""
        context = ask.context
        stored, fingerprint = known.get(ask.key), context.fingerprint
        if stored is None and context.former_id is not None:
            stored = known.get(context.former_id.bytes)
            fingerprint = context.former_fingerprint
        if stored is not None:
            if stored[0] != fingerprint:
                raise KeyReused
            return Answer(_decode_receipt(stored[1]), stored[1], replayed=True)
        first = batch.asks.get(ask.key)
        if first is None or not isinstance(first.outcome, Answer):
            return None
        if first.context.fingerprint != context.fingerprint:
            raise KeyReused
        return Answer(first.outcome.receipt, first.outcome.body, replayed=True)

    def _handled(self, batch: AppendBatch, ask: CommandRequest) -> Answer:
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
            view.contacts[contact.contact_id] = contact
        return answer

    def _undo(self, session: LogSession, batch: AppendBatch) -> None:
        self._dirty |= self._view.dirty
        self._working_set.undo(session, batch)

    def _commit(self, session: LogSession, batch: AppendBatch, side_write: SideWrite) -> None:
        if not (batch.asks or side_write.messages or side_write.offsets):
            session.roll_back()
            return
        batch.write(session)
        crash_point("A1")
        write_companion(session, side_write, batch.recorded_at)
        crash_point("A2")
        session.commit(self._meanwhile)
        crash_point("A3")
        self._working_set.sequence, self.position = batch.sequence, batch.position

    # -- a commit without an answer

    def _settle(
        self, asks: Sequence[CommandRequest], doubt: InDoubt, *, with_side_write: bool
    ) -> list[CommandRequest]:
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
            raise LogUnavailable(f"{doubt}; {error}") from error
        for ask in asks:
            ask.outcome = _settled(ask, known)
        if with_side_write:
            raise LogUnavailable(str(doubt))
        return [ask for ask in asks if ask.outcome is None]


def _ids_of(asks: Sequence[CommandRequest]) -> Iterator[bytes]:
    """Under which receipts may be kept."""
    for ask in asks:
        yield ask.key
        if (former := ask.context.former_id) is not None:
            yield former.bytes


def _settled(ask: CommandRequest, known: Known) -> Outcome | None:
    stored = known.get(ask.key)
    if stored is None:
        return None
    if stored[0] != ask.context.fingerprint:
        return KeyReused()
    return Answer(_decode_receipt(stored[1]), stored[1])


def _blamed(refused: BatchRefused) -> OrdinalError:
    return Invalid(f"The database cannot store this: {refused}".split("\n")[0])
