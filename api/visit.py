"""What each request has, whichever way it goes: an id, fields that stand once, an observation."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from time import perf_counter

from api.ports import Edge, Seen
from api.problems import MalformedRequest

REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# Two of these would say two things, and each reader of the request might follow another one.
ONCE = frozenset({
    b"authorization", b"idempotency-key", b"if-match", b"ordinal-position", b"ordinal-occurred-at",
    b"content-type", b"ordinal-on-behalf-of", b"ordinal-reason",
})  # fmt: skip
# Two ids are none.
IDS = frozenset({b"x-request-id", b"traceparent"})

Headers = Sequence[tuple[bytes, bytes]]


class Visit:
    """One request on its way through. `route` is the route's template."""

    __slots__ = (
        "_repeated", "_started", "caller", "edge", "fields", "id_header", "method", "request_id",
        "route", "status", "traceparent",
    )  # fmt: skip

    def __init__(self, headers: Headers, edge: Edge, method: str, route: str = "unknown") -> None:
        self._started = perf_counter()
        self.edge, self.method, self.route = edge, method, route
        self.status = 0
        self.caller: str | None = None
        self.fields: dict[bytes, bytes] = dict(headers)
        self._repeated = repeated(headers) if len(self.fields) < len(headers) else ()
        for name in IDS.intersection(self._repeated):
            del self.fields[name]
        self.traceparent = traceparent(self.fields)
        self.request_id = self._stated_id() or edge.new_id().hex
        self.id_header = (b"x-request-id", self.request_id.encode())

    def refuse_repeated(self) -> None:
        """Refuse a header that stands more than once, where it must not."""
        for name in self._repeated:
            if name in ONCE:
                field = name.decode().title()
                raise MalformedRequest("This header stands more than once.", field=field)

    def fail(self, error: Exception) -> None:
        """Have it logged that this ended in an error that nobody expected."""
        self.edge.observe.failed(self._seen(), error)

    def end(self) -> None:
        self.edge.observe.answered(self._seen())

    def _seen(self) -> Seen:
        return Seen(
            self.method,
            self.route,
            self.status,
            perf_counter() - self._started,
            self.request_id,
            self.caller,
        )

    def _stated_id(self) -> str | None:
        """The caller's own id for this request, or for the trace that it belongs to."""
        own = self.fields.get(b"x-request-id")
        if own and REQUEST_ID.fullmatch(own):
            return own.decode()
        return None if self.traceparent is None else self.traceparent.split("-")[1]


def repeated(headers: Iterable[tuple[bytes, bytes]]) -> Sequence[bytes]:
    """Names that stand more than once."""
    return [name for name, times in Counter(name for name, _ in headers).items() if times > 1]


def traceparent(fields: dict[bytes, bytes]) -> str | None:
    """The W3C trace that a request belongs to, when it is well formed."""
    stated = fields.get(b"traceparent")
    return stated.decode() if stated and TRACEPARENT.fullmatch(stated) else None
