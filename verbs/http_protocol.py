"""uvicorn's HTTP protocol within bounds, and with a straight way for commands.

What a caller may hold of us is bounded: bytes of headers, seconds until a request is whole, bytes
of bodies that are not whole yet, connections. A command whose route follows from its body alone
goes past the scope, the task and the messages that an ASGI application needs (see `api.direct`).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.direct import DirectVisit
from api.ports import Edge
from api.problems import HeadersTooLarge, MalformedRequest, TooBusy, TooSlow, problem
from api.routing import CommandRoute
from api.visit import Visit
from verbs.direct_exchange import CLOSE, DirectExchange, written

HEAD, BODY, WHOLE = "head", "body", "whole"
# Bytes that the pieces of a body may cost besides it, each: their lengths and line ends.
FRAMING = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """What callers may hold of this process."""

    connections: int = 1_000
    head_bytes: int = 32_768
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    slowest_bytes_per_second: int = 20_000
    idle_seconds: float = 5.0


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `straight` are the routes of commands by their path."""

    transport: Any
    cycle: Any

    def __init__(
        self, *given: Any, edge: Edge, straight: Mapping[bytes, CommandRoute], bounds: Bounds,
        **named: Any,
    ) -> None:  # fmt: skip
        super().__init__(*given, **named)
        self.edge, self._straight, self._bounds = edge, straight, bounds
        self._phase = WHOLE
        # Until when what is expected must have come, on the loop's clock.
        self._due: float | None = None
        self._message = self._head = self._body = self._unread = 0

    # -- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._bounds.connections:
            transport.write(self._refusal(TooBusy("There are too many connections.")))
            transport.close()
            return
        super().connection_made(transport)
        self._due = self.loop.time() + self._bounds.head_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is None:
            return
        exchange = self.cycle
        super().connection_lost(exc)
        if isinstance(exchange, DirectExchange):
            exchange.lose()

    def sweep(self, now: float) -> None:
        """Send away a caller who lets us wait for too long; those who wait for us are not late."""
        if self._due is None or now < self._due or self.transport.is_closing():
            return
        if self.pipeline or (self._phase is HEAD and self._is_answering):
            return
        if self._phase is WHOLE:
            self.transport.close()
        else:
            self._send_away(TooSlow())

    # -- what comes

    def data_received(self, data: bytes) -> None:
        phase, message, read = self._phase, self._message, self._body
        super().data_received(data)
        if phase is not WHOLE and phase is self._phase and message == self._message:
            self._unread += len(data) - (self._body - read)
            if self._unread > self._bounds.head_bytes + FRAMING * self._body:
                self._send_away(HeadersTooLarge(limit=self._bounds.head_bytes))

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._message += 1
        self._head = self._body = self._unread = 0
        self._phase = HEAD
        self._due = self.loop.time() + self._bounds.head_seconds

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head + len(self.url) > self._bounds.head_bytes:
            self._send_away(HeadersTooLarge(limit=self._bounds.head_bytes))
            return
        self._phase, self._unread = BODY, 0
        route = self._straight.get(self.url)
        if route is not None and self._may_go_straight():
            self.cycle = exchange = DirectExchange(self)
            self._due = self.loop.time() + self._bounds.body_seconds
            exchange.begin(DirectVisit(route, self.headers, self.edge, exchange.reply))
        else:
            self._ask_application()

    def on_body(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        self._body += len(body)
        self._due = self._due and self._due + len(body) / self._bounds.slowest_bytes_per_second
        exchange = self.cycle
        if not isinstance(exchange, DirectExchange):
            super().on_body(body)
        elif not exchange.response_complete:
            exchange.take(body)

    def on_message_complete(self) -> None:
        if self.transport.is_closing():
            return
        self._phase, exchange = WHOLE, self.cycle
        self._due = None
        if exchange.response_complete:
            self._due = self.loop.time() + self._bounds.idle_seconds
        elif isinstance(exchange, DirectExchange):
            exchange.go_on()
        else:
            super().on_message_complete()

    # -- what goes

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is WHOLE:
            self._due = self.loop.time() + self._bounds.idle_seconds

    def send_400_response(self, msg: str) -> None:
        self._send_away(MalformedRequest("This is no HTTP/1.1."))

    def _may_go_straight(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and not self._is_answering
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
        )

    def _ask_application(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self._due = self.loop.time() + self._bounds.body_seconds
        super().on_headers_complete()

    def _send_away(self, error: Exception) -> None:
        """Hang up, and say why where what is coming is what would be answered next."""
        cycle: Any = self.cycle
        if self.transport.is_closing():
            return
        if self._phase is BODY and isinstance(cycle, DirectExchange) and self._is_answering:
            cycle.refuse(error)
            return
        if not self._is_answering or (self._phase is BODY and not cycle.response_started):
            self.transport.write(self._refusal(error))
        self.transport.close()
        if self._is_answering:
            cycle.disconnected = True
            cycle.message_event.set()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refusal(self, error: Exception) -> bytes:
        visit = Visit((), self.edge, "unknown")
        told = problem(error, visit.request_id)
        visit.status = told.status_code
        visit.end()
        return written(told.status_code, [*told.raw_headers, visit.id_header, CLOSE], told.body)
