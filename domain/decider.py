"""What every aggregate is made of: an initial state, a fold, and decisions as plain functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """An aggregate's fold, event by event; an event that changes nothing says so: `unchanged`.

    Folds are total: they never raise on history and read no clock. The state belongs to them: they
    change it in place, decisions only read it. `fold_version` is raised by hand when a fold
    changes meaning, which makes every snapshot of it worthless. `weight` guesses the bytes that a
    state takes in memory.
    """

    initial: Callable[[], S]
    folds: Mapping[type, Callable[[S, Any], None]]
    fold_version: int = 1
    weight: Callable[[S], int] = lambda _: 1_000

    def evolve(self, state: S, event: object) -> S:
        """An event of another category is nothing to it: each category has a fold for all of its
        own (see `domain.category`).
        """
        fold = self.folds.get(type(event))
        if fold is not None:
            fold(state, event)
        return state

    def fold(self, events: Iterable[object], state: S | None = None) -> S:
        folded = self.initial() if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded


def unchanged(state: object, event: object) -> None:
    """The fold of an event that changes no state, on purpose."""


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
