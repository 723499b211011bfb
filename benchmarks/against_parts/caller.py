"""One caller of a build's API: a kept connection for what is not measured, a load for the rest."""

import http.client
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from benchmarks.against_parts.dialect import Dialect
from benchmarks.against_parts.rounds import Failed
from benchmarks.loading import Seen, drive, request

CALLERS = 32
# Seconds; a bulk of ten thousand orders is one answer.
LIMIT = 120.0
# A position that no log reaches.
BEYOND = 10**15


class Caller:
    """Asks with a key; whatever is not accepted is a failure of the benchmark."""

    def __init__(self, port: int, key: str, dialect: Dialect) -> None:
        self.port = port
        self.key = key
        self.dialect = dialect
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def status_of(self, path: str) -> int | None:
        """None when nobody answers."""
        try:
            return self.ask("GET", path)[0]
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["Authorization"] = f"Bearer {self.key}"
        try:
            return self._asked(method, path, body, given)
        except ConnectionError:
            # The server has closed a connection that was idle; commands carry keys, so that
            # asking twice does nothing twice.
            self._connection.close()
            return self._asked(method, path, body, given)

    def _asked(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def post(self, path: str, body: object) -> Any:
        """The answer to a command that is carried out; raises Failed when it is refused."""
        status, answer = self.ask(
            "POST",
            f"/v1{path}",
            json.dumps(body).encode(),
            Content_Type="application/json",
            Idempotency_Key=str(uuid4()),
        )
        if not 200 <= status < 300:
            raise Failed(f"POST {path}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer)

    def log_end(self) -> int:
        """The position of the last event, as the refusal of a later one tells it."""
        _, answer = self.ask("GET", f"{self.dialect.orders}?limit=1", Ordinal_Position=str(BEYOND))
        found = self.dialect.log_end.search(answer.decode())
        if not found:
            raise Failed(f"where the log ends is not to be read from {answer.decode()}")
        return int(found[1])

    def requests(self, path: str, bodies: Sequence[bytes]) -> list[str]:
        """Requests that are ready for the wire, each with a key of its own."""
        once = uuid4().hex
        return [
            request(
                path,
                body,
                [("Authorization", f"Bearer {self.key}"), ("Idempotency-Key", f"{once}-{number}")],
            )
            for number, body in enumerate(bodies)
        ]

    def drive(self, path: str, bodies: Sequence[bytes]) -> Seen:
        """All of them by 32 callers; raises Failed unless all are accepted."""
        seen = drive([self.port], self.requests(path, bodies), CALLERS)
        accepted = sum(count for status, count in seen.statuses.items() if 200 <= status < 300)
        if accepted != len(bodies):
            raise Failed(f"{path}: not all of {len(bodies)} were accepted: {seen.statuses}")
        return seen
