"""What every aggregate is made of: an initial state, a fold, and decisions as plain functions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """An aggregate's fold. `evolve` is total: it never raises on history and reads no clock.

    The state belongs to the fold: `evolve` changes it in place and returns it, decisions only
    read it. `fold_version` is raised by hand when a fold changes meaning, which makes every
    snapshot of it worthless. `weight` guesses the bytes that a state takes in memory.
    """

    name: str
    initial: Callable[[], S]
    evolve: Callable[[S, object], S]
    fold_version: int = 1
    weight: Callable[[S], int] = lambda _: 1_000

    def fold(self, events: Iterable[object], state: S | None = None) -> S:
        folded = self.initial() if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded


# Not frozen: one is made for each event of a replay, and frozen fields take three times as long.
@dataclass(slots=True, kw_only=True)
class Recorded:
    """One event with its envelope, as the log holds it. Times are UTC."""

    event: object
    type: str
    schema_version: int
    event_id: str
    stream_id: str
    stream_version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    channel: str | None
    command_id: str
    correlation_id: str
    causation_id: str | None
    reason: str | None = None
