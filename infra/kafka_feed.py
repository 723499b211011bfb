"""Events by way of Kafka, in position order.

The index topic says which events lie in each stretch of the log. A stretch is handed on when all
of it has arrived; where that cannot be, the store is read instead, up to an index record that
says from which offsets to go on.
"""

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from time import monotonic
from typing import Any

import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from infra.checkpoints import ProjectorHalted
from infra.event_log import StoredRow, read_after
from infra.feeds import BATCH, PATIENCE, PAUSE, Batch, FeedLost, batch_of
from infra.kafka import (
    IndexRecord,
    consumer,
    decode_index,
    event_partitions,
    index_topic,
    last_records,
)
from infra.sessions import connect_projector
from infra.settings import Settings

# Positions behind the index's end from which the store, which is faster, is read first.
FAR_BEHIND = 5_000
# Seconds. The records of a transaction become visible partition by partition.
ARRIVAL_LIMIT = 2.0
POLL_MS = 50
# An old offset that is gone twice within this many seconds is not to be had by asking again.
RETRY_LIMIT = 10.0


class KafkaFeed:
    """Follows the index; reads the store whenever Kafka does not have what is needed."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._settings = settings
        self._log = structlog.get_logger().bind(part="kafka_feed")
        self._partitions = event_partitions(settings)
        self._index = TopicPartition(index_topic(settings).name, 0)
        self._conn = connect_projector(conninfo, "feed")
        self._reader: Any = None
        self._target: IndexRecord | None = None
        self._following = False
        self._chain = 0
        self._events: dict[int, StoredRow] = {}
        self._announced: deque[IndexRecord] = deque()
        self._waiting_since: float | None = None
        self._out_of_range = -RETRY_LIMIT

    def next(self, position: int, stop: threading.Event) -> Batch | None:
        """Raises FeedLost when Kafka is away, ProjectorHalted when it contradicts the store."""
        try:
            if self._reader is None:
                self._reader = consumer(self._settings, fetch_max_wait_ms=POLL_MS)
            batch = None if self._following else self._catch_up(position)
            return batch or (self._follow(position, stop) if self._following else None)
        except OffsetOutOfRangeError as error:
            self._leave(f"offset out of range: {error}")
            if monotonic() - self._out_of_range < RETRY_LIMIT:
                raise FeedLost(f"Kafka lacks records it had: {error}") from error
            self._out_of_range = monotonic()
            return None
        except KafkaError as error:
            raise FeedLost(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        with closing(self._conn):
            if self._reader is not None:
                self._reader.close(timeout_ms=1_000)

    def _catch_up(self, position: int) -> Batch | None:
        """Read the store up to an index record, and go on from its offsets when it is reached."""
        if self._target is None or position >= self._target.to:
            newest = self._last_announced()
            if newest is None or newest.to - position < (FAR_BEHIND if self._target else 1):
                self._join(self._target or newest)
                return None
            self._target = newest
        rows = read_after(self._conn, position, BATCH, until=self._target.to)
        return self._agreed(rows, self._target)

    def _last_announced(self) -> IndexRecord | None:
        record = last_records(self._reader, [self._index])[self._index]
        return decode_index(record.value, own_offset=record.offset) if record else None

    def _agreed(self, rows: Iterable[StoredRow], target: IndexRecord) -> Batch | None:
        """What was read on the way to the target, which Kafka says is in the store."""
        found = list(rows)
        batch = batch_of(found) if found else None
        if batch and batch.to < target.to:
            return batch
        if target.count and (batch is None or (batch.event_id or "") != target.event_id):
            raise ProjectorHalted(
                f"Kafka holds event {target.event_id} at position {target.to}, the log does not:"
                " was a backup restored?"
            )
        if batch is None:
            self._join(target)
        return batch

    def _join(self, record: IndexRecord | None) -> None:
        """Follow the index from behind this record, or from its beginning."""
        offsets = record.next_offsets if record else {}
        self._reader.assign([*self._partitions, self._index])
        self._reader.resume(*self._partitions, self._index)
        for place in self._partitions:
            self._reader.seek(place, offsets.get(place.topic, {}).get(place.partition, 0))
        self._reader.seek(self._index, record.own_offset + 1 if record else 0)
        self._chain = record.to if record else 0
        self._events.clear()
        self._announced.clear()
        self._target = None
        self._following = True
        self._log.info("following_index", position=self._chain)

    def _leave(self, reason: str) -> None:
        """Kafka lacks something: the next batches come from the store."""
        self._log.warning("reading_store_instead", position=self._chain, reason=reason)
        self._target = None
        self._following = False

    def _follow(self, position: int, stop: threading.Event) -> Batch | None:
        if not self._announced:
            stop.wait(PAUSE)
        deadline = monotonic() + PATIENCE
        batch = self._complete(position)
        while not (batch or stop.is_set() or monotonic() > deadline) and self._following:
            self._receive()
            batch = self._complete(position)
        return batch

    def _receive(self) -> None:
        for place, records in self._reader.poll(timeout_ms=POLL_MS).items():
            if place == self._index:
                self._announced.extend(
                    decode_index(record.value, own_offset=record.offset) for record in records
                )
            else:
                self._collect(records)

    def _collect(self, records: Iterable[Any]) -> None:
        for record in records:
            row = stored_row(record)
            if row is None:
                self._log.warning("foreign_record", topic=record.topic, offset=record.offset)
            elif row.position > self._chain:
                self._events[row.position] = row

    def _complete(self, position: int) -> Batch | None:
        """The events behind this position of all stretches that have arrived in full."""
        rows: list[StoredRow] = []
        while self._announced and len(rows) < BATCH:
            record = self._announced[0]
            # What was said before is said again after a repair.
            if record.to > self._chain:
                stretch = self._stretch(record)
                if stretch is None:
                    break
                rows += stretch
                self._chain = record.to
            self._announced.popleft()
        fresh = [row for row in rows if row.position > position]
        return batch_of(fresh) if fresh else None

    def _stretch(self, record: IndexRecord) -> list[StoredRow] | None:
        if record.from_ != self._chain:
            self._leave(f"the index goes on from {record.from_}")
            return None
        rows = sorted(row for place, row in self._events.items() if place <= record.to)
        if len(rows) < record.count:
            self._wait_for(record, record.count - len(rows))
            return None
        if len(rows) > record.count:
            self._leave(f"{len(rows)} events up to {record.to}, {record.count} were announced")
            return None
        self._waiting_since = None
        for row in rows:
            del self._events[row.position]
        return rows

    def _wait_for(self, record: IndexRecord, missing: int) -> None:
        """Leave when what is missing can't come any more, or does not come."""
        now = monotonic()
        self._waiting_since = self._waiting_since or now
        passed = all(
            self._reader.position(place) >= offset
            for place in self._partitions
            for offset in (record.next_offsets.get(place.topic, {}).get(place.partition, 0),)
        )
        if passed or now - self._waiting_since > ARRIVAL_LIMIT:
            self._waiting_since = None
            self._leave(f"{missing} of {record.count} events up to {record.to} are missing")


def stored_row(record: Any) -> StoredRow | None:
    """The event of a record, None when nobody of ours wrote it."""
    headers = dict(record.headers)
    try:
        position, version = int(headers["position"]), int(headers["stream_version"])
        name = headers["type"].decode()
        return StoredRow(position, record.key.decode(), version, name, record.value or b"")
    except (KeyError, ValueError, AttributeError):
        return None
