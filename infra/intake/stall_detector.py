"""How far a reader is behind, and noticing that it has stopped reading without saying so."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from infra.kafka.clients import REQUEST_TIMEOUT_MS, end_offsets

# Seconds between two looks at what there is to read.
INTERVAL = 5.0
# Looks at which a partition stands still, though there is more.
PATIENCE = 3


class Watermarks:
    """Compares where one reader stands with where its partitions end.

    When a connection breaks at the wrong moment the library may wait for an answer for ever: it is
    polled, its group believes in it, and nothing comes. As long as polls are full there is no
    telling, since other partitions may have to wait for their turn.

    `lag` counts what waits in all partitions of the topic: in ours from where the reader stands,
    which is behind the markers of transactions, in those of others from what is stored of them.
    """

    def __init__(
        self, reader: Any, topic: str, full: int, stored: Callable[[], Mapping[int, int]]
    ) -> None:
        self._reader, self._topic, self._full, self._stored = reader, topic, full, stored
        self._looked = monotonic()
        self._busy = False
        self._behind: dict[TopicPartition, tuple[int, int]] = {}
        self.lag: int | None = None

    def heard(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """To be told of every poll. Raises KafkaConnectionError when a partition stands still,
        though there is more to read in it.
        """
        self._busy = self._busy or sum(map(len, polled.values())) >= self._full
        if (now := monotonic()) - self._looked >= INTERVAL:
            self._looked, busy, self._busy = now, self._busy, False
            self._look(busy)

    def _look(self, busy: bool) -> None:
        ends = end_offsets(self._reader, self._partitions())
        positions = self._positions()
        self.lag = self._lag(ends, positions)
        before, self._behind = self._behind, {}
        for part, position in positions.items():
            if not busy and position < ends.get(part, 0):
                stood, looks = before.get(part, (position, 0))
                self._behind[part] = (position, looks + 1 if stood == position else 1)
        still = [part for part, (_, looks) in self._behind.items() if looks >= PATIENCE]
        if still:
            names = ", ".join(f"{part.topic}/{part.partition}" for part in sorted(still))
            raise KafkaConnectionError(f"nothing is read of {names} any more, though there is more")

    def _partitions(self) -> list[TopicPartition]:
        numbers = self._reader.partitions_for_topic(self._topic) or ()
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def _positions(self) -> dict[TopicPartition, int]:
        found = {
            part: self._reader.position(part, timeout_ms=REQUEST_TIMEOUT_MS)
            for part in self._reader.assignment()
        }
        return {part: position for part, position in found.items() if position is not None}

    def _lag(
        self, ends: Mapping[TopicPartition, int], positions: Mapping[TopicPartition, int]
    ) -> int | None:
        if not positions:
            return None
        others = {} if positions.keys() >= ends.keys() else self._stored()
        return sum(
            max(0, end - positions.get(part, others.get(part.partition, 0)))
            for part, end in ends.items()
        )
