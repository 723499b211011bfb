"""A kind of aggregate, as the machines know it: one record beside its decider."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from domain.decider import Decider
from domain.invariants import Invariants

S = TypeVar("S")


class IncompleteCategory(Exception):
    """An event without a fold, or a name that stands for two things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(Generic[S]):
    """Topic, partitions, decoders, schemas, snapshots, loading and checks all follow from this.

    Its streams are called `<name>-<id>`, or `<name>` alone where there is a `single` one. Where
    streams are `mostly_new`, one that is not at hand is short and most often does not exist yet:
    it is looked for on the way into the transaction, and nobody keeps snapshots of it.
    """

    name: str
    events: tuple[type, ...]
    decider: Decider[S]
    single: bool = False
    mostly_new: bool = False
    invariants: Invariants[S] = field(default_factory=Invariants)

    def __post_init__(self) -> None:
        differing = set(self.events) ^ set(self.decider.folds)
        if differing:
            names = ", ".join(sorted(each.__name__ for each in differing))
            raise IncompleteCategory(f"{self.name}: {names} must be an event and have a fold")

    @property
    def streams(self) -> str:
        """What its streams are called, in words for people."""
        return self.name if self.single else f"{self.name}-…"


def listed(*categories: Category[Any]) -> Mapping[str, Category[Any]]:
    """Categories by their names. Names of categories and of events stand for one thing each."""
    _refuse_twice(each.name for each in categories)
    _refuse_twice(event.__name__ for each in categories for event in each.events)
    return {each.name: each for each in categories}


def _refuse_twice(names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise IncompleteCategory(f"two things are called {name}")
        seen.add(name)


def category_name(stream_id: str) -> str:
    """The kind of aggregate of a stream: what stands before its first dash."""
    return stream_id.partition("-")[0]


def bare_id(stream_id: str) -> str:
    """What follows the first dash, the whole id when there is none."""
    return stream_id.partition("-")[2] or stream_id
