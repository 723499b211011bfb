"""Group commit: many commands, one transaction, one lock, one commit.

The writer owns its transaction, because the library's recorder opens one of its own and knows the
positions only after it. One writer serves one thread. It never answers before the commit, and it
lets the new folds into its cache only after it.
"""

import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors as pg

from commands.handling import Answer, Contact, Context, Handling, Receipt
from domain.decider import Decider
from domain.errors import Invalid, KeyReused, OrdinalError, StaleVersion
from domain.history import version_of
from infra import arrays, codec
from infra.crash_points import crash_point
from infra.event_log import SEQUENCE, TABLE, Connection, read_stream
from infra.snapshots import Snapshots
from infra.stream_cache import Cached, StreamCache
from infra.vault import FIELDS as CONTACT_FIELDS
from infra.vault import contact_of

S = TypeVar("S")
Outcome = Answer | Exception
ROUNDS = 6

_json = msgspec.json.Encoder().encode
_decode_receipt = msgspec.json.Decoder(Receipt).decode


class Unavailable(Exception):
    """The log is away or too busy: the outcome is unknown, repeat with the same key."""


class BatchRefused(Exception):
    """The database refused the batch as a whole; one of its commands is to blame."""


class InDoubt(Exception):
    """The connection broke while the transaction was being committed."""


class Cold(Exception):
    """A stream or a contact is needed that is not at hand."""

    def __init__(self, *, stream_id: str | None = None, contact_id: str | None = None) -> None:
        self.stream_id = stream_id
        self.contact_id = contact_id


class OutboxMessage(NamedTuple):
    """A message that is no event, published by the relay in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Ask:
    """One command of a batch and, in the end, its outcome."""

    command: Any
    context: Context
    outcome: Outcome | None = None
    needed: Sequence[str] = ()


@dataclass(slots=True)
class Companion:
    """What moves in the transaction besides commands: messages, and intake offsets by topic and
    partition, from the one that must still stand there to the next.
    """

    messages: Sequence[OutboxMessage] = ()
    offsets: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)


Companions = Callable[[Sequence[Ask]], Companion]


class Staged(NamedTuple):
    """One event on its way into the log."""

    stream_id: str
    version: int
    event: object


class Moment(NamedTuple):
    """What the log looks like under the lock."""

    sequence: int
    head: int
    recorded_at: datetime
    receipts: dict[UUID, tuple[bytes, bytes]]


class _View:
    """The streams of one command (see `commands.handling.Streams`)."""

    __slots__ = ("_cache", "_foreign", "contacts", "dirty", "kept", "staged")

    def __init__(self, cache: StreamCache, contacts: dict[str, Contact | None]) -> None:
        self._cache = cache
        self._foreign = 0
        self.contacts = contacts
        self.staged: list[Staged] = []
        self.dirty: set[str] = set()
        self.kept: list[Contact] = []

    def reset(self, foreign: int) -> None:
        self._foreign = foreign
        self.staged, self.dirty, self.kept = [], set(), []

    def _current(self, stream_id: str) -> Cached:
        cached = self._cache.get(stream_id)
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
        for event in events:
            cached.evolve(event)
            self.dirty.add(stream_id)
            self.staged.append(Staged(stream_id, cached.version, event))

    def contact(self, contact_id: str) -> Contact | None:
        if contact_id not in self.contacts:
            raise Cold(contact_id=contact_id)
        return self.contacts[contact_id]

    def keep_contact(self, contact: Contact) -> None:
        self.kept.append(contact)


class _Batch:
    """What a transaction is going to insert."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.stream_ids: list[bytes] = []
        self.versions: list[int] = []
        self.names: list[bytes] = []
        self.states: list[bytes] = []
        self.pending: dict[str, list[object]] = {}
        self.command_ids: list[bytes] = []
        self.fingerprints: list[bytes] = []
        self.receipts: list[bytes] = []
        self.kept: list[bool] = []
        self.contacts: list[list[bytes | None]] = []
        self.asks: dict[UUID, Ask] = {}

    def add(self, ask: Ask, receipt: Receipt, occurred_at: datetime, view: _View) -> Answer:
        """All of an accepted command or, when a part of it cannot be encoded, nothing."""
        context, staged = ask.context, view.staged
        receipt.changed = bool(staged)
        receipt.position = self.sequence + len(staged) if staged else self.position
        body = _json(receipt)
        stream_ids = [stream_id.encode() for stream_id, _, _ in staged]
        states = self._envelopes(context, occurred_at, staged) if staged else []
        self.contacts += [_encoded(contact) for contact in view.kept]
        self.stream_ids += stream_ids
        self.states += states
        for stream_id, version, event in staged:
            self.versions.append(version)
            self.names.append(type(event).__name__.encode())
            self.pending.setdefault(stream_id, []).append(event)
        self.command_ids.append(context.command_id.bytes)
        self.fingerprints.append(context.fingerprint)
        self.receipts.append(body)
        self.kept.append(context.kept)
        self.asks[context.command_id] = ask
        return Answer(receipt, body)

    def _envelopes(
        self, context: Context, occurred_at: datetime, staged: list[Staged]
    ) -> list[bytes]:
        common = _common(context, occurred_at, self.moment.recorded_at)
        command_id = context.command_id.bytes
        states = []
        for index, (stream_id, version, event) in enumerate(staged):
            name = type(event).__name__
            states.append(
                b'{"event_id":"%s","type":"%s","schema_version":%d,"stream_id":%s,'
                b'"stream_version":%d,%s,"data":%s}'
                % (
                    event_id(command_id, index).encode(),
                    name.encode(),
                    version_of(name),
                    _json(stream_id),
                    version,
                    common,
                    codec.encode_data(event),
                )
            )
        return states

    @property
    def sequence(self) -> int:
        """The last position that was given away."""
        return self.moment.sequence + len(self.states)

    @property
    def position(self) -> int:
        """The last position that holds an event; the sequence may have burned some."""
        return self.sequence if self.states else self.moment.head


def _encoded(contact: Contact) -> list[bytes | None]:
    values = (getattr(contact, name) for name in CONTACT_FIELDS)
    return [None if value is None else value.encode() for value in values]


def event_id(command_id: bytes, index: int) -> str:
    """uuid5(command_id, index), without the detour over UUID objects."""
    digest = bytearray(hashlib.sha1(b"%b%d" % (command_id, index)).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _common(context: Context, occurred_at: datetime, recorded_at: datetime) -> bytes:
    """The part of the envelope that all events of a command share."""
    members: dict[str, object] = {
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "actor": context.actor,
        "channel": context.channel,
        "command_id": context.command_id,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
    }
    if context.reason is not None:
        members["reason"] = context.reason
    if context.traceparent is not None:
        members["traceparent"] = context.traceparent
    return _json(members)[1:-1]


_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOCK = "SELECT ordinal.append_lock()"
_MOMENT = (
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END, clock_timestamp(),"
    f" notification_id, state FROM {SEQUENCE} LEFT JOIN LATERAL"
    f" (SELECT notification_id, state FROM {TABLE} ORDER BY notification_id DESC LIMIT 1) AS last"
    " ON true"
)
_RECEIPTS = (
    "SELECT command_id, fingerprint, receipt FROM ordinal.commands WHERE command_id = ANY(%s)"
)
_LOAD = (
    "SELECT originator_id, originator_version, state, topic"
    f" FROM unnest(%s, %s) AS wanted(id, version) JOIN {TABLE}"
    " ON originator_id = wanted.id AND originator_version > wanted.version"
    " ORDER BY originator_id, originator_version"
)
# The division fails, and with it the transaction, when the events did not get the positions that
# their receipts were written with.
_INSERT = (
    f"WITH appended AS (INSERT INTO {TABLE} (originator_id, originator_version, topic, state)"
    " SELECT * FROM unnest(%s, %s, %s, %s) RETURNING notification_id)"
    " SELECT 1 / (CASE WHEN min(notification_id) = %s AND max(notification_id) = %s"
    " THEN 1 ELSE 0 END) FROM appended"
)
_INSERT_COMMANDS = (
    "INSERT INTO ordinal.commands (command_id, fingerprint, receipt, recorded_at, kept)"
    " SELECT c, f, r, %s, k FROM unnest(%s, %s, %s, %s) AS given(c, f, r, k)"
)
_INSERT_CONTACTS = (
    "INSERT INTO ordinal.contacts (contact_id, name, email, phone, street, city, postal_code,"
    " region, country, recorded_at) SELECT i::uuid, n, e, p, s, c, z, r, l, %s"
    " FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s) AS given(i, n, e, p, s, c, z, r, l)"
    " ON CONFLICT (contact_id) DO NOTHING"
)
_INSERT_OUTBOX = (
    "INSERT INTO ordinal.outbox (topic, key, value, headers, recorded_at)"
    " SELECT t, k, v, h::jsonb, %s FROM unnest(%s, %s, %s, %s) AS given(t, k, v, h)"
)
# A partition that another process has moved meanwhile matches no row: the division fails.
_MOVE_OFFSETS = (
    "WITH given AS (SELECT * FROM unnest(%s, %s, %s, %s) AS given(topic, part, present, next)),"
    " moved AS (INSERT INTO ordinal.intake_offsets AS stored (topic, partition, next_offset)"
    " SELECT topic, part, next FROM given ON CONFLICT (topic, partition)"
    " DO UPDATE SET next_offset = EXCLUDED.next_offset WHERE stored.next_offset ="
    " (SELECT present FROM given WHERE topic = stored.topic AND part = stored.partition)"
    " RETURNING 1) SELECT 1 / (CASE WHEN (SELECT count(*) FROM moved) ="
    " (SELECT count(*) FROM given) THEN 1 ELSE 0 END)"
)


class Writer:
    """Carries out batches of commands against the log.

    Raises Unavailable when nothing can be said about the outcome. All other failures are outcomes
    of single commands.
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
        self._conn: Connection | None = None
        self._cache = StreamCache(cache_bytes)
        self._contacts: dict[str, Contact | None] = {}
        self._view = _View(self._cache, self._contacts)
        self._sequence = 0
        self._foreign = 0
        self._recorded_at = datetime.min.replace(tzinfo=UTC)
        self._snapshots = snapshots
        self._wanted: set[str] = set()
        self._loaded: set[str] = set()
        self._dirty: set[str] = set()
        self.position = 0

    # -- the way in

    def write(self, asks: Sequence[Ask], companions: Companions | None = None) -> None:
        """Decide and record the commands in order; every ask has its outcome afterwards.

        With `companions` the batch is one transaction or none: BatchRefused when the database
        refuses it. Without, a refused batch is repeated command by command.
        """
        self._contacts.clear()
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
        for _ in range(ROUNDS):
            self._warm(waiting)
            waiting = self._attempt(waiting, companions)
            if not waiting:
                return
        raise Unavailable("the streams of a command kept changing")

    def _warm(self, asks: Sequence[Ask]) -> None:
        """Load what the commands need; one answer of theirs may rest on another."""
        for _ in range(ROUNDS):
            missing = self._missing(asks) | self._wanted
            self._wanted = set()
            if not missing:
                return
            self._load(missing)

    def _attempt(self, asks: Sequence[Ask], companions: Companions | None) -> list[Ask]:
        """One transaction; returns the asks that need more streams than were at hand."""
        try:
            return self._transact(asks, companions)
        except InDoubt as doubt:
            return self._settle(asks, doubt, with_companion=companions is not None)
        except BaseException as error:
            self._roll_back(asks)
            _blame(error)
            raise

    # -- the connection

    def connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = self._open()
        return self._conn

    def _open(self) -> Connection:
        try:
            conn = self._connect()
        except psycopg.Error as error:
            raise Unavailable(f"no connection to the event log: {error}") from error
        arrays.register(conn)
        self._cache.clear()
        self._sequence = self._foreign = 0
        return conn

    def read(self, statement: LiteralString, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Rows from the writer's own connection, between batches."""
        try:
            return self.connection().execute(statement, parameters).fetchall()
        except psycopg.Error as error:
            self.close()
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def cut(self) -> None:
        """From another thread: break a connection that gives no answer, under whoever waits."""
        conn = self._conn
        if conn is None or conn.closed:
            return
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _roll_back(self, asks: Sequence[Ask]) -> None:
        """Forget what this batch folded; the database may or may not still be there."""
        self._cache.evict(self._dirty)
        self._contacts.clear()
        for ask in asks:
            ask.outcome = None
        conn = self._conn
        if conn is None:
            return
        try:
            conn.rollback()
        except psycopg.Error:
            self.close()

    # -- loading

    def _missing(self, asks: Sequence[Ask]) -> set[str]:
        """Streams that the commands need and the cache lacks, as far as can be told now."""
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
            missing.update(stream_id for stream_id in ask.needed if known(stream_id) is None)
        return missing

    def _load(self, missing: set[str]) -> None:
        """Fold these streams into the cache, outside of any lock."""
        if not missing:
            return
        conn = self.connection()
        try:
            self._fold_missing(conn, missing)
        except BaseException as error:
            self._cache.evict(missing)  # half folded
            _blame(error)
            raise

    def _fold_missing(self, conn: Connection, missing: set[str]) -> None:
        seen = self._sequence
        self._loaded |= missing
        for stream_id in missing:
            self._cache.add(stream_id, seen)
        if self._snapshots is not None:
            self._snapshots.restore(conn, self._cache, missing)
        self._fold_newer(conn, missing)

    def _fold_newer(self, conn: Connection, stream_ids: Iterable[str]) -> None:
        ids = list(stream_ids)
        cached = [self._cache.get(stream_id) for stream_id in ids]
        versions = [entry.version if entry else 0 for entry in cached]
        cursor = conn.cursor(binary=True)
        cursor.execute(_LOAD, (arrays.text_array(ids), arrays.bigint_array(versions)), prepare=True)
        for stream_id, version, state, _ in cursor:
            entry = self._cache.get(stream_id)
            if entry is None or version != entry.version + 1:
                raise Unavailable(f"stream {stream_id} has a gap before version {version}")
            entry.evolve(codec.event_of(state))

    def _load_contact(self, conn: Connection, contact_id: str) -> None:
        row = conn.execute(
            f"SELECT {', '.join(CONTACT_FIELDS)} FROM ordinal.contacts WHERE contact_id = %s",
            (contact_id,),
        ).fetchone()
        self._contacts[contact_id] = contact_of(row) if row else None

    # -- the transaction

    def _transact(self, asks: Sequence[Ask], companions: Companions | None) -> list[Ask]:
        conn = self.connection()
        moment = self._lock(conn, asks)
        self._dirty = set()
        self._refresh(conn, asks)
        batch = _Batch(moment)
        cold = [ask for ask in asks if not self._decide(conn, batch, ask)]
        if cold and companions is not None:
            self._roll_back(asks)
            return list(asks)
        self._commit(conn, batch, companions(asks) if companions else Companion())
        self._cache.touched(batch.pending)
        if self._snapshots is not None:
            self._snapshots.offer(self._cache, batch.pending)
        return cold

    def _lock(self, conn: Connection, asks: Sequence[Ask]) -> Moment:
        """Begin, take the lock, and only then, as statements of their own, read."""
        ids = arrays.uuid_array([ask.context.command_id.bytes for ask in asks])
        with conn.pipeline():
            conn.execute(_BEGIN)
            conn.execute(_LOCK, prepare=True)
            moment = conn.cursor(binary=True).execute(_MOMENT, prepare=True)
        # Not in the pipeline, whose end is a Flush: the server would await our next word without
        # its idle-in-transaction timeout, and a process that is stopped now would keep the lock.
        receipts = conn.cursor(binary=True).execute(_RECEIPTS, (ids,), prepare=True)
        row = moment.fetchone()
        if row is None:
            raise Unavailable("the log has no sequence")
        sequence, clock, last_position, last_state = row
        if sequence != self._sequence and last_state is not None:
            self._foreign = sequence
            self._recorded_at = max(self._recorded_at, codec.envelope(last_state).recorded_at)
        self._sequence = sequence
        self._recorded_at = max(self._recorded_at, clock.astimezone(UTC))
        known = {command_id: (mark, body) for command_id, mark, body in receipts}
        return Moment(sequence, last_position or 0, self._recorded_at, known)

    def _refresh(self, conn: Connection, asks: Sequence[Ask]) -> None:
        """Fold what others appended to the streams that this batch is about to touch."""
        get, foreign = self._cache.get, self._foreign
        stale = {
            stream_id
            for ask in asks
            for stream_id in ask.needed
            if (entry := get(stream_id)) is not None and entry.seen < foreign
        }
        if stale:
            self._fold_newer(conn, stale)
            for stream_id in stale:
                self._mark_seen(stream_id)

    def _mark_seen(self, stream_id: str) -> None:
        entry = self._cache.get(stream_id)
        if entry is not None:
            entry.seen = self._sequence

    def _decide(self, conn: Connection, batch: _Batch, ask: Ask) -> bool:
        """Give the ask its outcome; False when it needs streams that are not at hand."""
        self._view.reset(self._foreign)
        try:
            ask.outcome = self._repeated(batch, ask) or self._handled(batch, ask)
        except Cold as cold:
            self._undo(conn, batch)
            if cold.contact_id is not None:
                self._load_contact(conn, cold.contact_id)
                return self._decide(conn, batch, ask)
            if cold.stream_id is not None:
                self._cache.evict([cold.stream_id])
                self._wanted.add(cold.stream_id)
            return False
        except Exception as error:
            self._undo(conn, batch)
            ask.outcome = error
        return True

    def _repeated(self, batch: _Batch, ask: Ask) -> Answer | None:
        """The first answer again, when this command was accepted before."""
        context = ask.context
        known = batch.moment.receipts.get(context.command_id)
        if known is not None:
            if known[0] != context.fingerprint:
                raise KeyReused
            return Answer(_decode_receipt(known[1]), bytes(known[1]), replayed=True)
        first = batch.asks.get(context.command_id)
        if first is None or not isinstance(first.outcome, Answer):
            return None
        if first.context.fingerprint != context.fingerprint:
            raise KeyReused
        return Answer(first.outcome.receipt, first.outcome.body, replayed=True)

    def _handled(self, batch: _Batch, ask: Ask) -> Answer:
        command, context, view = ask.command, ask.context, self._view
        handling = self._handlers[type(command)]
        now = batch.moment.recorded_at
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
        answer = batch.add(ask, receipt, now, view)
        for contact in view.kept:
            self._contacts[contact.contact_id] = contact
        return answer

    def _undo(self, conn: Connection, batch: _Batch) -> None:
        """A command that fails after it appended leaves no trace in the folds."""
        self._dirty |= self._view.dirty
        for stream_id in self._view.dirty:
            self._cache.evict([stream_id])
            entry = self._cache.add(stream_id, self._sequence)
            for row in read_stream(conn, stream_id):
                entry.evolve(codec.event_of(row.state))
            for event in batch.pending.get(stream_id, ()):
                entry.evolve(event)

    def _commit(self, conn: Connection, batch: _Batch, companion: Companion) -> None:
        if not (batch.command_ids or companion.messages or companion.offsets):
            conn.execute("ROLLBACK")
            return
        with _doubtful(conn), conn.pipeline():
            for statement, parameters in _statements(batch, companion):
                conn.execute(statement, parameters, prepare=True)
                crash_point("A1")
            crash_point("A2")
            conn.execute("COMMIT")
        crash_point("A3")
        self._sequence, self.position = batch.sequence, batch.position

    # -- a commit without an answer

    def _settle(self, asks: Sequence[Ask], doubt: InDoubt, *, with_companion: bool) -> list[Ask]:
        """Find out whether a broken commit happened: the lock first, then the command ids."""
        self.close()
        try:
            conn = self.connection()
            moment = self._lock(conn, asks)
            conn.execute("ROLLBACK")
        except psycopg.Error as error:
            self.close()
            raise Unavailable(f"{doubt}; {error}") from error
        for ask in asks:
            ask.outcome = _settled(ask, moment)
        if with_companion:
            raise Unavailable(str(doubt))
        return [ask for ask in asks if ask.outcome is None]


def _settled(ask: Ask, moment: Moment) -> Outcome | None:
    known = moment.receipts.get(ask.context.command_id)
    if known is None:
        return None
    if known[0] != ask.context.fingerprint:
        return KeyReused()
    return Answer(_decode_receipt(known[1]), bytes(known[1]))


def _blame(error: BaseException) -> None:
    """Raise what this means for the batch, when it is a command's fault or the database's."""
    if isinstance(error, pg.DataError | pg.IntegrityError | UnicodeError):
        raise BatchRefused(str(error)) from error
    if isinstance(error, psycopg.Error):
        raise Unavailable(str(error)) from error


def _blamed(refused: BatchRefused) -> OrdinalError:
    return Invalid(f"The database cannot store this: {refused}".split("\n")[0])


@contextmanager
def _doubtful(conn: Connection) -> Iterator[None]:
    """A connection that breaks in here leaves the commit in doubt."""
    try:
        yield
    except psycopg.Error as error:
        if conn.broken or conn.closed:
            raise InDoubt(str(error)) from error
        raise


def _statements(batch: _Batch, companion: Companion) -> Iterator[tuple[str, tuple[Any, ...]]]:
    recorded_at = batch.moment.recorded_at
    if batch.states:
        yield _INSERT, _event_parameters(batch)
    if batch.command_ids:
        yield (
            _INSERT_COMMANDS,
            (
                recorded_at,
                arrays.uuid_array(batch.command_ids),
                arrays.bytea_array(batch.fingerprints),
                arrays.bytea_array(batch.receipts),
                arrays.boolean_array(batch.kept),
            ),
        )
    if batch.contacts:
        columns = zip(*batch.contacts, strict=True)
        yield _INSERT_CONTACTS, (recorded_at, *(arrays.text_array_of(column) for column in columns))
    if companion.messages:
        yield _INSERT_OUTBOX, _outbox_parameters(recorded_at, companion.messages)
    if companion.offsets:
        yield (
            _MOVE_OFFSETS,
            (
                arrays.text_array([topic for topic, _ in companion.offsets]),
                arrays.bigint_array([partition for _, partition in companion.offsets]),
                arrays.bigint_array([present for present, _ in companion.offsets.values()]),
                arrays.bigint_array([following for _, following in companion.offsets.values()]),
            ),
        )


def _event_parameters(batch: _Batch) -> tuple[Any, ...]:
    return (
        arrays.text_array_of(batch.stream_ids),
        arrays.bigint_array(batch.versions),
        arrays.text_array_of(batch.names),
        arrays.bytea_array(batch.states),
        batch.moment.sequence + 1,
        batch.sequence,
    )


def _outbox_parameters(recorded_at: datetime, messages: Sequence[OutboxMessage]) -> tuple[Any, ...]:
    return (
        recorded_at,
        arrays.text_array([message.topic for message in messages]),
        arrays.bytea_array([message.key for message in messages]),
        arrays.bytea_array([message.value for message in messages]),
        arrays.text_array([_json(message.headers).decode() for message in messages]),
    )
