"""One consumer that follows the index, for all read models of a process.

To unpack a message takes longer than to apply it. So each is unpacked once: what has arrived in
full is kept for a while, and every read model takes from there what lies behind its position.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

import structlog
from kafka.errors import KafkaError, OffsetOutOfRangeError

from infra.kafka.clients import consumer, last_records, poll
from infra.kafka.index_topic import IndexRecord, decode_index
from infra.kafka.record_headers import place_of
from infra.kafka.topics import event_partitions, index_partition
from infra.readmodels.feeds import BATCH, PATIENCE, FeedBatch, FeedLost, SharedRow, batch_of
from infra.runtime.settings import Settings
from infra.store.event_log import StoredRow

# Events that stay at hand for read models that are slower than others.
KEPT = 1_000
POLL_MS = 50
# Seconds. The records of a transaction become visible partition by partition.
GATHERING = 0.002
ARRIVAL_LIMIT = 2.0
# An old offset that is gone twice within this many seconds is not to be had by asking again.
RETRY_LIMIT = 10.0
# Without a word for so long, it is asked whether there was nothing to be said.
QUIET_LIMIT = 5.0


class Window(NamedTuple):
    """All events behind `begin` up to the last index record that was complete."""

    life: int
    begin: int
    rows: Sequence[StoredRow]
    record: IndexRecord | None

    def behind(self, position: int) -> FeedBatch | None:
        first = bisect_right(self.rows, position, key=_position)
        rows = self.rows[first : first + BATCH]
        return batch_of(rows) if rows else None

    def extended(self, rows: Sequence[StoredRow], record: IndexRecord) -> "Window":
        old = self.rows[-KEPT:]
        begin = self.begin if len(old) == len(self.rows) else self.rows[-KEPT - 1].position
        return Window(self.life, begin, [*old, *rows], record)


class Follower:
    """Shared by threads: whoever finds nothing behind its position asks Kafka, one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = structlog.get_logger().bind(part="kafka_feed")
        self._partitions = event_partitions(settings)
        self._index = index_partition(settings)
        self._turn = threading.Lock()
        self._reader: Any = None
        self._users = 0
        self._lives = 0
        self._chain = 0
        self._events: dict[int, StoredRow] = {}
        self._announced: deque[IndexRecord] = deque()
        self._waiting_since: float | None = None
        self._out_of_range = -RETRY_LIMIT
        self._heard = monotonic()
        # Replaced as a whole, so that it can be read at any time; None while nothing is followed.
        self.window: Window | None = None

    def enter(self) -> None:
        """Another read model takes part."""
        with self._turn:
            self._users += 1

    def leave(self) -> None:
        """A read model takes part no more; the last one closes the consumer."""
        with self._turn:
            self._users -= 1
            if not self._users:
                self._close()

    def newest(self) -> IndexRecord | None:
        """The last index record whose events are all here, or in Kafka while nobody follows.

        Raises FeedLost when Kafka is away.
        """
        with self._turn:
            if self.window:
                return self.window.record
            try:
                record = last_records(self._opened(), [self._index])[self._index]
            except KafkaError as error:
                raise self._lost(error) from error
            return decode_index(record.value, own_offset=record.offset) if record else None

    def join(self, record: IndexRecord | None) -> Window:
        """Follow the index from behind this record, or from its beginning, unless it is followed
        already: then the window may begin later.
        """
        with self._turn:
            if self.window:
                return self.window
            try:
                self._seek(record)
            except KafkaError as error:
                raise self._lost(error) from error
            self._lives += 1
            self._chain = record.to if record else 0
            self._events.clear()
            self._announced.clear()
            self._waiting_since = None
            self._heard = monotonic()
            self._log.info("following_index", position=self._chain)
            self.window = Window(self._lives, self._chain, (), record)
            return self.window

    def next(self, life: int, position: int, stop: threading.Event) -> FeedBatch | None:
        """What lies behind this position, within a short time. Raises FeedLost."""
        deadline = monotonic() + PATIENCE
        while not stop.is_set():
            window = self.window
            if window is None or window.life != life:
                return None
            batch = window.behind(position)
            left = deadline - monotonic()
            if batch or left <= 0:
                return batch
            if self._turn.acquire(timeout=left):
                try:
                    self._ask(window, position, stop)
                finally:
                    self._turn.release()
        return None

    def quiet(self) -> bool:
        """Whether nothing was heard for long; says so once each time."""
        if monotonic() - self._heard < QUIET_LIMIT:
            return False
        self._heard = monotonic()
        return True

    def refresh(self, life: int) -> None:
        """Look for the index's end anew."""
        with self._turn:
            if self.window and self.window.life == life:
                self.window = None

    def _ask(self, seen: Window, position: int, stop: threading.Event) -> None:
        """Ask Kafka unless another thread did while this one waited for its turn."""
        if self.window is not seen:
            return
        try:
            self._receive()
        except OffsetOutOfRangeError as error:
            self._abandon(f"offset out of range: {error}")
            self._close()  # another poll on it might not return
            if monotonic() - self._out_of_range < RETRY_LIMIT:
                raise FeedLost(f"Kafka lacks records it had: {error}") from error
            self._out_of_range = monotonic()
            return
        except KafkaError as error:
            raise self._lost(error) from error
        except BaseException:
            self._close()
            raise
        self._complete()
        if self.window is seen and self._events:
            stop.wait(GATHERING)

    def _receive(self) -> None:
        polled = poll(self._reader, POLL_MS)
        if polled:
            self._heard = monotonic()
        for place, records in polled.items():
            if place == self._index:
                self._announced.extend(
                    decode_index(record.value, own_offset=record.offset) for record in records
                )
            else:
                self._collect(records)

    def _collect(self, records: Iterable[Any]) -> None:
        for record in records:
            row = shared_row(record)
            if row is None:
                self._log.warning("foreign_record", topic=record.topic, offset=record.offset)
            elif row.position > self._chain:
                self._events[row.position] = row

    def _complete(self) -> None:
        """Take in all stretches that have arrived in full."""
        rows: list[StoredRow] = []
        last: IndexRecord | None = None
        while self._announced:
            record = self._announced[0]
            # What was said before is said again after a repair.
            if record.to > self._chain:
                stretch = self._stretch(record)
                if stretch is None:
                    break
                rows += stretch
                self._chain, last = record.to, record
            self._announced.popleft()
        if self.window and last:
            self.window = self.window.extended(rows, last)

    def _stretch(self, record: IndexRecord) -> list[StoredRow] | None:
        if record.from_ != self._chain:
            self._abandon(f"the index goes on from {record.from_}")
            return None
        rows = sorted(row for place, row in self._events.items() if place <= record.to)
        if len(rows) < record.count:
            self._wait_for(record, record.count - len(rows))
            return None
        if len(rows) > record.count:
            self._abandon(f"{len(rows)} events up to {record.to}, {record.count} were announced")
            return None
        self._waiting_since = None
        for row in rows:
            del self._events[row.position]
        return rows

    def _wait_for(self, record: IndexRecord, missing: int) -> None:
        """Abandon it when what is missing can't come any more, or does not come."""
        now = monotonic()
        self._waiting_since = self._waiting_since or now
        passed = all(
            self._reader.position(place) >= offset
            for place in self._partitions
            for offset in (record.next_offsets.get(place.topic, {}).get(place.partition, 0),)
        )
        if passed or now - self._waiting_since > ARRIVAL_LIMIT:
            self._abandon(f"{missing} of {record.count} events up to {record.to} are missing")

    def _seek(self, record: IndexRecord | None) -> None:
        offsets = record.next_offsets if record else {}
        reader = self._opened()
        reader.assign([*self._partitions, self._index])
        reader.resume(*self._partitions, self._index)
        for place in self._partitions:
            reader.seek(place, offsets.get(place.topic, {}).get(place.partition, 0))
        reader.seek(self._index, record.own_offset + 1 if record else 0)

    def _abandon(self, reason: str) -> None:
        """Kafka lacks something: what follows comes from the store."""
        self._log.warning("reading_store_instead", position=self._chain, reason=reason)
        self.window = None

    def _opened(self) -> Any:
        if self._reader is None:
            self._reader = consumer(self._settings, fetch_max_wait_ms=POLL_MS)
        return self._reader

    def _lost(self, error: KafkaError) -> FeedLost:
        self._close()
        return FeedLost(f"{type(error).__name__}: {error}")

    def _close(self) -> None:
        reader, self._reader, self.window = self._reader, None, None
        if reader is not None:
            reader.close(timeout_ms=1_000)


def shared_row(record: Any) -> SharedRow | None:
    """The event of a record, None when nobody of ours wrote it."""
    place = place_of(record)
    try:
        key = record.key.decode()
    except (AttributeError, UnicodeDecodeError):
        return None
    value = record.value or b""
    return (
        SharedRow(place.position, key, place.stream_version, place.type, value) if place else None
    )


def _position(row: StoredRow) -> int:
    return row.position
