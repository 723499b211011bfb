"""Writers of the event log, as verbs use them."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from commands import HANDLERS
from commands.handling import Context
from consumers.files.importing import Write
from infra.postgres.connections import connect, connect_writer
from infra.runtime.settings import Settings
from infra.write_path.append_batch import CommandRequest, Outcome
from infra.write_path.group_commit import LogUnavailable, Writer
from infra.write_path.snapshots import Snapshots

PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)

log = structlog.get_logger("ordinal")

T = TypeVar("T")


# Bytes of orders that an intake keeps although it has not heard of them again: some thousand.
TAKEN_IN_BYTES = 4_000_000


def keeping_writer(settings: Settings, conninfo: str, once_bytes: int | None = None) -> Writer:
    """A writer for a long life: it keeps snapshots, so that the next one starts fast.

    `once_bytes` bounds what it keeps of streams that it used but once.
    """
    return Writer(
        lambda: connect_writer(conninfo),
        HANDLERS,
        cache_bytes=settings.cache_bytes,
        once_bytes=once_bytes,
        snapshots=Snapshots(lambda: connect(conninfo, "ordinal_writer")),
    )


def writer_of(conninfo: str, cache_bytes: int = 256_000_000) -> Writer:
    return Writer(lambda: connect_writer(conninfo), HANDLERS, cache_bytes=cache_bytes)


def patiently(ask: Callable[[], T]) -> T:
    """Waits for a database that is away: for what may be asked again."""
    for pause in PAUSES:
        try:
            return ask()
        except LogUnavailable as error:
            log.warning("import_waits", error=str(error))
            time.sleep(pause)
    return ask()


def patient_write(writer: Writer) -> Write:
    """Carries batches out in order, and waits for a database that is away: repeats are harmless."""

    def write(asked: Sequence[tuple[object, Context]]) -> list[Outcome]:
        asks = [CommandRequest(command, context) for command, context in asked]
        patiently(lambda: writer.write(asks))
        return [ask.outcome or LogUnavailable("no outcome") for ask in asks]

    return write
