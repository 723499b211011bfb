"""Given events, when event, then commands: what a reaction is held against."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from consumers.reaction import Reaction
from domain.decider import Decider, Recorded
from tests.domain.stock.histories import NOW

S = TypeVar("S")


@dataclass(slots=True)
class Case:
    """What happened so far in each stream, and what the reaction wants done about it."""

    reaction: Reaction
    streams: dict[str, list[object]] = field(default_factory=dict)
    found: list[object] = field(default_factory=list)

    def state(self, decider: Decider[S], stream_id: str) -> S:
        return decider.fold(self.streams.get(stream_id, []))

    def given(self, stream_id: str, *events: object) -> "Case":
        self.streams.setdefault(stream_id, []).extend(events)
        return self

    def when(self, stream_id: str, event: object, *, told: datetime = NOW) -> "Case":
        """It happened, and was recorded at this time."""
        assert type(event) in self.reaction.events, f"{event} would not set it off"
        self.given(stream_id, event)
        self.found = list(self.reaction.react(_recorded(stream_id, event, told), self))
        if type(event) in self.reaction.quiet(self):
            assert self.found == [], f"{event} would not be read"
        return self

    def when_looked_at(self, stream_id: str, now: datetime = NOW) -> "Case":
        self.found = list(self.reaction.look(stream_id, self, now))
        return self

    def then(self, *wanted: object) -> "Case":
        assert self.found == list(wanted)
        return self

    def then_nothing(self) -> "Case":
        return self.then()


def specified(reaction: Reaction) -> Callable[[], Case]:
    """Where each case of a reaction begins."""
    return lambda: Case(reaction)


def _recorded(stream_id: str, event: object, told: datetime) -> Recorded:
    return Recorded(
        event=event,
        type=type(event).__name__,
        schema_version=1,
        event_id=str(UUID(int=7)),
        stream_id=stream_id,
        stream_version=1,
        position=7,
        occurred_at=told,
        recorded_at=told,
        actor="ada",
        channel=None,
        command_id=str(UUID(int=8)),
        correlation_id="test",
        causation_id=None,
    )
