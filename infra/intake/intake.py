"""Orders from topics: a poll becomes transactions that move orders, answers and offsets together.

The broker says which partitions are ours; the database says where we stand in them. So a crash,
or a second process that still holds a partition, can neither lose a message nor carry it out twice.
"""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog
from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from commands.handling import Answer, Context
from consumers.consumer import Consumer, DeadLetter, IntakeResult, Unreadable
from domain.errors import Invalid, OrdinalError, ReferenceReused
from domain.making import maker
from domain.values import LONGEST_TEXT, ORDINAL_NAMESPACE, named_uuid
from infra.intake.message_decoders import decoder_of
from infra.intake.stall_detector import Silence
from infra.kafka.clients import consumer, poll
from infra.kafka.topics import DEAD_LETTERS, INTAKE_RESULTS, topic_name
from infra.runtime.settings import Settings
from infra.runtime.watchdog import Watchdog
from infra.write_path.append_batch import CommandRequest, OutboxMessage, SideWrite
from infra.write_path.group_commit import BatchRefused, LogUnavailable, Writer

BATCH = 500
POLL_MS = 200
LONGEST_PAUSE = 2.0
SESSION_TIMEOUT_MS = 10_000
CLOSE_LIMIT_MS = 2_000
# Characters. An error may repeat what it is about, which may be as long as a message.
LONGEST_REASON = 1_000
# An offset that no record reaches.
NOT_OURS = 2**63
EXPECTED = (msgspec.MsgspecError, UnicodeDecodeError, Unreadable, Invalid)

log = structlog.get_logger("intake")
_context = maker(Context)
_json = msgspec.json.Encoder().encode
Decode = Callable[[bytes], Any]
Meanwhile = Callable[[], None]
Polled = Mapping[TopicPartition, list[Any]]


@dataclass(slots=True, eq=False)
class Incoming(CommandRequest):
    """One message: a command, or the reason why it cannot become one."""

    record: Any = None
    unreadable: str | None = None


@dataclass(slots=True)
class PolledBatch:
    """What one poll brought, and from where to where it moves each partition's offset."""

    incoming: list[Incoming]
    moves: dict[TopicPartition, tuple[int, int]]


@dataclass(slots=True)
class IntakeStatus:
    """What an intake process says of itself."""

    state: str = "starting"
    messages: int = 0
    accepted: int = 0
    refused: int = 0
    dead_letters: int = 0
    batches: int = 0
    last_error: str | None = None


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Only notes that partitions came or went; the poll loop does the work."""

    def __init__(self) -> None:
        self.changed = True

    def on_partitions_revoked(self, revoked: object) -> None:
        self.changed = True

    def on_partitions_assigned(self, assigned: object) -> None:
        self.changed = True


@dataclass(slots=True)
class Intake:
    """One process's share of a channel's topic.

    The next messages are translated while the database commits the ones before; `_read` is where
    the former stand, `_next` the latter.
    """

    settings: Settings
    channel: Consumer
    writer: Writer
    status: IntakeStatus = field(default_factory=IntakeStatus)
    _assignment: _Assignment = field(default_factory=_Assignment)
    _next: dict[TopicPartition, int] = field(default_factory=dict)
    _read: dict[TopicPartition, int] = field(default_factory=dict)
    _ahead: PolledBatch | None = None
    _watchdog: Watchdog = field(init=False)

    @property
    def topic(self) -> str:
        return topic_name(self.settings, self.channel.topic)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; a broker or a database that is away is waited for."""
        with Watchdog(f"intake of {self.channel.name}") as self._watchdog:
            self._run(stop)
        self.writer.close()
        self.status.state = "stopped"

    def _run(self, stop: threading.Event) -> None:
        pause = 0.1
        while not stop.is_set():
            self._watchdog.ping()
            try:
                with _closing(self._subscribed()) as reader:
                    self.status.state = "running"
                    self._consume(reader, stop)
            except (KafkaError, LogUnavailable, BatchRefused) as error:
                self.status.state, self.status.last_error = "waiting", str(error)
                log.warning("intake_waits", channel=self.channel.name, error=str(error))
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _subscribed(self) -> Any:
        reader = consumer(
            self.settings,
            group_id=topic_name(self.settings, f"intake.{self.channel.name}"),
            max_poll_records=BATCH,
            fetch_max_wait_ms=10,
            # How long the partitions of a killed process wait for the next one.
            session_timeout_ms=SESSION_TIMEOUT_MS,
            # Only until we have gone to our own offsets; and when retention was faster than we.
            auto_offset_reset="earliest",
        )
        self._assignment = _Assignment()
        reader.subscribe([self.topic], listener=self._assignment)
        # Whoever joins the group before he has read of the topic is given no partition, and has
        # to join again.
        if self.topic not in reader.topics():
            reader.close(timeout_ms=CLOSE_LIMIT_MS)
            raise UnknownTopicOrPartitionError(self.topic)
        return reader

    def _consume(self, reader: Any, stop: threading.Event) -> None:
        decode: Decode = decoder_of(self.channel.message)
        silence = Silence(reader, BATCH)

        def listen(milliseconds: int) -> Polled:
            polled: Polled = poll(reader, milliseconds)
            silence.heard(polled)
            return polled

        while not stop.is_set():
            self._watchdog.ping()
            _finish_joining(reader)
            batch = self._ahead or self._batch_of(listen(POLL_MS), decode)
            self._ahead = None
            if self._assignment.changed:
                self._go_to_our_offsets(reader)
            elif batch:
                polled = listen(0)
                self._process(batch, stop, partial(self._read_ahead, polled, decode))
                self._read_ahead(polled, decode)  # what there was no commit for

    # -- offsets

    def _go_to_our_offsets(self, reader: Any) -> None:
        """The database's offsets count, whatever the group thinks."""
        self._assignment.changed = False
        assigned = sorted(reader.assignment())
        stored = self._stored_offsets()
        begins = reader.beginning_offsets(assigned) if assigned else {}
        self._next = {part: stored.get(part.partition, begin) for part, begin in begins.items()}
        for part, offset in self._next.items():
            if offset < begins[part]:
                log.error("intake_messages_lost_to_retention", partition=part, offset=offset)
            reader.seek(part, max(offset, begins[part]))
        self._read = dict(self._next)
        log.info("intake_assigned", channel=self.channel.name, partitions=len(assigned))

    def _stored_offsets(self) -> dict[int, int]:
        rows = self.writer.read(
            "SELECT partition, next_offset FROM ordinal.intake_offsets WHERE topic = %s",
            (self.topic,),
        )
        return dict(rows)

    # -- one batch

    def _batch_of(self, polled: Polled, decode: Decode) -> PolledBatch | None:
        """The messages that come next in partitions of ours, if there are any."""
        batch = PolledBatch([], {})
        for part, records in polled.items():
            present = self._read.get(part, NOT_OURS)
            fresh = [record for record in records if record.offset >= present]
            if fresh:
                self._read[part] = fresh[-1].offset + 1
                batch.moves[part] = (present, self._read[part])
                batch.incoming += [self._incoming(record, decode) for record in fresh]
        return batch if batch.incoming else None

    def _read_ahead(self, polled: Polled, decode: Decode) -> None:
        self._ahead = self._ahead or self._batch_of(polled, decode)

    def _process(self, batch: PolledBatch, stop: threading.Event, meanwhile: Meanwhile) -> None:
        pause = 0.05
        while not stop.is_set() and not self._assignment.changed:
            try:
                self._write(batch, meanwhile)
            except LogUnavailable as error:
                self.status.last_error = str(error)
                log.warning("intake_waits", channel=self.channel.name, error=str(error))
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            if not self._assignment.changed:
                self._count(batch.incoming)
            return

    def _write(self, batch: PolledBatch, meanwhile: Meanwhile) -> None:
        if not self._follows(batch):
            self._assignment.changed = True
            return
        try:
            self._transact(batch, meanwhile)
        except BatchRefused:
            if self._overtaken(batch):
                self._assignment.changed = True
                return
            for incoming in batch.incoming:
                self._write_one(incoming)

    def _follows(self, batch: PolledBatch) -> bool:
        """Whether all that was read before this has been written."""
        return all(self._next.get(part) == present for part, (present, _) in batch.moves.items())

    def _overtaken(self, batch: PolledBatch) -> bool:
        """Whether another process has moved an offset of ours: then these are not ours any more."""
        stored = self._stored_offsets()
        return any(
            stored.get(part.partition, present) != present
            for part, (present, _) in batch.moves.items()
        )

    def _write_one(self, incoming: Incoming) -> None:
        record = incoming.record
        part = TopicPartition(record.topic, record.partition)
        alone = PolledBatch([incoming], {part: (self._next[part], record.offset + 1)})
        try:
            self._transact(alone)
        except BatchRefused as refused:
            incoming.unreadable = f"the database refused it: {refused}"
            self._transact(alone)

    def _transact(self, batch: PolledBatch, meanwhile: Meanwhile | None = None) -> None:
        self._watchdog.ping()
        asks = [incoming for incoming in batch.incoming if incoming.unreadable is None]
        self.writer.write(
            asks, lambda _: SideWrite(self._messages(batch.incoming), batch.moves), meanwhile
        )
        self._next.update((part, following) for part, (_, following) in batch.moves.items())

    def _incoming(self, record: Any, decode: Decode) -> Incoming:
        try:
            message = decode(record.value or b"")
            command = self.channel.to_command(message)
            when = self.channel.occurred_at
            context = self._context(record, when(message) if when else None)
            return Incoming(command, context, record=record)
        except Exception as error:
            # Whatever a message does to its translation, it must not block those behind it.
            why = f"{error}" if isinstance(error, EXPECTED) else f"{type(error).__name__}: {error}"
            why = why[:LONGEST_REASON]
            return Incoming(None, self._context(record, None), record=record, unreadable=why)

    def _context(self, record: Any, occurred_at: datetime | None) -> Context:
        coordinates = f"{record.topic}/{record.partition}/{record.offset}"
        return _context(
            command_id=named_uuid(ORDINAL_NAMESPACE, f"intake/{coordinates}"),
            actor=f"intake:{self.channel.name}",
            channel=self.channel.name,
            correlation_id=coordinates,
            occurred_at=occurred_at,
            fingerprint=hashlib.sha256(record.value or b"").digest(),
            kept=True,
        )

    # -- what goes out

    def _messages(self, batch: Sequence[Incoming]) -> list[OutboxMessage]:
        messages = []
        for incoming in batch:
            if incoming.unreadable is None:
                messages.append(self._result(incoming))
            if (reason := dead_because(incoming)) is not None:
                messages.append(dead_letter(incoming.record, reason))
        return messages

    def _result(self, incoming: Incoming) -> OutboxMessage:
        outcome, record = incoming.outcome, incoming.record
        reference = _told(incoming.command.reference)
        accepted = isinstance(outcome, Answer)
        result = IntakeResult(
            channel=self.channel.name,
            reference=reference,
            status="accepted" if accepted else "refused",
            order_id=outcome.receipt.id if isinstance(outcome, Answer) else None,
            position=outcome.receipt.position if isinstance(outcome, Answer) else None,
            error=None if accepted else type(outcome).__name__,
            why=None if accepted else str(outcome),
            source_topic=record.topic,
            source_partition=record.partition,
            source_offset=record.offset,
        )
        return OutboxMessage(INTAKE_RESULTS, (reference or "").encode(), _json(result), {})

    def _count(self, batch: Sequence[Incoming]) -> None:
        accepted = sum(isinstance(incoming.outcome, Answer) for incoming in batch)
        dead = sum(dead_because(incoming) is not None for incoming in batch)
        status = self.status
        status.messages += len(batch)
        status.accepted += accepted
        status.refused += len(batch) - accepted
        status.dead_letters += dead
        status.batches += 1
        log.info(
            "intake_batch", channel=self.channel.name, messages=len(batch), accepted=accepted,
            dead_letters=dead,
        )  # fmt: skip
        for incoming in batch:
            if not isinstance(incoming.outcome, Answer):
                log.info(
                    "intake_refused",
                    correlation_id=incoming.context.correlation_id,
                    why=incoming.unreadable or str(incoming.outcome),
                )


@contextmanager
def _closing(reader: Any) -> Iterator[Any]:
    """The library's own close waits for half a minute when the group is just being joined."""
    try:
        yield reader
    finally:
        reader.close(timeout_ms=CLOSE_LIMIT_MS)


def _finish_joining(reader: Any) -> None:
    """Let no answer of the group get lost.

    The library forgets that it is joining when the answer comes between two polls, unless the
    group itself had called for it: it would stay without partitions, and say nothing.
    """
    coordinator = reader._coordinator
    if coordinator.rejoining:
        coordinator.rejoin_needed = True


def dead_because(incoming: Incoming) -> str | None:
    """Why this is for the dead letters: a conflict with stock is an answer, not a dead letter."""
    outcome = incoming.outcome
    if incoming.unreadable is not None:
        return f"unreadable: {incoming.unreadable}"
    if isinstance(outcome, Invalid | ReferenceReused) or (
        isinstance(outcome, Exception) and not isinstance(outcome, OrdinalError)
    ):
        return f"{type(outcome).__name__}: {outcome}"
    return None


def dead_letter(record: Any, reason: str) -> OutboxMessage:
    """The message with its reason, its coordinates and its very bytes."""
    coordinates = f"{record.topic}/{record.partition}/{record.offset}"
    identity = str(named_uuid(ORDINAL_NAMESPACE, f"dead-letter/{coordinates}"))
    letter = DeadLetter(
        id=identity,
        reason=reason[:LONGEST_REASON],
        error=reason.partition(":")[0],
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        key_base64=_base64(record.key),
        value_base64=_base64(record.value),
        received_at=_at(record.timestamp),
    )
    return OutboxMessage(DEAD_LETTERS, identity.encode(), _json(letter), {})


def _told(reference: str | None) -> str | None:
    """What is too long for a reference would make an answer that is too long for its topic."""
    return reference if reference is not None and len(reference) <= LONGEST_TEXT else None


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _at(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
