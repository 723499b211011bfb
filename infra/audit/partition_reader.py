"""The event topics side by side, each partition read in its own pace, in bounded memory."""

import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from infra.kafka.clients import READ_LIMIT, poll
from infra.kafka.record_headers import position_of

# Records and bytes of one read of one partition: there may be hundreds of them.
CONSUMER = {"max_poll_records": 500, "max_partition_fetch_bytes": 262_144}
POLL_MS = 20


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """What is kept of a record; a position of 0 says that it is not ours."""

    offset: int
    position: int
    digest: bytes


class PartitionReader:
    """Records of every partition from its first offset up to a fixed end.

    One partition is read at a time: the library may never read a paused one again.
    """

    def __init__(self, reader: Any, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        self._reader = reader
        self._next = {partition: begin for partition, (begin, _) in ranges.items()}
        self._ends = {partition: end for partition, (_, end) in ranges.items()}
        self._waiting: dict[TopicPartition, deque[SeenRecord]] = {each: deque() for each in ranges}

    @property
    def partitions(self) -> list[TopicPartition]:
        return list(self._ends)

    def peek(self, partition: TopicPartition) -> SeenRecord | None:
        """The next record of the partition, None at its end."""
        waiting = self._waiting[partition]
        if not waiting and self._next[partition] < self._ends[partition]:
            self._read_on(partition)
        return waiting[0] if waiting else None

    def take(self, partition: TopicPartition) -> None:
        """Go on behind the record that `peek` showed."""
        self._waiting[partition].popleft()

    def _read_on(self, partition: TopicPartition) -> None:
        end, waiting = self._ends[partition], self._waiting[partition]
        self._reader.assign([partition])
        self._reader.seek(partition, self._next[partition])
        deadline = time.monotonic() + READ_LIMIT
        while not waiting and self._next[partition] < end:
            for record in poll(self._reader, POLL_MS).get(partition, ()):
                if record.offset < end:
                    waiting.append(_seen(record))
            self._next[partition] = self._reader.position(partition)
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"nothing was heard of {partition} for {READ_LIMIT} s")


def _seen(record: Any) -> SeenRecord:
    return SeenRecord(record.offset, position_of(record) or 0, digest(record.value))


def digest(stored: bytes | None) -> bytes:
    return hashlib.sha256(stored or b"").digest()
