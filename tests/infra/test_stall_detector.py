"""A reader that is polled and reads nothing, though there is something to read."""

from collections.abc import Sequence

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from infra.intake.stall_detector import Silence

FULL = 3
ONE, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1)


class Reader:
    """Stands where it is told to stand."""

    def __init__(self, *, at: dict[TopicPartition, int], ends: dict[TopicPartition, int]) -> None:
        self.at, self.ends = at, ends
        self.looks = 0

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    def end_offsets(
        self, parts: Sequence[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        self.looks += 1
        return {part: self.ends[part] for part in parts}

    def position(self, part: TopicPartition, timeout_ms: int) -> int | None:
        return self.at[part]


@pytest.fixture(autouse=True)
def _always_time_for_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.intake.stall_detector.INTERVAL", 0.0)


def test_what_stands_still_at_two_looks_is_named() -> None:
    silence = Silence(Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7}), FULL)
    silence.heard({})
    with pytest.raises(KafkaConnectionError, match="nothing is read of orders/0 any more"):
        silence.heard({})


def test_one_stands_still_while_another_is_read() -> None:
    silence = Silence(Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7}), FULL)
    silence.heard({OTHER: [1]})
    with pytest.raises(KafkaConnectionError):
        silence.heard({OTHER: [1]})


def test_what_moves_or_has_come_to_its_end_is_let_be() -> None:
    reader = Reader(at={ONE: 5, OTHER: 7}, ends={ONE: 9, OTHER: 7})
    silence = Silence(reader, FULL)
    for _ in range(4):
        silence.heard({})
        reader.at[ONE] += 1
    silence.heard({})
    silence.heard({})


def test_while_polls_are_full_there_is_no_telling() -> None:
    reader = Reader(at={ONE: 5}, ends={ONE: 9})
    silence = Silence(reader, FULL)
    for _ in range(3):
        silence.heard({})
        silence.heard({OTHER: [1, 2, 3]})
    assert reader.looks == 3


def test_without_partitions_nothing_is_asked() -> None:
    reader = Reader(at={}, ends={})
    Silence(reader, FULL).heard({})
    assert reader.looks == 0
