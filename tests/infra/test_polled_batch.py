"""What of a poll moves with which commands."""

from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition

from infra.intake.polled_batch import PolledBatch

A, B = TopicPartition("orders", 0), TopicPartition("orders", 1)


def message(part: TopicPartition, offset: int, unreadable: str | None = None) -> Any:
    record = SimpleNamespace(topic=part.topic, partition=part.partition, offset=offset)
    return SimpleNamespace(record=record, unreadable=unreadable, outcome=None)


def batch() -> PolledBatch[Any]:
    incoming = [
        message(A, 4, "no json"),
        message(A, 5),
        message(A, 7),
        message(B, 1, "no json"),
        message(B, 2),
        message(B, 3, "no json"),
    ]
    return PolledBatch(incoming, {A: (3, 8), B: (0, 4)})


def told(part: PolledBatch[Any]) -> tuple[list[int], object]:
    return [each.record.offset for each in part.incoming], part.moves


def test_each_part_of_the_commands_moves_what_belongs_to_it() -> None:
    polled = batch()
    first, second, third = polled.readable
    assert told(polled.part([first])) == ([4, 5], {A: (3, 6)})
    assert told(polled.part([second])) == ([7], {A: (6, 8)})
    assert told(polled.part([third])) == ([1, 2, 3], {B: (0, 4)})
    assert told(polled.part([first, second, third])) == ([4, 5, 7, 1, 2, 3], polled.moves)
    assert told(polled.part([second, third])) == ([7, 1, 2, 3], {A: (6, 8), B: (0, 4)})


def test_without_a_command_everything_moves_at_once() -> None:
    polled = PolledBatch([message(A, 3, "no json")], {A: (3, 4)})
    assert told(polled.part([])) == ([3], {A: (3, 4)})


def test_what_is_committed_is_taken_out_and_the_rest_goes_on_behind_it() -> None:
    polled = batch()
    for each in polled.readable[:2]:
        each.outcome = "accepted"
    assert told(polled.take_committed()) == ([4, 5, 7], {A: (3, 8)})
    assert told(polled) == ([1, 2, 3], {B: (0, 4)})
    assert told(polled.take_committed()) == ([], {})
    assert told(polled.take_all()) == ([1, 2, 3], {B: (0, 4)})
    assert told(polled) == ([], {})
