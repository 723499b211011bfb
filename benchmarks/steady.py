"""A steady load: so many requests a second from a process of its own, whatever the answers take.

Requests come prepared on standard input as one JSON object. To standard output goes, for every
answer, the moment it was there (of the clock that all processes share) and its log position.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import uvloop

CONNECTIONS = 25


async def call(port: int, requests: Sequence[bytes], due: float, every: float) -> list[float]:
    """One connection: a request at each moment that is due, answers in between."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen: list[float] = []
    for request in requests:
        await asyncio.sleep(due - time.monotonic())
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        now = time.monotonic()
        if int(head[9:12]) != 201:
            raise RuntimeError(body.decode())
        seen += [now, json.loads(body)["position"]]
        due += every
    writer.close()
    return seen


async def drive(port: int, requests: Sequence[bytes], rate: float) -> list[list[float]]:
    began = time.monotonic() + 0.1
    every = CONNECTIONS / rate
    calls = [
        call(port, requests[number::CONNECTIONS], began + number / rate, every)
        for number in range(CONNECTIONS)
    ]
    return await asyncio.gather(*calls)


def main() -> None:
    asked = json.load(sys.stdin)
    requests = [request.encode() for request in asked["requests"]]
    seen = uvloop.run(drive(asked["port"], requests, asked["rate"]))
    json.dump([pair for each in seen for pair in zip(each[::2], each[1::2], strict=True)],
              sys.stdout)  # fmt: skip


if __name__ == "__main__":
    main()
