"""One request at a time over a connection of its own: what a kill leaves is never mistaken."""

import http.client
import json
import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Below the ports that systems hand to outgoing connections, and away from the broker's.
PORTS = range(12_000, 20_000)


class Lost(Exception):
    """No answer came: what became of the request is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and after how many seconds it came."""

    status: int
    body: bytes
    replayed: bool
    seconds: float
    retry_after: str | None = None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    port: int, method: str, path: str, *, body: Any = None, raw: bytes | None = None,
    headers: Mapping[str, str], limit: float,
) -> Answer:  # fmt: skip
    """Raises Lost when the connection breaks, or nothing comes within `limit` seconds."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    content = raw if body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        replayed = answer.headers["Idempotent-Replayed"] == "true"
        retry_after = answer.headers["Retry-After"]
        received = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Lost(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    return Answer(answer.status, received, replayed, time.monotonic() - began, retry_after)


def free_port() -> int:
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
