"""A steady load, and a reader who wants to see what was answered: a process of its own.

Orders come prepared on standard input as one JSON object. To standard output goes when each was
answered with which position, and when which position was visible, by one clock.
"""

import asyncio
import gc
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import uvloop

CONNECTIONS = 25
# Readers who take turns, and seconds from one's turn to the next one's.
READERS = 16
STAGGER = 0.004
# Seconds that the last order may take to be seen.
LAST = 30.0

Moment = Sequence[float]


def delays(answers: Sequence[Moment], sightings: Sequence[Moment], warm: float) -> list[float]:
    """Seconds from each answer to the first sight of its position, the warm-up's left out."""
    begin = min(moment for moment, _ in answers) + warm
    seen = sorted(map(tuple, sightings))
    highest = list(accumulate((position for _, position in seen), max))
    return [
        max(0.0, seen[bisect_left(highest, position)][0] - moment)
        for moment, position in answers
        if moment >= begin
    ]


class Connection:
    """One kept connection that asks and waits for the answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class Load:
    """What is under way, answered and seen."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._requests = [request.encode() for request in asked["requests"]]
        self._newest = (0, "")
        self._seen = 0
        self.answers: list[tuple[float, int]] = []
        self.sightings: list[tuple[float, int]] = []

    async def run(self) -> None:
        reading = asyncio.create_task(self._read_on())
        began, rate = time.monotonic() + 0.1, self._asked["rate"]
        await asyncio.gather(
            *(
                self._place(self._requests[n::CONNECTIONS], began + n / rate, CONNECTIONS / rate)
                for n in range(CONNECTIONS)
            )
        )
        ended = time.monotonic()
        while self._seen < self._newest[0]:
            if time.monotonic() > ended + LAST:
                raise TimeoutError(f"{self._seen} of {self._newest[0]} is visible")
            await asyncio.sleep(STAGGER)
        reading.cancel()

    async def _place(self, requests: Sequence[bytes], due: float, every: float) -> None:
        """One connection: an order at each moment that is due, answers in between."""
        connection = Connection(self._asked["port"])
        await connection.open()
        for request in requests:
            await asyncio.sleep(due - time.monotonic())
            status, body = await connection.ask(request)
            now = time.monotonic()
            if status != 201:
                raise RuntimeError(body.decode())
            answer = json.loads(body)
            self.answers.append((now, answer["position"]))
            self._newest = max(self._newest, (answer["position"], answer["id"]))
            due += every
        connection.close()

    async def _read_on(self) -> None:
        """Whenever something is not seen yet, the next idle reader asks for the newest."""
        idle = [Connection(self._asked["port"]) for _ in range(READERS)]
        for each in idle:
            await each.open()
        async with asyncio.TaskGroup() as reads:
            while True:
                await asyncio.sleep(STAGGER)
                if idle and self._newest[0] > self._seen:
                    reads.create_task(self._look(idle, *self._newest))

    async def _look(self, idle: list[Connection], position: int, order_id: str) -> None:
        connection = idle.pop(0)
        status, _ = await connection.ask(self._read_request(position, order_id))
        idle.append(connection)
        # One that waited too long is told to ask again, and another already does.
        if status == 200:
            self.sightings.append((time.monotonic(), position))
            self._seen = max(self._seen, position)

    def _read_request(self, position: int, order_id: str) -> bytes:
        return (
            f"GET {self._asked['path']}/{order_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self._asked['key']}\r\nOrdinal-Position: {position}\r\n\r\n"
        ).encode()


def main() -> None:
    load = Load(json.load(sys.stdin))
    gc.disable()
    uvloop.run(load.run())
    json.dump({"answers": load.answers, "sightings": load.sightings}, sys.stdout)


if __name__ == "__main__":
    main()
