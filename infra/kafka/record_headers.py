"""The headers of an event's message: what routing needs, so that nobody unpacks it for that."""

from functools import cache
from typing import Any, NamedTuple

from infra.store.envelope import Head

Header = tuple[str, bytes]


class Place(NamedTuple):
    """Where in the log an event stands, and what it is called."""

    position: int
    stream_version: int
    type: str


class HeaderWriter:
    """For the events of a store in its present epoch."""

    def __init__(self, store_epoch: int) -> None:
        self._epoch = ("store_epoch", b"%d" % store_epoch)

    def headers(self, head: Head, name: str, position: int, version: int) -> list[Header]:
        headers = [
            ("event_id", head.event_id.encode()),
            _type(name),
            _schema_version(head.schema_version),
            ("position", b"%d" % position),
            ("stream_version", b"%d" % version),
            ("occurred_at", head.occurred_at.encode()),
            self._epoch,
        ]
        if head.traceparent is not None:
            headers.append(("traceparent", head.traceparent.encode()))
        return headers


def position_of(record: Any) -> int | None:
    """The log position of an event's message, None when it has none: nobody of ours wrote it."""
    for name, value in record.headers:
        if name == "position":
            return int(value) if value and value.isdigit() else None
    return None


def place_of(record: Any) -> Place | None:
    """The same with all that is needed to put it in its place."""
    headers = dict(record.headers)
    try:
        position, version = int(headers["position"]), int(headers["stream_version"])
        return Place(position, version, headers["type"].decode())
    except (KeyError, ValueError, AttributeError, TypeError):
        return None


@cache
def _type(name: str) -> Header:
    return ("type", name.encode())


@cache
def _schema_version(version: int) -> Header:
    return ("schema_version", b"%d" % version)
