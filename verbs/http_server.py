"""The process that serves an application over HTTP, until it is told to stop."""

import asyncio
import signal
from collections.abc import Iterable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.app import Api
from infra.runtime.garbage import SteadyCollector
from infra.runtime.supervisor import STOPS
from verbs.http_protocol import BoundedProtocol, Bounds

# A connection that is late is sent away so many tenths of a second later at most.
SWEEP_TICKS = 5


class Server(uvicorn.Server):
    """Ends in good order however often it is told to: Ctrl-C reaches the child and its parent,
    who passes it on, and uvicorn would take the second for impatience.
    """

    collector: SteadyCollector | None = None
    _answered = 0

    async def on_tick(self, counter: int) -> bool:
        if counter % SWEEP_TICKS == 0:
            now = asyncio.get_running_loop().time()
            self._sweep(self.server_state.connections, now)
            self._tidy(now)
        return await super().on_tick(counter)

    def _tidy(self, now: float) -> None:
        """When nobody asks for anything."""
        answered, self._answered = self._answered, self.server_state.total_requests
        if self.collector is not None:
            busy = answered != self._answered or bool(self.server_state.tasks)
            self.collector.tick(now, busy=busy)

    def _sweep(self, connections: Iterable[Any], now: float) -> None:
        for connection in [each for each in connections if isinstance(each, BoundedProtocol)]:
            connection.sweep(now)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


def _protocol_of(app: FastAPI, bounds: Bounds) -> Any:
    if not isinstance(app, Api):
        return "httptools"
    straight = {path.encode(): route for path, route in app.straight.items()}
    return partial(BoundedProtocol, edge=app.edge, straight=straight, bounds=bounds)


def server_of(app: FastAPI, host: str, port: int, bounds: Bounds) -> "Server":
    """A server that is not started yet."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        interface="asgi3",
        http=_protocol_of(app, bounds),
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return Server(config)


def run_http(app: FastAPI, host: str, port: int, bounds: Bounds | None = None) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get five seconds."""
    server = server_of(app, host, port, bounds or Bounds())
    server.collector = SteadyCollector()
    server.collector.start()
    server.run()
    # A second word must not cut the cleaning up short.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    if not server.started:
        raise SystemExit(3)
