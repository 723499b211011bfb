"""Noticing that a reader has stopped reading without saying so."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from infra.kafka.clients import REQUEST_TIMEOUT_MS

# Seconds between two looks at what there is to read.
INTERVAL = 10.0


class Silence:
    """Watches the partitions of one reader, which is polled all the time.

    When a connection breaks at the wrong moment the library may wait for an answer for ever: it is
    polled, its group believes in it, and nothing comes. As long as polls are full there is no
    telling, since other partitions may have to wait for their turn.
    """

    def __init__(self, reader: Any, full: int) -> None:
        self._reader, self._full = reader, full
        self._looked = monotonic()
        self._behind: dict[TopicPartition, int] = {}

    def heard(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """To be told of every poll. Raises KafkaConnectionError when a partition stands still at
        two looks, though there is more to read in it.
        """
        now = monotonic()
        if sum(map(len, polled.values())) >= self._full:
            self._looked = now
            self._behind.clear()
        elif now - self._looked >= INTERVAL:
            self._looked = now
            self._look()

    def _look(self) -> None:
        parts = list(self._reader.assignment())
        ends = self._reader.end_offsets(parts, timeout_ms=REQUEST_TIMEOUT_MS) if parts else {}
        behind = {}
        for part, end in ends.items():
            position = self._reader.position(part, timeout_ms=REQUEST_TIMEOUT_MS)
            if position is not None and position < end:
                behind[part] = position
        still = [part for part, position in behind.items() if self._behind.get(part) == position]
        self._behind = behind
        if still:
            names = ", ".join(f"{part.topic}/{part.partition}" for part in sorted(still))
            raise KafkaConnectionError(f"nothing is read of {names} any more, though there is more")
