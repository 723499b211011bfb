"""A request that goes straight: in the place of uvicorn's cycle of request and response."""

from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from api.direct import DirectVisit
from api.ports import Edge
from api.problems import BodyTooLarge, TooBusy

CLOSE = (b"connection", b"close")


def written(status: int, headers: list[tuple[bytes, bytes]], body: bytes | memoryview) -> bytes:
    """An answer as it goes over the wire."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    head = b"".join(lines)
    if head.count(b"\n") != len(lines):
        raise ValueError("a header of ours has a line break in it")
    return b"".join((STATUS_LINE[status], head, b"\r\n", body))


class Connection(Protocol):
    """What an exchange needs of the connection over which it goes."""

    edge: Edge
    transport: Any
    flow: FlowControl
    server_state: ServerState

    def on_response_complete(self) -> None: ...


class DirectExchange:
    """A request that goes straight, in the place of uvicorn's cycle of request and response."""

    def __init__(self, protocol: Connection) -> None:
        self._protocol = protocol
        self._parts: list[bytes] = []
        self._size = 0
        self._whole = False
        self.visit: DirectVisit | None = None
        self.keep_alive = True
        self.response_started = self.response_complete = self.disconnected = False
        # Where uvicorn would wake a task of its own.
        self.message_event = self

    def set(self) -> None:
        """Nobody waits."""

    def begin(self, visit: DirectVisit) -> None:
        self.visit = visit
        visit.begin()

    def take(self, body: bytes) -> None:
        """A part of the body."""
        edge = self._protocol.edge
        self._parts.append(body)
        self._size += len(body)
        fits = edge.bodies.take(len(body))
        if self._size > edge.max_body_bytes:
            self.refuse(BodyTooLarge(limit=edge.max_body_bytes))
        elif not fits:
            self.refuse(TooBusy("Too many bodies are on their way."))

    def refuse(self, error: Exception) -> None:
        """Before the body is whole; what is still to come of it is not waited for."""
        assert self.visit is not None
        self.keep_alive = False
        self.visit.refuse(error)

    def go_on(self) -> None:
        """The body is whole."""
        parts, visit = self._parts, self.visit
        assert visit is not None
        self._let_go()
        self._whole = True
        visit.go_on(parts[0] if len(parts) == 1 else b"".join(parts))

    def reply(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._let_go()
        self.response_complete = True
        protocol = self._protocol
        if self.disconnected:
            return
        ends = [] if self.keep_alive else [CLOSE]
        dated = protocol.server_state.default_headers
        protocol.transport.write(written(status, [*dated, *headers, *ends], body))
        # Whoever does not read what we answer gets no more of it.
        if not self.keep_alive or protocol.flow.write_paused:
            protocol.transport.close()
        protocol.on_response_complete()

    def lose(self) -> None:
        """The connection is gone; a command that was asked goes its way."""
        self._let_go()
        if self.visit is not None and not self._whole and not self.response_complete:
            self.visit.lose()

    def _let_go(self) -> None:
        self._protocol.edge.bodies.let_go(self._size)
        self._parts, self._size = [], 0
