"""Logs of a process: structlog in JSON lines, or readable ones for people."""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO, cast

import msgspec
import structlog

from infra.runtime.settings import Settings

_encode = msgspec.json.Encoder(enc_hook=str).encode


_held = threading.local()


class Lines:
    """Where log lines go, each at once unless its thread holds them together."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, line: bytes) -> None:
        held: list[bytes] | None = getattr(_held, "lines", None)
        if held is None:
            self._out.write(line)
        else:
            held.append(line)
            _held.out = self._out

    def flush(self) -> None:
        if getattr(_held, "lines", None) is None:
            self._out.flush()


@contextmanager
def together() -> Iterator[None]:
    """Let what this thread logs meanwhile go out in one piece.

    Each write hands the interpreter lock to whoever waits for it.
    """
    lines: list[bytes] = []
    _held.lines = lines
    try:
        yield
    finally:
        _held.lines = None
        if lines:
            _held.out.write(b"".join(lines))
            _held.out.flush()


def _render(_: Any, __: str, line: Mapping[str, Any]) -> bytes:
    return _encode(line)


def configure_logging(settings: Settings, *, stream: TextIO | None = None) -> None:
    """One JSON object a line on standard error, or readable lines for a terminal."""
    out = stream or sys.stderr
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json"
    factory: Any = (
        structlog.BytesLoggerFactory(cast(BinaryIO, Lines(out.buffer)))
        if as_json
        else structlog.PrintLoggerFactory(out)
    )
    last: list[Any] = (
        [structlog.processors.format_exc_info, _render]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=shared + last,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=out, level=logging.WARNING, format="%(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
