"""The load: a process of its own that keeps so many requests under way and measures each.

It speaks HTTP/1.1 by hand over kept connections, since a client library costs more than the
server it would measure. Requests come prepared on standard input as one JSON object; the figures
go to standard output as another.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop


@dataclass(slots=True)
class Figures:
    """What was seen: statuses, and each request's seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


class Caller(asyncio.Protocol):
    """One connection: sends the next request as soon as the last one is answered."""

    def __init__(self, requests: list[bytes], figures: Figures, done: asyncio.Event) -> None:
        self._requests = requests
        self._figures = figures
        self._done = done
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        if not self._requests:
            self._transport.close()
            self._done.set()
            return
        self._began = time.perf_counter()
        self._transport.write(self._requests.pop())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        length = int(lower[at:].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._figures.seconds.append(time.perf_counter() - self._began)
        self._figures.statuses[int(head[9:12])] += 1
        self._buffer = rest[length:]
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._done.set()


async def drive(ports: list[int], requests: list[bytes], concurrency: int) -> Figures:
    loop, figures = asyncio.get_running_loop(), Figures()
    events = [asyncio.Event() for _ in range(concurrency)]
    for number, event in enumerate(events):
        port = ports[number % len(ports)]
        caller = partial(Caller, requests, figures, event)
        await loop.create_connection(caller, "127.0.0.1", port)
    await asyncio.gather(*(event.wait() for event in events))
    return figures


def main() -> None:
    asked = json.load(sys.stdin)
    requests = [request.encode() for request in reversed(asked["requests"])]
    # A pass of the collector here would be taken for a wait there.
    gc.disable()
    began = time.perf_counter()
    figures = uvloop.run(drive(asked["ports"], requests, asked["concurrency"]))
    seconds = time.perf_counter() - began
    json.dump(
        {
            "seconds": seconds,
            "statuses": {str(status): count for status, count in figures.statuses.items()},
            "latencies": figures.seconds,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
