"""What happens to every request, whatever its route: an id, an observation, never a bare 500."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.ports import Edge, Seen
from api.problems import ANSWERED, MalformedRequest, problem

REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CLIENT_CLOSED_REQUEST = 499
# Two of these would say two things, and each reader of the request might follow another one.
ONCE = frozenset({
    b"authorization", b"idempotency-key", b"if-match", b"ordinal-position", b"ordinal-occurred-at",
    b"content-type",
})  # fmt: skip

# Two ids are none.
IDS = frozenset({b"x-request-id", b"traceparent"})


class Gate:
    """One plain ASGI layer around all: a stack of middlewares would cost more than our routes do.

    `straight` are routes by path that take a POST and answer for themselves. They are asked
    directly, past the framework's own layers, which have nothing to add for them.
    """

    def __init__(self, app: ASGIApp, edge: Edge, straight: Mapping[str, Route]) -> None:
        self._app = app
        self._edge = edge
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        visit = Visit(scope, send, self._edge, method)
        route = self._straight.get(scope["path"]) if method == "POST" else None
        try:
            if visit.repeated:
                _refuse_repeated(visit.repeated)
            if route is None:
                await self._app(scope, receive, visit.send)
            else:
                scope["route"], scope["path_params"] = route, {}
                await route.app(scope, receive, visit.send)
        except ClientDisconnect:
            visit.status = CLIENT_CLOSED_REQUEST
        except ANSWERED as refusal:
            await problem(refusal, visit.request_id)(scope, receive, visit.send)
        except Exception as error:
            await visit.fail(error, receive)
        visit.end()


class Visit:
    """One request on its way through."""

    __slots__ = (
        "_edge", "_id_header", "_method", "_scope", "_send", "_started", "repeated", "request_id",
        "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, send: Send, edge: Edge, method: str) -> None:
        self._started = perf_counter()
        self._scope, self._send, self._edge, self._method = scope, send, edge, method
        self.status = 0
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self.repeated = _repeated(scope["headers"]) if len(headers) < len(scope["headers"]) else ()
        for name in IDS.intersection(self.repeated):
            del headers[name]
        self.request_id: str = request_id(headers) or edge.new_id().hex
        self._id_header = (b"x-request-id", self.request_id.encode())
        scope["ordinal.edge"] = edge
        scope["ordinal.headers"] = headers
        scope["ordinal.request_id"] = self.request_id
        scope["ordinal.traceparent"] = traceparent(headers)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self._id_header]
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Tell the caller that it is our fault, unless an answer is on its way already."""
        if self.status == 0:
            await problem(error, self.request_id)(self._scope, receive, self.send)
        self._edge.observe.failed(self._seen(), error)

    def end(self) -> None:
        self._edge.observe.answered(self._seen())

    def _seen(self) -> Seen:
        route: Any = self._scope.get("route")
        return Seen(
            method=self._method,
            route=getattr(route, "path", "unknown"),
            status=self.status,
            seconds=perf_counter() - self._started,
            request_id=self.request_id,
            caller=self._scope.get("ordinal.caller"),
        )


def _without_body(send: Send) -> Send:
    """What a HEAD is answered: all that a GET would be, but for the body."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _repeated(headers: Iterable[tuple[bytes, bytes]]) -> Sequence[bytes]:
    """Names that stand more than once."""
    return [name for name, times in Counter(name for name, _ in headers).items() if times > 1]


def _refuse_repeated(names: Iterable[bytes]) -> None:
    for name in names:
        if name in ONCE:
            field = name.decode().title()
            raise MalformedRequest("This header stands more than once.", field=field)


def request_id(headers: dict[bytes, bytes]) -> str | None:
    """The caller's own id for this request, or for the trace that it belongs to."""
    if (own := headers.get(b"x-request-id")) and REQUEST_ID.fullmatch(own):
        return own.decode()
    trace = traceparent(headers)
    return None if trace is None else trace.split("-")[1]


def traceparent(headers: dict[bytes, bytes]) -> str | None:
    """The W3C trace that this request belongs to, when it is well formed."""
    stated = headers.get(b"traceparent")
    return stated.decode() if stated and TRACEPARENT.fullmatch(stated) else None
