"""Publishes the log and the outbox to Kafka, every event once and in order.

The last record of the index topic is the checkpoint: it commits with the events it speaks of.
After any doubt the producer is thrown away, and work goes on from that record.
"""

import gc
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import psycopg
import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFencedError

from infra.kafka.clients import KafkaUnfit, consumer
from infra.kafka.index_topic import IndexRecord, encode_index
from infra.kafka.topics import ensure_topics, index_partition, topic_name
from infra.kafka.transactional_producer import Transactions
from infra.postgres import advisory_locks
from infra.postgres.connections import Connection
from infra.postgres.leader_election import Leadership, LeadershipLost
from infra.relay.outbox_reader import RelayBatch, Source, UnknownStream, connect
from infra.relay.startup_checks import (
    RelayHalted,
    last_agreed,
    refuse_unfit_process,
    refuse_unfit_store,
    settle_undecided,
)
from infra.runtime.crash_points import crash_point
from infra.runtime.settings import Settings
from infra.runtime.watchdog import Watchdog

__all__ = ["Relay", "RelayFenced", "RelayHalted", "RelayStatus"]

# Events of one transaction: while nothing waits, and when much does.
BATCH = 500
LARGE_BATCH = 4_000
# Seconds.
GROUPING_DELAY = 0.004
SHORTEST_PAUSE = 0.001
LONGEST_PAUSE = 0.020
FIRST_RETRY = 0.1
LONGEST_RETRY = 2.0
# What went well for so long begins anew as quickly as at first: brokers cut idle connections.
STEADY = 60.0
FIRST_CLEANING = 60.0
CLEANING_INTERVAL = 600.0
# Until the next one, when there was more than is deleted at once.
CLEANING_PAUSE = 1.0
# Rows: few enough that no event waits for it to be noticed.
CLEANED_AT_ONCE = 2_000
COLLECTOR_THRESHOLD = 100_000

Beat = Callable[[], None]
State = Literal["stopped", "waiting", "starting", "running", "retrying", "halted", "fenced"]

# Published rows are of no use any more; the lowest ids are the oldest ones.
_CLEAN = """
    DELETE FROM ordinal.outbox WHERE outbox_id IN (
        SELECT outbox_id FROM (
            SELECT outbox_id, recorded_at FROM ordinal.outbox
             WHERE outbox_id <= %s ORDER BY outbox_id LIMIT %s) AS oldest
         WHERE recorded_at < ordinal.clock() - interval '7 days')
"""


class OffsetsMoved(KafkaError):  # type: ignore[misc]
    """Messages were written below the offsets that the index told of: the topic lost its tail."""


class RelayFenced(Exception):
    """Another relay took over while this one was not looking: it must not go on."""


@dataclass(slots=True)
class RelayStatus:
    """What an operator wants to know; written by the relay, read by anybody."""

    state: State = "stopped"
    position: int = 0
    outbox_position: int = 0
    batches: int = 0
    events: int = 0
    errors: int = 0
    last_error: str | None = None


class Relay:
    """The one process per store that sends; others wait until its leader lock is free."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self.status = RelayStatus()
        self._conninfo = conninfo
        self._settings = settings
        self._log = structlog.get_logger().bind(part="relay")

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set.

        Raises RelayHalted, RelayFenced or KafkaUnfit when a human, or a fresh start, is needed.
        """
        try:
            refuse_unfit_process()
            with (
                _calm_collector(),
                Watchdog("relay") as watchdog,
                Leadership(self._conninfo, advisory_locks.RELAY, "relay") as leader_lock,
            ):
                while not stop.is_set():
                    self._turn("waiting")
                    if leader_lock.acquire(stop, watchdog.ping):
                        self._lead(leader_lock, stop, watchdog.ping)
        except (RelayHalted, KafkaUnfit, UnknownStream) as error:
            self._turn("halted", error)
            raise
        except RelayFenced as error:
            self._turn("fenced", error)
            raise
        self._turn("stopped")

    def _lead(self, leader_lock: Leadership, stop: threading.Event, beat: Beat) -> None:
        delay, done = FIRST_RETRY, self.status.batches
        while not stop.is_set():
            beat()
            began = time.monotonic()
            try:
                leader_lock.check()
                self._publish(leader_lock, stop, beat)
            except LeadershipLost as error:
                self._turn("waiting", error)
                return
            except ProducerFencedError as error:
                # The brokers also fence whoever was silent for too long.
                if not leader_lock.confirm():
                    raise RelayFenced("another relay took over") from error
                self._turn("retrying", error)
            except (KafkaError, psycopg.OperationalError, OSError) as error:
                self._turn("retrying", error)
            # A connection attempt that was cut short leaves its socket to the collector.
            gc.collect()
            if self.status.batches > done or time.monotonic() - began > STEADY:
                delay, done = FIRST_RETRY, self.status.batches
            stop.wait(delay)
            delay = min(delay * 2, LONGEST_RETRY)

    def _publish(self, leader_lock: Leadership, stop: threading.Event, beat: Beat) -> None:
        self._turn("starting")
        with closing(connect(self._conninfo)) as conn:
            refuse_unfit_store(conn)
            ensure_topics(self._settings)
            name = topic_name(self._settings, "relay")
            with closing(Transactions(self._settings, name, stop)) as transactions:
                with closing(consumer(self._settings)) as reader:
                    settle_undecided(transactions, reader, conn, self._settings)
                    record = last_agreed(conn, reader, self._settings)
                stretch = Publisher(conn, self._settings, transactions, record, self.status)
                self._turn("running")
                stretch.run(leader_lock.check, stop, beat)

    def _turn(self, state: State, error: Exception | None = None) -> None:
        self.status.state = state
        if error is None:
            self._log.info("relay_state", state=state)
            return
        self.status.errors += 1
        self.status.last_error = f"{type(error).__name__}: {error}"
        self._log.warning("relay_state", state=state, error=self.status.last_error)


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Look for cycles of garbage less often: with thousands of messages in flight the search took
    a fifth of the time, and found next to nothing."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECTOR_THRESHOLD, before[1], before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Publisher:
    """Goes on from an index record, with one producer, for as long as all is well."""

    def __init__(
        self,
        conn: Connection,
        settings: Settings,
        transactions: Transactions,
        record: IndexRecord,
        status: RelayStatus,
    ) -> None:
        self._conn = conn
        self._source = Source(conn, settings)
        self._transactions = transactions
        self._record = record
        self._status = status
        self._index = index_partition(settings)
        # Partitions whose last record is the end of one of our own transactions.
        self._ours: set[TopicPartition] = set()
        self._log = structlog.get_logger().bind(part="relay")
        self._limit = BATCH
        self._clean_at = time.monotonic() + FIRST_CLEANING
        self._note()

    def run(self, check: Callable[[], None], stop: threading.Event, beat: Beat) -> None:
        """Until `stop`; `check` is asked before every transaction."""
        pause, ahead = SHORTEST_PAUSE, None
        while not stop.is_set():
            beat()
            check()
            batch = ahead or self._read(self._record.to, self._record.outbox_to)
            if batch is None:
                # What a broker left undecided as it fell would stay unseen until the next event.
                self._transactions.check()
                stop.wait(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
                continue
            pause, ahead = SHORTEST_PAUSE, self._send(batch)
            self._clean_now_and_then()
            if ahead is None:
                # Events come in company; a transaction for each would cost more than it hurries.
                stop.wait(GROUPING_DELAY)

    def _read(self, position: int, outbox: int) -> RelayBatch | None:
        batch = self._source.read(position, outbox, self._limit)
        crash_point("R1")
        full = batch is not None and batch.full
        self._limit = min(self._limit * 2, LARGE_BATCH) if full else BATCH
        return batch

    def _send(self, batch: RelayBatch) -> RelayBatch | None:
        """Commit a batch; returns the next one when more is known to wait."""
        if batch.count and batch.first <= self._record.to:
            raise RelayHalted(f"asked to send position {batch.first} a second time")
        began = time.monotonic()
        self._transactions.begin({self._index, *(message[0] for message in batch.messages)})
        crash_point("R2")
        try:
            self._send_messages(batch)
            # The brokers are busy with these meanwhile.
            ahead = self._read(batch.to, batch.outbox_to) if batch.full else None
            self._record = self._send_index(batch)
        except MessageSizeTooLargeError as error:
            raise RelayHalted(f"a message up to position {batch.to} is too large") from error
        self._transactions.commit()
        crash_point("R5")
        self._tell(batch, time.monotonic() - began)
        return ahead

    def _send_messages(self, batch: RelayBatch) -> None:
        half = len(batch.messages) // 2
        self._transactions.send(batch.messages[:half])
        crash_point("R3")
        self._transactions.send(batch.messages[half:])

    def _send_index(self, batch: RelayBatch) -> IndexRecord:
        """The index goes with the events when it is known where they will be written, so that
        there is one answer to wait for; otherwise behind them.
        """
        foretold = self._foretold(batch)
        offsets = self._transactions.acknowledged() if foretold is None else foretold
        crash_point("R4")
        record, written = self._announce(self._next(batch, offsets))
        moved = {p: written[p] for p, offset in offsets.items() if written[p] != offset}
        if any(offset < offsets[partition] for partition, offset in moved.items()):
            raise OffsetsMoved(f"a batch up to position {batch.to} lies below what was foretold")
        if moved:
            # A reader that begins at the offsets told first meets too much, never too little.
            self._log.warning("others_write_here", partitions=[str(each) for each in moved])
            following = self._following(written)
            record = replace(record, from_=record.to, count=0, next_offsets=following)
            record, written = self._announce(record)
        self._ours.update(written)
        return record

    def _announce(self, record: IndexRecord) -> tuple[IndexRecord, dict[TopicPartition, int]]:
        """The record with its own offset, and the last offset of each partition written to."""
        self._transactions.send([(self._index, None, encode_index(record), [])])
        written = self._transactions.acknowledged()
        return replace(record, own_offset=written[self._index]), written

    def _foretold(self, batch: RelayBatch) -> dict[TopicPartition, int] | None:
        """The last offset in each partition of events, None when one of them is not known.

        Nobody else should write there; behind our last record stands the mark of its commit.
        """
        counts = Counter(message[0] for message in batch.messages)
        if not self._ours.issuperset(counts):
            return None
        return {
            partition: known[partition.partition] + count
            for partition, count in counts.items()
            if (known := self._record.next_offsets.get(partition.topic))
        }

    def _next(self, batch: RelayBatch, offsets: Mapping[TopicPartition, int]) -> IndexRecord:
        known = batch.count > 0
        return IndexRecord(
            from_=self._record.to,
            to=batch.to,
            count=batch.count,
            event_id=batch.event_id if known else self._record.event_id,
            hash=hashlib.sha256(batch.state).hexdigest() if known else self._record.hash,
            outbox_to=batch.outbox_to,
            store_epoch=self._record.store_epoch,
            next_offsets=self._following(offsets),
            void_after=None if known else self._record.void_after,
        )

    def _following(self, offsets: Mapping[TopicPartition, int]) -> dict[str, dict[int, int]]:
        """Where the events behind these stand."""
        following = {topic: dict(known) for topic, known in self._record.next_offsets.items()}
        for partition, offset in offsets.items():
            if partition.topic in following:
                following[partition.topic][partition.partition] = offset + 1
        return following

    def _tell(self, batch: RelayBatch, seconds: float) -> None:
        self._status.batches += 1
        self._status.events += batch.count
        self._note()
        self._log.debug(
            "relayed",
            events=batch.count,
            messages=len(batch.messages),
            position=batch.to,
            outbox_position=batch.outbox_to,
            milliseconds=round(seconds * 1000, 1),
        )

    def _note(self) -> None:
        self._status.position = self._record.to
        self._status.outbox_position = self._record.outbox_to

    def _clean_now_and_then(self) -> None:
        """However many rows a day brings, as many go."""
        if time.monotonic() < self._clean_at:
            return
        gone = self._conn.execute(_CLEAN, (self._record.outbox_to, CLEANED_AT_ONCE)).rowcount
        pause = CLEANING_INTERVAL if gone < CLEANED_AT_ONCE else CLEANING_PAUSE
        self._clean_at = time.monotonic() + pause
