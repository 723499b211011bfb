"""A reader that is polled and reads nothing, though there is something to read; and its lag."""

from collections.abc import Sequence

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from infra.intake.stall_detector import PATIENCE, Watermarks

FULL = 3
ONE, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1)


class Reader:
    """Stands where it is told to stand."""

    def __init__(self, *, at: dict[TopicPartition, int], ends: dict[TopicPartition, int]) -> None:
        self.at, self.ends = at, ends

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {part.partition for part in self.ends if part.topic == topic}

    def end_offsets(
        self, parts: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return {part: self.ends[part] for part in parts}

    def position(self, part: TopicPartition, timeout_ms: int) -> int | None:
        return self.at[part]


def marks_of(reader: Reader, stored: dict[int, int] | None = None) -> Watermarks:
    return Watermarks(reader, "orders", FULL, lambda: stored or {})


@pytest.fixture(autouse=True)
def _always_time_for_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.intake.stall_detector.INTERVAL", 0.0)


def test_what_stands_still_at_several_looks_is_named() -> None:
    marks = marks_of(Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7}))
    for _ in range(PATIENCE - 1):
        marks.heard({})
    with pytest.raises(KafkaConnectionError, match="nothing is read of orders/0 any more"):
        marks.heard({})


def test_one_stands_still_while_another_is_read() -> None:
    marks = marks_of(Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7}))
    for _ in range(PATIENCE - 1):
        marks.heard({OTHER: [1]})
    with pytest.raises(KafkaConnectionError):
        marks.heard({OTHER: [1]})


def test_what_moves_or_has_come_to_its_end_is_let_be() -> None:
    reader = Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7})
    marks = marks_of(reader)
    for _ in range(4):
        marks.heard({})
        reader.at[ONE] += 1
    for _ in range(PATIENCE + 1):
        marks.heard({})


def test_while_polls_are_full_there_is_no_telling() -> None:
    marks = marks_of(Reader(at={ONE: 5}, ends={ONE: 9}))
    for _ in range(PATIENCE * 2):
        marks.heard({})
        marks.heard({OTHER: [1, 2, 3]})


def test_lag_is_counted_from_where_the_reader_stands() -> None:
    """Behind the last message stands the marker of its transaction: nothing waits there."""
    reader = Reader(at={ONE: 5, OTHER: 8}, ends={ONE: 9, OTHER: 8})
    marks = marks_of(reader, {0: 4, 1: 7})
    marks.heard({})
    assert marks.lag == 4


def test_what_others_read_counts_from_what_they_stored() -> None:
    marks = marks_of(Reader(at={ONE: 9}, ends={ONE: 9, OTHER: 20}), {0: 9, 1: 13})
    marks.heard({})
    assert marks.lag == 7


def test_who_has_no_partitions_knows_no_lag() -> None:
    marks = marks_of(Reader(at={}, ends={ONE: 9}))
    marks.heard({})
    assert marks.lag is None
