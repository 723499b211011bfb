"""Many orders in one request: a line each, and a line with its result back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from fastapi.routing import APIRoute
from pydantic import JsonValue
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from api.api_request import Asked, Asking, received
from api.openapi import bulk_documents
from api.placing import EXAMPLE, place_order
from api.problems import (
    ANSWERED,
    BodyTooLarge,
    Forbidden,
    InvalidField,
    MalformedRequest,
    TooBusy,
    problem,
)
from api.routing import Reader
from api.scopes import SCOPES
from commands.handling import Answer
from domain.values import named_uuid

PATH = "/v1/orders/bulk"
MOST_LINES = 10_000
MOST_BYTES = 32_000_000
# Lines of all such requests together that the bus may have at a time.
UNDER_WAY = 256
# Seconds after which others come to their turn.
TURN = 0.005
MEDIA_TYPE = b"application/x-ndjson"
MEDIA_TYPES = (MEDIA_TYPE, b"application/ndjson", b"application/jsonl")

SECOND: JsonValue = {
    "reference": "web-1002",
    "country": "AT",
    "currency": "EUR",
    "lines": [{"sku": "TEA-GREEN-100", "quantity": 500, "unit_price": 1999}],
}

Line = tuple[int, bytes]


class BulkRoute(APIRoute):
    """Takes the whole body before any order is placed, so that a body that is cut places none."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        self._scope = SCOPES[endpoint.__name__]
        documents = bulk_documents(self._scope, (EXAMPLE, SECOND))
        name = endpoint.__name__
        super().__init__(path, endpoint, methods=["POST"], operation_id=name, **documents)
        self.tags, self.app = ["orders"], self._handle

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whatever the method: this is no order's id."""
        match, found = super().matches(scope)
        return (match if match is Match.NONE else Match.FULL), found

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope, receive)
        self._admit(asked)
        raw = await received(receive, asked.edge, MOST_BYTES)
        try:
            if not asked.edge.bodies.take(len(raw)):
                raise TooBusy("Too many bodies are at work.")
            lines = list(lines_of(raw))
            headers = [(b"content-type", MEDIA_TYPE)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for part in Bulk(asked).results(lines):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            asked.edge.bodies.let_go(len(raw))

    def _admit(self, asked: Asked) -> None:
        asked.allow(self._scope)
        asked.identify()
        asked.refuse_parameters()
        asked.refuse_other_bodies(MEDIA_TYPES, MOST_BYTES)
        if asked.field(b"if-match") is not None:
            raise MalformedRequest("New orders have no version yet.", field="If-Match")
        if asked.caller.channel is None:
            raise Forbidden("This key belongs to no channel, so it cannot place orders.")
        asked.context(b"")


def lines_of(raw: bytes) -> Iterator[Line]:
    """The lines that are not blank, with their numbers, the first being 1."""
    count = 0
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            count += 1
            if count > MOST_LINES:
                raise BodyTooLarge(f"There are more than {MOST_LINES} lines.", lines=MOST_LINES)
            yield number, line
    if count == 0:
        raise InvalidField("There is no line.", field="body")


class Bulk:
    """One such request at work. The id of a line follows from that of the request."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._edge = asked, asked.edge
        self._reader = Reader(place_order, fast=True)
        self._target = f"POST {PATH}\n".encode()
        self._under_way: deque[asyncio.Future[bytes]] = deque()

    async def results(self, lines: list[Line]) -> AsyncIterator[bytes]:
        """Result lines in the order of the lines, some at a time.

        Whoever reads them slowly keeps no other's orders waiting.
        """
        told: asyncio.Queue[bytes | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(lines, told))
        while (part := await told.get()) is not None:
            yield part
        await work

    async def _work(self, lines: list[Line], told: asyncio.Queue[bytes | None]) -> None:
        try:
            async with self._edge.bulk_turn:
                await self._place(lines, told)
        finally:
            told.put_nowait(None)

    async def _place(self, lines: list[Line], told: asyncio.Queue[bytes | None]) -> None:
        loop, under_way = asyncio.get_running_loop(), self._under_way
        turn_ends = loop.time() + TURN
        for number, line in lines:
            if len(under_way) >= UNDER_WAY:
                told.put_nowait(await self._next_results())
                turn_ends = loop.time() + TURN
            elif loop.time() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + TURN
            result: asyncio.Future[bytes] = loop.create_future()
            under_way.append(result)
            self._start(number, line, result)
        while under_way:
            told.put_nowait(await self._next_results())

    async def _next_results(self) -> bytes:
        under_way = self._under_way
        done = [await under_way.popleft()]
        while under_way and under_way[0].done():
            done.append(under_way.popleft().result())
        return b"".join(done)

    def _start(self, number: int, line: bytes, result: "asyncio.Future[bytes]") -> None:
        done = partial(self._done, number, result)
        try:
            asked = self._asked_of(number)
            if len(line) > self._edge.max_body_bytes:
                raise BodyTooLarge(limit=self._edge.max_body_bytes)
            body, content = self._reader.body(line)
            command = place_order(asked, body)  # type: ignore[arg-type]
            self._edge.submit(command, asked.context(content), done, patient=True)
        except Exception as error:
            done(error)

    def _asked_of(self, number: int) -> Asking:
        asked = Asking(self._asked.visit, self._target)
        asked.caller = self._asked.caller
        asked.command_id = named_uuid(self._asked.command_id, str(number))
        return asked

    def _done(
        self, number: int, result: "asyncio.Future[bytes]", outcome: Answer | Exception
    ) -> None:
        if isinstance(outcome, Answer):
            status = 201 if outcome.receipt.changed else 200
            told = b'{"line":%d,"status":%d,"receipt":%b}\n' % (number, status, outcome.body)
        else:
            told = self._refusal(number, outcome)
        result.set_result(told)

    def _refusal(self, number: int, error: Exception) -> bytes:
        if not isinstance(error, ANSWERED):
            self._asked.visit.fail(error)
        told = problem(error, self._asked.visit.request_id)
        return b'{"line":%d,"status":%d,"problem":%b}\n' % (
            number,
            told.status_code,
            bytes(told.body),
        )


async def place_orders() -> None:
    """Place many orders: a line of NDJSON each, in the form that placing one takes.

    The answer has a line for each order, in the order of the lines: `line` is its number, `status`
    what placing it alone would have been answered, with its `receipt` or its `problem`. A line that
    is refused keeps no other from being placed. The whole body is read first: one that is cut, has
    more than 10,000 lines or more than 32 MB places nothing. Asked again under the same
    `Idempotency-Key`, lines that were accepted get their first answers, and the others are tried
    again. Orders that are placed one by one come first.
    """


routes = [BulkRoute(PATH, place_orders)]
