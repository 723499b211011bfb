"""The messages of one poll, and which of them a transaction carries out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from kafka import TopicPartition

from infra.write_path.append_batch import CommandRequest

Moves = dict[TopicPartition, tuple[int, int]]


class Message(Protocol):
    """A message with its command; one that is unreadable has none."""

    record: Any
    outcome: Any

    @property
    def unreadable(self) -> str | None: ...


M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class PolledBatch(Generic[M]):
    """What one poll brought, and from where to where it moves each partition's offset.

    `incoming` and `moves` are what is left of it to be carried out.
    """

    incoming: list[M]
    moves: Moves

    @property
    def readable(self) -> list[M]:
        return [each for each in self.incoming if each.unreadable is None]

    def part(self, done: Sequence[CommandRequest]) -> "PolledBatch[M]":
        """What one transaction carries out with these commands: they, and what is unreadable in
        front of each, or behind the last one that there is.
        """
        places = {id(each): place for place, each in enumerate(self.incoming)}
        if not done:
            return self._cut(0, len(self.incoming))
        begin, end = places[id(done[0])], places[id(done[-1])] + 1
        while begin and self.incoming[begin - 1].unreadable is not None:
            begin -= 1
        if all(each.unreadable is not None for each in self.incoming[end:]):
            end = len(self.incoming)
        return self._cut(begin, end)

    def take_committed(self) -> "PolledBatch[M]":
        """Remove and return what has been carried out, when the rest could not be."""
        outcomes = [
            place for place, each in enumerate(self.incoming, 1) if each.outcome is not None
        ]
        return self._take(max(outcomes, default=0))

    def take_all(self) -> "PolledBatch[M]":
        return self._take(len(self.incoming))

    def _take(self, count: int) -> "PolledBatch[M]":
        taken, rest = self._cut(0, count), self._cut(count, len(self.incoming))
        self.incoming, self.moves = rest.incoming, rest.moves
        return taken

    def _cut(self, begin: int, end: int) -> "PolledBatch[M]":
        stands = {part: present for part, (present, _) in self.moves.items()}
        for each in self.incoming[:begin]:
            stands[_part(each)] = each.record.offset + 1
        moves: Moves = {}
        for each in self.incoming[begin:end]:
            part = _part(each)
            present = moves[part][0] if part in moves else stands[part]
            moves[part] = (present, each.record.offset + 1)
        return PolledBatch(self.incoming[begin:end], moves)


def _part(message: Message) -> TopicPartition:
    return TopicPartition(message.record.topic, message.record.partition)
