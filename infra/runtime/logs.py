"""Logs of a process: structlog in JSON lines, or readable ones for people."""

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO

import msgspec
import structlog

from infra.runtime.settings import Settings

_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Lines:
    """Where lines of JSON go whose level is shown; None where they are told one by one."""

    out: BinaryIO | None = None


def log_each(log: Any, event: str, rows: Iterable[dict[str, object]]) -> None:
    """A line at level info for each of these: what one of them costs alone is a thirtieth of an
    order, so lines of one moment share it.
    """
    if _Lines.out is None:
        for row in rows:
            log.info(event, **row)
        return
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    rest: dict[str, object] = {"event": event, "level": "info", "timestamp": now}
    _Lines.out.write(b"".join([_encode(row | rest) + b"\n" for row in rows]))
    _Lines.out.flush()


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
    _Lines.out = out.buffer if as_json and level <= logging.INFO else None
    factory: Any = (
        structlog.BytesLoggerFactory(out.buffer) if as_json else structlog.PrintLoggerFactory(out)
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
