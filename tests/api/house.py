"""The rest of the house in small: keys, a bus in memory, rows in memory, and a client."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import httpx

from api.app import create_app
from api.ports import Caller, ContactRead, Edge, Seen
from api.problems import UnknownKey
from api.reach import Reach
from api.scopes import ALL_SCOPES, granted
from commands import HANDLERS
from commands.handling import Answer, Contact, Context, Receipt
from domain.errors import KeyReused, UnknownOrder
from projections import PROJECTIONS
from projections.projection import (
    Having,
    Narrowing,
    PositionAhead,
    Query,
    ReadModelBehind,
    narrowings,
)
from tests.commands.memory import MemoryLog

NOW = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
HEAD = 1_000
REACH = {row: reach for each in PROJECTIONS for row, reach in each.reach.items()}


@dataclass
class KeyRing:
    """Every secret names its scopes, separated by commas."""

    channel: str | None = "web"
    caller: str = "key-1"
    reach: Reach | None = None

    def check(self, secret: str) -> Caller | None:
        scopes = set(secret.split(","))
        if not scopes <= set(ALL_SCOPES):
            return None
        return Caller(
            caller=self.caller,
            channel=self.channel,
            scopes=granted((), scopes),
            name="A shop",
            reach=self.reach,
        )


@dataclass
class Recorder:
    """A bus that accepts everything, or raises what it was told to."""

    asked: list[tuple[Any, Context]] = field(default_factory=list)
    error: Exception | None = None
    changed: bool = True
    replayed: bool = False

    async def __call__(self, command: object, context: Context) -> Answer:
        self.asked.append((command, context))
        if self.error is not None:
            raise self.error
        receipt = Receipt(
            id="A1", stream_id="x-A1", outcome="done", changed=self.changed, version=3, position=42
        )
        return Answer(receipt, json.dumps(asdict(receipt)).encode(), self.replayed)

    @property
    def command(self) -> Any:
        return self.asked[-1][0]

    @property
    def context(self) -> Context:
        return self.asked[-1][1]


@dataclass
class MemoryBus:
    """The real handlers over a log in memory, each key being answered once."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(HANDLERS))
    answers: dict[UUID, tuple[bytes, Answer]] = field(default_factory=dict)

    async def __call__(self, command: object, context: Context) -> Answer:
        self.log.check_reach(command, context)
        if context.command_id in self.answers:
            fingerprint, first = self.answers[context.command_id]
            if fingerprint != context.fingerprint:
                raise KeyReused
            return Answer(first.receipt, first.body, replayed=True)
        receipt = self.log.handle(command, context, NOW)
        answer = Answer(receipt, json.dumps(asdict(receipt)).encode())
        self.answers[context.command_id] = (context.fingerprint, answer)
        return answer


@dataclass
class MemoryRows:
    """Rows of any type, found as a database would find them. `applied` is the last position."""

    rows: list[Any] = field(default_factory=list)
    applied: int = HEAD
    waited: list[tuple[str, int]] = field(default_factory=list)

    async def fetch(self, query: Query) -> Sequence[Any]:
        def place(row: object) -> tuple[Any, ...]:
            return tuple(getattr(row, column) for column in query.order)

        narrowed = narrowings(query, REACH)
        if narrowed is None:
            return []
        found = [row for row in self.rows if isinstance(row, query.row) and _fits(row, query)]
        found = [row for row in found if all(self._within(row, each) for each in narrowed)]
        found = [row for row in found if all(self._beside(row, each) for each in query.having)]
        found.sort(key=place, reverse=query.descending)
        if (after := query.after) is not None:
            found = [
                r for r in found if (place(r) < after if query.descending else place(r) > after)
            ]
        return found[: query.limit]

    def _within(self, row: object, narrowing: Narrowing) -> bool:
        like, owner = narrowing.like, narrowing.owner
        looked_at = (
            [row]
            if like is None
            else [r for r in self.rows if isinstance(r, like) and _same(r, row, owner)]
        )
        return any(getattr(each, narrowing.column) in narrowing.values for each in looked_at)

    def _beside(self, row: Any, having: Having) -> bool:
        wanted = {**having.where, "order_id": row.order_id}
        return any(
            isinstance(other, having.row)
            and all(getattr(other, name) == value for name, value in wanted.items())
            for other in self.rows
        )

    async def catch_up(self, projection: str) -> None:
        await self.wait_for(projection, HEAD)

    async def wait_for(self, projection: str, position: int) -> None:
        self.waited.append((projection, position))
        if position > HEAD:
            raise PositionAhead
        if position > self.applied:
            raise ReadModelBehind


def _same(one: object, other: object, column: str) -> bool:
    return bool(getattr(one, column) == getattr(other, column))


def _fits(row: object, query: Query) -> bool:
    equal = all(getattr(row, column) == value for column, value in query.where.items())
    return equal and all(
        (low is None or getattr(row, column) >= low)
        and (high is None or getattr(row, column) < high)
        for column, (low, high) in query.ranges.items()
    )


@dataclass
class Vault:
    """Contacts by order and role."""

    orders: dict[str, dict[str, Contact]] = field(default_factory=dict)

    kept: list[ContactRead] = field(default_factory=list)

    async def of_order(self, read: ContactRead) -> Mapping[str, Contact]:
        if read.order_id not in self.orders:
            raise UnknownOrder(order_id=read.order_id)
        self.kept.append(read)
        return self.orders[read.order_id]

    async def reads(
        self, order_id: str | None, before: int, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        rows = [
            {"read_id": number, "at": NOW, **asdict(read)}
            for number, read in enumerate(self.kept, start=1)
            if number < before and order_id in (None, read.order_id)
        ]
        return rows[::-1][:limit]


@dataclass
class KeyOffice:
    """Keys by their ids, and what was done to them by whom."""

    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: list[tuple[str, str, str]] = field(default_factory=list)

    async def create(self, grant: Mapping[str, Any], actor: str) -> tuple[str, str]:
        key_id = f"{len(self.keys):012}"
        moments = {"created_at": NOW, "last_used_at": None, "revoked": False}
        self.keys[key_id] = {**grant, "reach": dict(grant["reach"]), "key_id": key_id, **moments}
        self.done.append(("created", key_id, actor))
        return key_id, f"secret-{key_id}"

    async def rotate(self, key_id: str, overlap_hours: int, actor: str) -> tuple[str, str]:
        self._known(key_id)["overlap"] = overlap_hours
        return await self.create({**self.keys[key_id], "reach": self.keys[key_id]["reach"]}, actor)

    async def revoke(self, key_id: str, actor: str) -> None:
        self._known(key_id)["revoked"] = True
        self.done.append(("revoked", key_id, actor))

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        return [*self.keys.values()]

    def _known(self, key_id: str) -> dict[str, Any]:
        if key_id not in self.keys:
            raise UnknownKey
        return self.keys[key_id]


@dataclass
class Operator:
    """What an operator looks at."""

    missing: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def ready(self) -> Mapping[str, str]:
        return self.missing

    def page(self) -> tuple[bytes, str]:
        return b"orders_total 1\n", "text/plain; version=0.0.4"

    def answered(self, seen: Seen) -> None:
        self.seen.append(seen)

    def failed(self, seen: Seen, error: Exception) -> None:
        self.errors.append(error)


def submitting(dispatch: Any) -> Any:
    """What takes commands without being awaited, over this."""
    at_work = set()

    async def carry_out(command: object, context: Context, done: Any) -> None:
        try:
            outcome = await dispatch(command, context)
        except Exception as error:
            outcome = error
        done(outcome)

    def submit(command: object, context: Context, done: Any, *, patient: bool = False) -> None:
        task = asyncio.ensure_future(carry_out(command, context, done))
        at_work.add(task)
        task.add_done_callback(at_work.discard)

    return submit


class House:
    """The application with everything it stands on, and a caller with all scopes."""

    def __init__(
        self,
        dispatch: Any = None,
        *,
        channel: str | None = "web",
        caller: str = "key-1",
        max_body_bytes: int = 100_000,
        former_keys: bool = False,
        patience: float = 1.8,
        reach: Reach | None = None,
    ) -> None:
        self.bus = dispatch or Recorder()
        self.rows, self.vault, self.operator = MemoryRows(), Vault(), Operator()
        self.key_office = KeyOffice()
        ids = count(1)
        self.app = create_app(
            Edge(
                dispatch=self.bus,
                submit=submitting(self.bus),
                rows=self.rows,
                keys=KeyRing(channel, caller, reach),
                key_office=self.key_office,
                health=self.operator,
                contacts=self.vault,
                metrics=self.operator,
                observe=self.operator,
                new_id=lambda: UUID(int=next(ids)),
                version="1.2.3",
                max_body_bytes=max_body_bytes,
                former_keys=former_keys,
                patience=patience,
            )
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        key: str | None = ",".join(ALL_SCOPES),
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Send one request as the holder of this key."""
        named = [*headers.items()] if isinstance(headers, Mapping) else [*(headers or ())]
        owner = {} if key is None else {"Authorization": f"Bearer {key}"}
        if path.endswith("/contacts"):
            owner["Ordinal-Reason"] = "they called"
        stated = {name for name, _ in named}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            given = [*((n, v) for n, v in owner.items() if n not in stated), *named]
            sent = httpx.Headers(given, encoding="latin-1")
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.request(method, path, headers=sent, **request)

        return asyncio.run(send())

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.ask("GET", path, **request)

    def post(self, path: str, body: object = None, **request: Any) -> httpx.Response:
        if "content" not in request and body is not None:
            request["json"] = body
        return self.ask("POST", path, **request)


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem that this response tells of, which must be well formed."""
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "errors"} <= found.keys()
    assert found["status"] == response.status_code
    assert found["instance"] == f"urn:ordinal:request:{response.headers['x-request-id']}"
    return found


def kind(response: httpx.Response) -> str:
    """The last part of the problem's type."""
    return str(problem(response)["type"]).removeprefix("urn:ordinal:problem:")


def fields(response: httpx.Response) -> set[str]:
    """The fields that the problem names."""
    return {error["field"] for error in problem(response)["errors"]}
