"""How a command is handled: declare the streams, decide on them, answer with a receipt.

The log's transaction, its lock and its retries are the bus's business. A handler sees streams as
they are at this very moment, appends events to them, and sees what it appended. When it raises,
nothing that it appended remains.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from domain.decider import Decider
from domain.errors import NotFound
from domain.values import named_uuid

S = TypeVar("S")


@dataclass(slots=True, kw_only=True)
class Contact:
    """Personal data of one role in an order. It lives in the vault, never in an event."""

    contact_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Whom a command concerns, as far as its target says."""

    channel: str | None = None
    country: str | None = None
    location: str | None = None
    currency: str | None = None
    customer: str | None = None


class Reach(Protocol):
    """What a caller may see and do anything about."""

    def covers(self, concern: Concern) -> bool: ...


@dataclass(slots=True, kw_only=True)
class Context:
    """Who asks, for which channel, under which ids.

    `actor` is who does it: the caller, or the person for whom the caller `via` speaks.
    `command_id` makes a repeat a repeat; `fingerprint` says whether it is the same request.
    `occurred_at` is only for callers that may write history, and never in the future.
    `kept` keeps the command's id for ever; otherwise it is forgotten after the retention.
    `former_id` and `former_fingerprint` are what an older version would have given the same
    request: an answer that it gave then still counts. Without a `reach` everything is within it.
    """

    command_id: UUID
    actor: str
    via: str | None = None
    correlation_id: str
    channel: str | None = None
    causation_id: str | None = None
    occurred_at: datetime | None = None
    expected_version: int | None = None
    fingerprint: bytes = b""
    kept: bool = False
    reason: str | None = None
    traceparent: str | None = None
    former_id: UUID | None = None
    former_fingerprint: bytes = b""
    reach: Reach | None = None


def explained(context: Context, command: object) -> Context:
    """The context with the reason that the command has, unless the caller gave one beside it."""
    if context.reason is not None:
        return context
    said = getattr(command, "reason", None) or getattr(command, "cause", None)
    return replace(context, reason=said) if isinstance(said, str) else context


def derived_id(context: Context, what: str) -> str:
    """An id for something that this command makes: a repeat makes the same."""
    return str(named_uuid(context.command_id, what))


def fields_of(command: Any) -> dict[str, Any]:
    """A command's fields by their names, as they are."""
    return {each.name: getattr(command, each.name) for each in fields(command)}


@dataclass(slots=True, kw_only=True)
class Receipt:
    """The answer to an accepted command.

    `version` is the version of the stream after it, `position` the log position from which on a
    reader sees its effect. The bus fills in both. `replayed` says that a repeat got the first
    answer again.
    """

    id: str
    stream_id: str
    outcome: str
    changed: bool = True
    version: int = 0
    position: int = 0
    details: dict[str, Any] = field(default_factory=dict)


class NotNamed(LookupError):
    """A command looked at a stream that its `needs` had not named: a mistake of the program."""


class Known(Protocol):
    """Streams that were named and are loaded; others may have written to them since."""

    def state(self, decider: Decider[S], stream_id: str) -> S:
        """The stream's state; the decider's initial one when nothing was recorded.

        Raises NotNamed for one that was not named before.
        """
        ...


class Streams(Known, Protocol):
    """The streams of one command, loaded and current."""

    def version(self, stream_id: str) -> int:
        """Events recorded in the stream so far, those of this command included."""
        ...

    def append(
        self, stream_id: str, events: Iterable[object], *, at: datetime | None = None
    ) -> None:
        """Record these events; the state returned by `state` moves with them.

        They have the time `at` that the fact itself states, which is never after now; else that of
        the decision.
        """
        ...

    def contact(self, contact_id: str) -> Contact | None:
        """What the vault knows, or None (unknown or erased)."""
        ...

    def keep_contact(self, contact: Contact) -> None:
        """Put this into the vault with the command's events."""
        ...


Handler = Callable[[Any, Streams, Context, datetime], Receipt]
Rounds = Iterator[Iterable[str]]
"""The streams that a command needs, in rounds: it is resumed when all that it named are loaded, so
what it names next may rest on their states. It may name more than it will need, never less.
"""
Needs = Callable[[Any, Known], Rounds]
Concerns = Callable[[Any, Known], Iterable[Concern]]
Unknown = Callable[[Any], Exception]


class ContactId(str):
    """Names a contact of the vault among the streams that a command needs."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Handling:
    """A command's handler and the streams it needs.

    `needs` is asked before the log is locked; looking at a stream that it did not name is an error.
    It has no clock, and names what could be needed as if every reservation had expired. `target` is
    the stream that `If-Match` speaks of; a command that `creates` it most often finds it new. What
    an `unforeseen` one looks at besides is loaded when it looks. Out of the reach of a caller, for
    whom all that it `concerns` must be within it, it is refused as `unknown`: before it is known
    for a repeat, and before `If-Match`.
    """

    handle: Handler
    needs: Needs
    target: Callable[[Any], str]
    creates: bool = False
    unforeseen: bool = False
    concerns: Concerns = lambda command, streams: ()
    unknown: Unknown = lambda command: NotFound()

    def check_reach(self, command: object, streams: Known, reach: Reach | None) -> None:
        """Raises what would be raised if there were no such thing."""
        if reach is None:
            return
        concerned = list(self.concerns(command, streams))
        if not concerned or not all(map(reach.covers, concerned)):
            raise self.unknown(command)


Handlers = Mapping[type, Handling]


class Dispatch(Protocol):
    """The way in for everybody: hands a command to the bus and awaits its receipt."""

    async def __call__(self, command: object, context: Context) -> "Answer": ...


@dataclass(slots=True)
class Answer:
    """A receipt, its stored JSON bytes (equal for every repeat) and whether this is a repeat."""

    receipt: Receipt
    body: bytes
    replayed: bool = False
