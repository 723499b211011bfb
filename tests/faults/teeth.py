"""Damage done on purpose: what a guard prevents, for showing that the checker sees it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from commands.handling import Context, Handlers, Handling, Receipt, Streams
from infra.audit.verify import Findings, verify_store
from infra.postgres.connections import Connection
from infra.write_path.group_commit import Writer
from projections import PROJECTIONS
from projections.projection import Projection
from tests.faults.system import SKU, named
from tests.infra.running import project
from tests.infra.shop import LOCATION, MARKING, do, open_shop, order, writing

PLACED = 3


@dataclass(slots=True, kw_only=True)
class Force:
    """Appends these events to a stream, whatever the stream says to it."""

    stream_id: str
    events: Sequence[object]


def force(command: Force, streams: Streams, context: Context, now: datetime) -> Receipt:
    streams.append(command.stream_id, command.events)
    return Receipt(id="forced", stream_id=command.stream_id, outcome="forced")


FORCING: Handlers = {
    **MARKING,
    Force: Handling(force, lambda c, _: iter([(c.stream_id,)]), lambda c: c.stream_id),
}


@contextmanager
def small_store(conninfo: str) -> Iterator[Writer]:
    """A shop with a few orders that is sound, and a writer that can be forced."""
    with writing(conninfo) as writer:
        open_shop(writer, [SKU], units=100)
        for number in range(PLACED):
            do(writer, order(f"o-{number}", SKU, reference=f"r-{number}"))
    assert not breaches(conninfo)
    with writing(conninfo, FORCING) as writer:
        yield writer


def breaches(conninfo: str, projections: Sequence[Projection] = PROJECTIONS) -> set[str]:
    """The invariants that the checker says are broken."""
    found = Findings()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        verify_store(conn, projections, found)
    print(named(found))
    return {finding.invariant for finding in found.of.values() if finding.breaches}


def read_models(conninfo: str) -> None:
    for projection in PROJECTIONS:
        project(conninfo, projection)


@contextmanager
def unguarded(conninfo: str) -> Iterator[Connection]:
    """The owner with the log's triggers switched off; they are back afterwards."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("ALTER TABLE ordinal.stored_events DISABLE TRIGGER USER")
        yield conn
        for trigger in ("append_guard", "append_only"):
            conn.execute(f"ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER {trigger}")


def execute(conninfo: str, statement: str, *parameters: Any) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(statement.encode(), parameters or None)


STOCK_STREAM = f"stock-{LOCATION}-{SKU}"
