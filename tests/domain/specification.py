"""given / when / then, with the same words for every aggregate.

given(STOCK_ITEM, [registered]).when(lambda item: allocate(item, ...)).then(StockAllocated(...))
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.decider import Decider
from domain.errors import OrdinalError

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision said: events, or a refusal."""

    events: list[object]
    refusal: OrdinalError | None

    def then(self, *expected: object) -> None:
        """These events and no others, in this order."""
        assert self.accepted() == list(expected)

    def then_nothing(self) -> None:
        """Accepted, and nothing had to be written."""
        assert self.accepted() == []

    def then_refused(self, error: type[OrdinalError], **details: object) -> None:
        """Exactly this error, and at least these details."""
        assert type(self.refusal) is error, f"not refused so: {self.refusal!r}, {self.events}"
        known = self.refusal.details
        assert {name: known.get(name) for name in details} == details

    def accepted(self) -> list[object]:
        """The events, for a test that looks closer."""
        if self.refusal is not None:
            raise AssertionError(f"refused: {self.refusal!r}") from self.refusal
        return self.events


@dataclass(frozen=True, slots=True)
class Given(Generic[S]):
    """A history; the state is folded anew for each question."""

    decider: Decider[S]
    history: Sequence[object]

    def when(self, decide: Callable[[S], Iterable[object]]) -> Outcome:
        """Ask; a decision that changes the state it was shown is a mistake of its own."""
        state = self.decider.fold(self.history)
        before = deepcopy(state)
        try:
            outcome = Outcome(list(decide(state)), None)
        except OrdinalError as refusal:
            outcome = Outcome([], refusal)
        assert state == before, "the decision changed the state"
        return outcome


def given(decider: Decider[S], history: Iterable[object] = ()) -> Given[S]:
    return Given(decider, tuple(history))
