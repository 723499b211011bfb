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

from commands.handling import Answer, Handling, NotNamed, Receipt
from domain.errors import Invalid, KeyReused, OrdinalError, StaleVersion, TooManyCandidates
from infra.postgres.connections import Connection
from infra.runtime.crash_points import crash_point
from infra.runtime.loop_worker import elsewhere, give_way
from infra.store.clock_epochs import EARLIEST, MOST_AHEAD, Clock, said, system_clock
from infra.store.envelope import envelope
from infra.write_path.append_batch import AppendBatch, CommandRequest
from infra.write_path.append_session import ClockAhead as ClockAhead
from infra.write_path.append_session import InDoubt, LogHead, LogSession
from infra.write_path.append_session import LogUnavailable as LogUnavailable
from infra.write_path.side_writes import SideWrite, SideWrites
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_cache import StreamCache
from infra.write_path.stream_loader import WorkingSet
from infra.write_path.unit_of_work import NotAtHand

# Attempts in a row that neither commit nor load anything.
ROUNDS = 6
# Commands that are sent to the server together: half a batch, within these bounds.
LEAST_AT_ONCE = 8
MOST_AT_ONCE = 32
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
        once_bytes: int | None = None,
        snapshots: Snapshots | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._handlers = handlers
        self._session: LogSession | None = None
        self._cache = StreamCache(cache_bytes, once_bytes)
        self._working_set = WorkingSet(handlers, self._cache, snapshots)
        self._view = self._working_set.view
        self._recorded_at = EARLIEST
        self._epoch = 0
        self._dirty: set[str] = set()
        self._meanwhile: Callable[[], None] | None = None
        self._batch: AppendBatch | None = None
        self.position = 0

    # -- the way in

    def write(
        self,
        asks: Sequence[CommandRequest],
        side_writes: SideWrites | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Decide and record the commands in the order in which they came.

        It takes a transaction, or several: at the first command that lacks something those before
        it are committed, and the others go on when it is loaded. With `side_writes` each of these
        is one transaction or none, along with what moves with the commands that it decides:
        BatchRefused when the database refuses it. Without, a refused batch is repeated command by
        command. What may be done `meanwhile` is done while the database commits; it must not raise.

        Afterwards every ask has its outcome. When it raises, those have one that are committed,
        and a repetition goes on behind them.
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
            if ask.outcome is not None:
                continue
            try:
                self._write([ask], None)
            except BatchRefused as refused:
                ask.outcome = _blamed(refused)

    def _write(self, asks: Sequence[CommandRequest], side_writes: SideWrites | None) -> None:
        waiting = [ask for ask in asks if ask.outcome is None]
        patience, in_vain = 1, 0
        while in_vain < ROUNDS:
            loads, done = self._working_set.loads, 0
            try:
                together = self._warm(waiting)
                done = self._attempt(waiting[:together], side_writes)
            except ConnectionLost:
                # Nothing was committed, and the connection may have been dead for long.
                if patience == 0:
                    raise
                patience -= 1
            else:
                waiting = waiting[done:]
                if not waiting:
                    return
            in_vain = 0 if done or self._working_set.loads > loads else in_vain + 1
        raise LogUnavailable("the streams of a command kept changing")

    def _warm(self, asks: Sequence[CommandRequest]) -> int:
        try:
            return self._working_set.warm(asks, self.session)
        except BaseException as error:
            self._blame(error)
            raise

    def _attempt(self, asks: Sequence[CommandRequest], side_writes: SideWrites | None) -> int:
        """One transaction; returns how many of the commands, from the first on, it carried out."""
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
        _forget(asks)
        if self._session is None:
            return
        try:
            self._session.roll_back()
        except psycopg.Error:
            self.close()

    # -- the transaction

    def _transact(self, asks: Sequence[CommandRequest], side_writes: SideWrites | None) -> int:
        session, working_set = self.session(), self._working_set
        self._dirty = set()
        moment, known = self._begin(session, asks, working_set.fresh(asks))
        if working_set.foreign == moment.sequence:
            working_set.ask_all(asks)
        # Before anything is decided, which the way back would throw out of the cache.
        if not working_set.refresh(session, asks):
            self._roll_back(asks)
            return 0
        self._batch = batch = AppendBatch(moment.sequence, moment.head, self._recorded_at)
        done = self._decide_all(session, batch, known, asks)
        if done < len(asks):
            working_set.was_parted()
        if asks and not done:
            self._roll_back(asks)
            return 0
        self._commit(session, batch, side_writes(asks[:done]) if side_writes else ())
        working_set.recorded(batch.touched)
        return done

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
        if not moment.simulated:
            self._check_clock(moment.clock)
        if moment.epoch != self._epoch:
            self._epoch, self._recorded_at = moment.epoch, EARLIEST
        if moment.sequence != working_set.sequence and moment.last_state is not None:
            working_set.foreign = moment.sequence
            if moment.head > moment.epoch:
                last = envelope(moment.last_state).recorded_at
                self._recorded_at = max(self._recorded_at, last)
        working_set.sequence = moment.sequence
        self._recorded_at = max(self._recorded_at, moment.clock)

    def _check_clock(self, database: datetime) -> None:
        """One batch of a clock that is ahead would date every later event."""
        ahead = database - self._clock()
        if ahead > MOST_AHEAD:
            raise ClockAhead(
                f"the database's clock is {said(ahead)} ahead of this process's: nothing is"
                " written until one of them is put right"
            )

    def _decide_all(
        self,
        session: LogSession,
        batch: AppendBatch,
        known: Known,
        asks: Sequence[CommandRequest],
    ) -> int:
        """Decide part by part, so that the server stores one while we decide the next.

        Returns how many were decided before one that needs what is not at hand.
        """
        part = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, -(-len(asks) // 2)))
        for number, ask in enumerate(asks):
            if not self._decide(session, batch, known, ask):
                return number
            if (number + 1) % part == 0 and number + 1 < len(asks):
                batch.write(session)
                session.hand_over()
            give_way()
        return len(asks)

    def _decide(
        self, session: LogSession, batch: AppendBatch, known: Known, ask: CommandRequest
    ) -> bool:
        """Give the ask its outcome; False when it needs what is not at hand."""
        working_set, view = self._working_set, self._view
        view.reset(working_set.foreign, ask.needed)
        try:
            if ask.context.reach is not None:
                if working_set.lacks(ask):
                    return False
                self._handlers[type(ask.command)].check_reach(ask.command, view, ask.context.reach)
            repeated = self._repeated(batch, known, ask)
            if repeated is None and working_set.lacks(ask):
                return False
            ask.outcome = repeated or self._handled(batch, ask)
        except NotAtHand as lacking:
            self._undo(session, batch)
            more = working_set.named_more(ask, lacking.name)
            if more:
                return self._decide(session, batch, known, ask)
            ask.outcome = None if more is None else ask.blame or NotNamed(str(lacking))
        except OrdinalError as refusal:
            self._undo(session, batch)
            # A traceback holds what holds it: only the collector would free them.
            ask.outcome = refusal.with_traceback(None)
        except Exception as error:
            self._undo(session, batch)
            ask.outcome = error
        return ask.outcome is not None

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
        if ask.blame is not None and isinstance(ask.blame, TooManyCandidates | NotNamed):
            raise ask.blame
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

    def _commit(
        self, session: LogSession, batch: AppendBatch, side_writes: Sequence[SideWrite]
    ) -> None:
        if not (batch.asks or side_writes):
            session.roll_back()
            return
        batch.write(session)
        crash_point("A1")
        for each in side_writes:
            each.send(session, batch.recorded_at)
        crash_point("A2")
        session.commit(self._meanwhile)
        crash_point("A3")
        self._working_set.sequence, self.position = batch.sequence, batch.position

    # -- a commit without an answer

    def _settle(
        self, asks: Sequence[CommandRequest], doubt: InDoubt, *, with_side_write: bool
    ) -> int:
        """Find out whether a broken commit happened: the lock first, then the command ids.

        If it did, what was decided in it stands, refusals included.
        """
        self.close()
        try:
            session = self.session()
            _, known = self._begin(session, asks, set())
            session.roll_back()
        except (psycopg.Error, LogUnavailable) as error:
            self.close()
            _forget(asks)
            raise LogUnavailable(f"{doubt}; {error}") from error
        batch = self._batch
        if not with_side_write and batch is not None and batch.stored(known):
            self.position = batch.position
            return sum(ask.outcome is not None for ask in asks)
        _forget(asks)
        if with_side_write:
            raise LogUnavailable(str(doubt))
        return 0


def _forget(asks: Sequence[CommandRequest]) -> None:
    for ask in asks:
        ask.outcome = None


def _ids_of(asks: Sequence[CommandRequest]) -> Iterator[bytes]:
    """Under which receipts may be kept."""
    for ask in asks:
        yield ask.key
        if (former := ask.context.former_id) is not None:
            yield former.bytes


def _blamed(refused: BatchRefused) -> OrdinalError:
    return Invalid(f"The database cannot store this: {refused}".split("\n")[0])
