"""Our own past as a source of commands: what happened, and what is to be done about it, purely."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.decider import Decider, Recorded

S = TypeVar("S")


class View(Protocol):
    """Streams as they were a moment ago; a command decides again on what they are by then."""

    def state(self, decider: Decider[S], stream_id: str) -> S:
        """The stream's state; the decider's initial one when nothing was recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """The stream is to be looked at when this moment has come."""

    stream_id: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every stream whose id begins so is to be looked at, one portion after the other."""

    prefix: str


FollowUps = Iterable[object]
"""Commands, deadlines and sweeps."""


def _none(view: View) -> tuple[type, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A rule that is kept by commands of our own.

    `react` says what follows from one of the `events`, `look` what the present state of one stream
    calls for. Neither has a clock of its own: an event has the time at which it was recorded, a
    look is told the time. Their `commands` are right at any time, however late and however often;
    equal ones that come together are carried out once. When it is switched on, all streams that
    begin with one of `sweeps` are looked at. Events that are `quiet` call for nothing as things
    stand, and need not be read.
    """

    name: str
    about: str
    events: tuple[type, ...]
    react: Callable[[Recorded, View], FollowUps]
    look: Callable[[str, View, datetime], FollowUps]
    sweeps: tuple[str, ...]
    commands: tuple[type, ...]
    quiet: Callable[[View], Collection[type]] = _none

    def command_named(self, name: str) -> type:
        """Raises LookupError for a command that this reaction does not give."""
        return {each.__name__: each for each in self.commands}[name]


Reactions = Mapping[str, Reaction]


def listed(*reactions: Reaction) -> dict[str, Reaction]:
    """By name. Raises ValueError when two are called alike: they would stand at one place."""
    named: dict[str, Any] = {each.name: each for each in reactions}
    if len(named) < len(reactions):
        raise ValueError("two reactions share a name")
    return named
