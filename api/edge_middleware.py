"""What happens to every request, whatever its route: an id, an observation, never a bare 500."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.api_request import received
from api.direct import Answered, DirectVisit
from api.ports import Edge
from api.problems import ANSWERED, problem
from api.routing import CommandRoute
from api.visit import Visit

CLIENT_CLOSED_REQUEST = 499


class Gate:
    """One plain ASGI layer around all: a stack of middlewares would cost more than our routes do.

    `straight` are routes by path that take a POST and answer for themselves. They are asked
    directly, past the framework's own layers, which have nothing to add for them.
    """

    def __init__(self, app: ASGIApp, edge: Edge, straight: Mapping[str, CommandRoute]) -> None:
        self._app = app
        self._edge = edge
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = self._straight.get(scope["path"]) if scope["method"] == "POST" else None
        if route is None or scope["query_string"]:
            await self._ask(scope, receive, send)
        else:
            await self._ask_directly(route, scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        visit = AsgiVisit(scope, send, self._edge, method)
        try:
            visit.refuse_repeated()
            await self._app(scope, receive, visit.send)
        except ClientDisconnect:
            visit.status = CLIENT_CLOSED_REQUEST
        except ANSWERED as refusal:
            await problem(refusal, visit.request_id)(scope, receive, visit.send)
        except Exception as error:
            await visit.answer_fault(error, receive)
        visit.leave()

    async def _ask_directly(
        self, route: CommandRoute, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        visit = DirectVisit(
            route, scope["headers"], self._edge, lambda *answer: answered.set_result(answer)
        )
        if visit.begin():
            try:
                visit.go_on(await received(receive, self._edge))
            except ClientDisconnect:
                visit.lose()
                return
            except ANSWERED as refusal:
                visit.refuse(refusal)
        status, headers, body = await answered
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class AsgiVisit(Visit):
    """One request on its way through the framework."""

    __slots__ = ("_scope", "_send")

    def __init__(self, scope: Scope, send: Send, edge: Edge, method: str) -> None:
        super().__init__(scope["headers"], edge, method)
        self._scope, self._send = scope, send
        scope["ordinal.visit"] = self

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self.id_header]
        await self._send(message)

    async def answer_fault(self, error: Exception, receive: Receive) -> None:
        """Tell the caller that it is our fault, unless an answer is on its way already."""
        if self.status == 0:
            await problem(error, self.request_id)(self._scope, receive, self.send)
        self.leave_route()
        self.fail(error)

    def leave_route(self) -> None:
        route: Any = self._scope.get("route")
        self.route = getattr(route, "path", "unknown")

    def leave(self) -> None:
        self.leave_route()
        self.end()


def _without_body(send: Send) -> Send:
    """What a HEAD is answered: all that a GET would be, but for the body."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
