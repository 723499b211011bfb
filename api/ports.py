"""What the HTTP edge needs of the rest of the house, as protocols and small values."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from api.reach import Reach
from commands.handling import Answer, Contact, Context, Dispatch
from projections.projection import Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds an API key: the id that owns their commands, their channel and scopes.

    `name` is for people; `channel` is None for keys that place no orders. Without a `reach`
    everything is within it.
    """

    caller: str
    channel: str | None
    scopes: frozenset[str]
    name: str
    reach: Reach | None = None


class Keys(Protocol):
    """The API keys in force."""

    def check(self, secret: str) -> Caller | None:
        """The holder of this secret, or None. Asked on every request: in memory, never waiting."""
        ...


class KeyOffice(Protocol):
    """Where keys are made. Raises UnknownKey, and Forbidden where this server may not."""

    async def create(self, grant: Mapping[str, Any], actor: str) -> tuple[str, str]:
        """The id and the secret of a new key."""
        ...

    async def rotate(self, key_id: str, overlap_hours: int, actor: str) -> tuple[str, str]:
        """The same of a key like this one."""
        ...

    async def revoke(self, key_id: str, actor: str) -> None: ...

    async def listed(self) -> Sequence[Mapping[str, Any]]: ...


class Health(Protocol):
    """Whether this process can do its work."""

    async def ready(self) -> Mapping[str, str]:
        """What is missing, by name and reason; empty when nothing is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRead:
    """Who looks at the contacts of an order, and why."""

    caller: str
    person: str | None
    order_id: str
    reason: str
    request_id: str


class Contacts(Protocol):
    """The vault of personal data."""

    async def of_order(self, read: ContactRead) -> Mapping[str, Contact]:
        """An order's contacts by role, without erased ones; the look is kept before it is had.

        Raises UnknownOrder.
        """
        ...

    async def reads(
        self, order_id: str | None, before: int, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Looks below this number, the latest first, of one order or of all."""
        ...


class Metrics(Protocol):
    """The figures of this process."""

    def page(self) -> tuple[bytes, str]:
        """The text that Prometheus scrapes, and its content type."""
        ...


class NewId(Protocol):
    """Where random ids come from."""

    def __call__(self) -> UUID: ...


@dataclass(slots=True)
class Seen:
    """One answered request. `route` is the route's template, never a path with ids in it."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    caller: str | None


class Submit(Protocol):
    """The way in for who does not wait: `done` is called with the outcome, in the event loop.

    Raises Unavailable at once when nothing is taken.
    """

    def __call__(
        self,
        command: object,
        context: Context,
        done: Callable[[Answer | Exception], None],
        *,
        patient: bool = False,
    ) -> None:
        """A `patient` command comes behind those of others who wait for one answer each."""
        ...


class Observe(Protocol):
    """Who counts and logs requests."""

    def answered(self, seen: Seen) -> None: ...

    def failed(self, seen: Seen, error: Exception) -> None:
        """A request ended in an error that nobody expected."""
        ...


class Unavailable(Exception):
    """The outcome is unknown: repeat with the same key, after `retry_after` seconds."""

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail or (type(self).__doc__ or "").partition(":")[0])
        self.retry_after = retry_after


class ClockAhead(Unavailable):
    """A clock of ours is wrong, and nothing was written: repeat with the same key, later."""


async def in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What this comes to, or Unavailable.

    It goes on by itself then, until its own bound: a machine that gives no answer at all would not
    answer to being cancelled either.
    """
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.add_done_callback(_forget)
        raise Unavailable
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    """Whoever waited has been told; the error, if there is one, is nobody's any more."""
    if not task.cancelled():
        task.exception()


@dataclass(slots=True)
class BodiesUnderWay:
    """How many bytes of bodies are held that are not whole yet."""

    limit: int = 64_000_000
    held: int = 0

    def take(self, count: int) -> bool:
        """Whether they fit in; they are held in any case, until they are let go."""
        self.held += count
        return self.held <= self.limit

    def let_go(self, count: int) -> None:
        self.held -= count


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Everything that the routes reach for, handed in by the front door."""

    dispatch: Dispatch
    submit: Submit
    rows: Rows
    keys: Keys
    key_office: KeyOffice
    health: Health
    contacts: Contacts
    metrics: Metrics
    observe: Observe
    new_id: NewId
    version: str
    max_body_bytes: int = 1_000_000
    bodies: BodiesUnderWay = field(default_factory=BodiesUnderWay)
    # One request with many orders is at work at a time.
    bulk_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Whether the store may know answers by the ids that keys had before they had channels.
    former_keys: bool = False
    # Seconds until a read is answered, if only that its outcome is not known.
    patience: float = 1.8
