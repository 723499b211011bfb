"""Messages from topics: a poll becomes transactions that move orders, answers and offsets together.

The broker says which partitions are ours; the database says where we stand in them. So a crash,
or a second process that still holds a partition, can neither lose a message nor carry it out twice.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError

from commands.handling import Answer
from consumers.consumer import Consumer
from infra.intake import sources
from infra.intake.answers import dead_because, messages_of
from infra.intake.incoming import INVALID, Incoming, Translator
from infra.intake.lost_tail import lost_from
from infra.intake.polled_batch import PolledBatch
from infra.intake.stall_detector import Watermarks
from infra.kafka.clients import KafkaUnfit, consumer, end_offsets, poll
from infra.kafka.topics import ensure_intake_topic, topic_name
from infra.runtime.settings import Settings
from infra.runtime.watchdog import Watchdog
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import BatchRefused, LogUnavailable, Writer
from infra.write_path.side_writes import Offsets, Outbox, SideWrite

BATCH = 500
POLL_MS = 200
# While messages come, a partition that is read to its end must not hold up the others; an idle
# intake asks the broker twice a second.
BUSY_WAIT_MS, IDLE_WAIT_MS = 10, 500
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
SESSION_TIMEOUT_MS = 10_000
CLOSE_LIMIT_MS = 2_000
# An offset that no record reaches.
NOT_OURS = 2**63

log = structlog.get_logger("intake")
Meanwhile = Callable[[], None]
Polled = Mapping[TopicPartition, list[Any]]


Polls = PolledBatch[Incoming]


@dataclass(slots=True)
class IntakeStatus:
    """What an intake process says of itself."""

    state: str = "starting"
    messages: int = 0
    accepted: int = 0
    refused: int = 0
    dead_letters: int = 0
    batches: int = 0
    lag: int | None = None
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
    _ahead: Polls | None = None
    _source: str = ""
    _topic_id: str = ""
    _short: frozenset[TopicPartition] = frozenset()
    _translator: Translator = field(init=False)
    _watchdog: Watchdog = field(init=False)

    @property
    def topic(self) -> str:
        return topic_name(self.settings, self.channel.topic)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; a broker or a database that is away is waited for."""
        with Watchdog(f"intake of {self.channel.channel}") as self._watchdog:
            self._run(stop)
        self.writer.close()
        self.status.state = "stopped"

    def _run(self, stop: threading.Event) -> None:
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            self._watchdog.ping()
            done = self.status.batches
            try:
                with _closing(self._subscribed()) as reader:
                    self.status.state = "running"
                    self._consume(reader, stop)
            except sources.TailMissing as error:
                self._wait(stop, LONGEST_PAUSE, "halted", error)
            except (KafkaError, KafkaUnfit, LogUnavailable, BatchRefused) as error:
                pause = SHORTEST_PAUSE if self.status.batches > done else pause
                self._wait(stop, pause, "waiting", error)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _wait(self, stop: threading.Event, pause: float, state: str, error: Exception) -> None:
        event = "intake_halts" if state == "halted" else "intake_waits"
        self.status.state, self.status.last_error = state, str(error)
        log.warning(event, channel=self.channel.channel, error=str(error))
        stop.wait(pause)

    def _subscribed(self) -> Any:
        """A new consumer: after any error another poll on the old one might not return."""
        reader = consumer(
            self.settings,
            group_id=topic_name(self.settings, f"intake.{self.channel.channel}"),
            max_poll_records=BATCH,
            fetch_max_wait_ms=BUSY_WAIT_MS,
            # How long the partitions of a killed process wait for the next one.
            session_timeout_ms=SESSION_TIMEOUT_MS,
            # Only until we have gone to our own offsets; and when retention was faster than we.
            auto_offset_reset="earliest",
        )
        self._assignment = _Assignment()
        self._ahead = None
        reader.subscribe([self.topic], listener=self._assignment)
        # Whoever joins the group before he has read of the topic is given no partition, and has
        # to join again.
        if self.topic not in reader.topics():
            reader.close(timeout_ms=CLOSE_LIMIT_MS)
            ensure_intake_topic(self.settings, self.channel.name)
            raise KafkaConnectionError(f"{self.topic} has just been created")
        return reader

    def _consume(self, reader: Any, stop: threading.Event) -> None:
        marks = Watermarks(reader, self.topic, BATCH, self._stored_offsets)

        def listen(milliseconds: int) -> Polled:
            polled: Polled = poll(reader, milliseconds)
            # The library reads this anew for each request, and has no way to be told.
            wait = BUSY_WAIT_MS if polled else IDLE_WAIT_MS
            reader._fetcher.config["fetch_max_wait_ms"] = wait
            marks.heard(polled)
            self.status.lag = marks.lag
            return polled

        while not stop.is_set():
            self._watchdog.ping()
            _finish_joining(reader)
            batch = self._ahead or self._batch_of(listen(POLL_MS))
            self._ahead = None
            if self._assignment.changed:
                self._go_to_our_offsets(reader)
            elif topic_id_of(reader, self.topic) not in {"", self._topic_id}:
                self._assignment.changed = True
            elif batch:
                polled = listen(0)
                self._process(batch, stop, partial(self._read_ahead, polled))
                self._read_ahead(polled)  # what there was no commit for

    # -- offsets

    def _go_to_our_offsets(self, reader: Any) -> None:
        """The database's offsets count, whatever the group thinks."""
        self._assignment.changed = False
        assigned = sorted(reader.assignment())
        self._know_the_topic(reader)
        stored = self._stored_offsets()
        begins = reader.beginning_offsets(assigned) if assigned else {}
        self._next = {part: stored.get(part.partition, begin) for part, begin in begins.items()}
        self._refuse_lost_messages(begins, reader)
        for part, offset in self._next.items():
            if offset < begins[part]:
                log.error("intake_messages_lost_to_retention", partition=part, offset=offset)
            reader.seek(part, max(offset, begins[part]))
        self._read = dict(self._next)
        log.info("intake_assigned", channel=self.channel.channel, partitions=len(assigned))

    def _know_the_topic(self, reader: Any) -> None:
        """Find out which topic this is; raises TailMissing while it is known to lack messages."""
        self._topic_id = topic_id_of(reader, self.topic)
        if not self._topic_id:
            raise KafkaConnectionError(f"{self.topic} is not there")
        source = sources.source_of(self.writer.read, self.topic, self._topic_id)
        if source.missing:
            raise sources.TailMissing(self.topic, source.missing)
        self._source = source.name
        self._translator = Translator(self.channel, source.name)

    def _refuse_lost_messages(self, begins: Mapping[TopicPartition, int], reader: Any) -> None:
        """Raise TailMissing for a partition that does not hold what was read of it.

        What ends too early is looked at twice: a broker that has just begun may not know better.
        """
        ends = end_offsets(reader, list(begins))
        short = frozenset(part for part, end in ends.items() if end < self._next[part])
        first, self._short = short - self._short, short
        if first:
            raise KafkaConnectionError(f"{self.topic} seems to end before what was read of it")
        read = self.writer.read
        lost = lost_from(self.settings, read, self._source, self._next, begins, ends)
        if lost:
            places = {part.partition: offset for part, offset in lost.items()}
            raise sources.note_missing(read, self.topic, self._source, places)

    def _stored_offsets(self) -> dict[int, int]:
        return sources.offsets_of(self.writer.read, self._source)

    # -- one batch

    def _batch_of(self, polled: Polled) -> Polls | None:
        """The messages that come next in partitions of ours, if there are any.

        Raises KafkaConnectionError when a partition has begun anew under us.
        """
        batch = Polls([], {})
        for part, records in polled.items():
            present = self._read.get(part, NOT_OURS)
            fresh = [record for record in records if record.offset >= present]
            if len(fresh) < len(records) and part in self._read and not self._assignment.changed:
                raise KafkaConnectionError(f"{part.topic}/{part.partition} went back")
            if fresh:
                self._read[part] = fresh[-1].offset + 1
                batch.moves[part] = (present, self._read[part])
                batch.incoming += [self._translator.incoming(record) for record in fresh]
        return batch if batch.incoming else None

    def _read_ahead(self, polled: Polled) -> None:
        self._ahead = self._ahead or self._batch_of(polled)

    def _process(self, batch: Polls, stop: threading.Event, meanwhile: Meanwhile) -> None:
        pause = 0.05
        while not stop.is_set() and not self._assignment.changed:
            try:
                self._write(batch, meanwhile)
            except LogUnavailable as error:
                self.status.last_error = str(error)
                log.warning("intake_waits", channel=self.channel.channel, error=str(error))
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            return

    def _write(self, batch: Polls, meanwhile: Meanwhile) -> None:
        if not self._follows(batch):
            self._assignment.changed = True
            return
        try:
            self._transact(batch, meanwhile)
        except BatchRefused:
            if self._overtaken(batch):
                self._assignment.changed = True
                return
            for incoming in list(batch.incoming):
                self._write_one(incoming)

    def _follows(self, batch: Polls) -> bool:
        """Whether all that was read before this has been written."""
        return all(self._next.get(part) == present for part, (present, _) in batch.moves.items())

    def _overtaken(self, batch: Polls) -> bool:
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
            incoming.refuse(f"the database refused it: {refused}", INVALID)
            self._transact(alone)

    def _transact(self, batch: Polls, meanwhile: Meanwhile | None = None) -> None:
        self._watchdog.ping()

        def side_writes(done: Sequence[CommandRequest]) -> list[SideWrite]:
            part = batch.part(done)
            moves = {(self._source, place.partition): move for place, move in part.moves.items()}
            return [Outbox(messages_of(part.incoming, self.channel.channel)), Offsets(moves)]

        try:
            self.writer.write(batch.readable, side_writes, meanwhile)
        except BaseException:
            self._done(batch.take_committed())
            raise
        self._done(batch.take_all())

    def _done(self, part: Polls) -> None:
        self._next.update((place, following) for place, (_, following) in part.moves.items())
        if part.incoming:
            self._count(part.incoming)

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
            "intake_batch", channel=self.channel.channel, messages=len(batch), accepted=accepted,
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


def topic_id_of(reader: Any, topic: str) -> str:
    """Kafka's id for the topic, as the reader last heard of it; nothing while it is deleted."""
    return str(reader._client.cluster.topic_id(topic) or "")
