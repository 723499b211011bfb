"""A log in memory: a small real implementation of what handlers are given."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from commands.handling import Contact, ContactId, Context, Handlers, Receipt
from domain.categories import decider_of
from domain.decider import Decider
from domain.errors import StaleVersion

S = TypeVar("S")

CONTEXT = Context(command_id=UUID(int=1), actor="ada", correlation_id="test")


class NotDeclared(AssertionError):
    """The handler touched a stream that its `needs` did not name."""


@dataclass(slots=True)
class MemoryLog:
    """Every stream's events, in order of recording; a refused command leaves no trace."""

    handlers: Handlers
    recorded: list[tuple[str, object]] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    vault: dict[str, Contact] = field(default_factory=dict)

    def given(self, stream_id: str, *events: object) -> "MemoryLog":
        """Let this have happened before."""
        self.recorded.extend((stream_id, event) for event in events)
        self.times.extend(None for _ in events)
        return self

    def time_of(self, kind: type) -> datetime | None:
        """When the last event of this kind happened."""
        found = zip(reversed(self.recorded), reversed(self.times), strict=True)
        return next(at for (_, event), at in found if isinstance(event, kind))

    def events(self, stream_id: str) -> list[object]:
        return [event for owner, event in self.recorded if owner == stream_id]

    def state(self, decider: Decider[S], stream_id: str) -> S:
        return decider.fold(self.events(stream_id))

    def handle(self, command: object, context: Context, now: datetime) -> Receipt:
        """Load what the command needs, decide, and record all of it or nothing."""
        handling = self.handlers[type(command)]
        unit = self.load(command)
        target = handling.target(command)
        self.check_reach(command, context)
        _check_version(unit.version(target), context)
        decided = context.occurred_at or now
        receipt = handling.handle(command, unit, context, decided)
        self.recorded.extend(unit.appended)
        self.times.extend(at or decided for at in unit.stated)
        self.vault.update(unit.kept)
        return replace(receipt, version=unit.version(target), position=len(self.recorded))

    def check_reach(self, command: object, context: Context) -> None:
        """Refuse what the caller does not reach, as if it were not there."""
        self.handlers[type(command)].check_reach(command, self.load(command), context.reach)

    def load(self, command: object) -> "MemoryStreams":
        """The streams that the command declares, round by round."""
        unit = MemoryStreams(self)
        for names in self.handlers[type(command)].needs(command, unit):
            for name in names:
                if not isinstance(name, ContactId):
                    unit.loaded[name] = self.events(name)
        return unit


def _check_version(version: int, context: Context) -> None:
    if context.expected_version not in (None, version):
        raise StaleVersion(version=version)


@dataclass(slots=True)
class MemoryStreams:
    """The streams of one command."""

    log: MemoryLog
    loaded: dict[str, list[object]] = field(default_factory=dict)
    states: dict[str, object] = field(default_factory=dict)
    appended: list[tuple[str, object]] = field(default_factory=list)
    stated: list[datetime | None] = field(default_factory=list)
    kept: dict[str, Contact] = field(default_factory=dict)

    def state(self, decider: Decider[S], stream_id: str) -> S:
        self._declared(stream_id)
        if stream_id not in self.states:
            self.states[stream_id] = decider.fold(self.loaded[stream_id])
        state: S = self.states[stream_id]  # type: ignore[assignment]
        return state

    def version(self, stream_id: str) -> int:
        self._declared(stream_id)
        return len(self.loaded[stream_id]) + sum(s == stream_id for s, _ in self.appended)

    def append(
        self, stream_id: str, events: Iterable[object], *, at: datetime | None = None
    ) -> None:
        decider = decider_of(stream_id)
        for event in events:
            self.states[stream_id] = decider.evolve(self.state(decider, stream_id), event)
            self.appended.append((stream_id, event))
            self.stated.append(at)

    def contact(self, contact_id: str) -> Contact | None:
        return self.kept.get(contact_id) or self.log.vault.get(contact_id)

    def keep_contact(self, contact: Contact) -> None:
        self.kept[contact.contact_id] = contact

    def _declared(self, stream_id: str) -> None:
        if stream_id not in self.loaded:
            raise NotDeclared(stream_id)
