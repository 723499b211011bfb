"""What must hold of the whole log, stream by stream and across them: each category says its own.

Pure, so that the checker of a store, a test and a soak hold history against the same rules.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.decider import Decider

S = TypeVar("S")
Entry = tuple[str, int]
"""An account that several streams keep together, and the units that one of them books on it."""


def _nothing(*_: object) -> Iterator[Any]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariants(Generic[S]):
    """Breaches, in words, of what one category promises.

    `allowed` looks at an event and the state before it, `at_rest` at a stream's state and all of
    its events. The entries that `books` names add up to nothing over the whole log.
    """

    allowed: Callable[[S, object], Iterable[str]] = _nothing
    at_rest: Callable[[S, Sequence[object]], Iterable[str]] = _nothing
    books: Callable[[str, S], Iterable[Entry]] = _nothing


class Books:
    """Takes whole streams one by one, and what all of them must say together in the end."""

    def __init__(self) -> None:
        self._accounts: Counter[str] = Counter()

    def take(
        self,
        stream_id: str,
        decider: Decider[S],
        invariants: Invariants[S],
        events: Sequence[object],
    ) -> Iterator[str]:
        state = decider.initial()
        for number, event in enumerate(events, start=1):
            for breach in invariants.allowed(state, event):
                yield f"{stream_id} at version {number}: {breach}"
            state = decider.evolve(state, event)
        for breach in invariants.at_rest(state, events):
            yield f"{stream_id}: {breach}"
        for account, units in invariants.books(stream_id, state):
            self._accounts[account] += units

    def close(self) -> Iterator[str]:
        for account, units in self._accounts.items():
            if units:
                yield f"{account}: both sides disagree by {units} units"
