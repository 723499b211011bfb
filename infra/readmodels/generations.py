"""Generations of a read model: made, shown to analysts, dropped.

The tables of a generation carry its number. What analysts query are views without one, over the
newest generation that is live; their columns are only ever appended.
"""

from collections.abc import Sequence

import psycopg
import structlog

from infra.postgres import advisory_locks
from infra.postgres.connections import Connection
from infra.readmodels.checkpoints import Checkpoint, checkpoints, read_generation
from infra.readmodels.tables import SCHEMA, PhysicalTable, physical_tables
from infra.readmodels.views import ContractBroken, differing, show_views
from infra.store.event_log import store_epoch
from projections.projection import Projection

__all__ = ["ContractBroken"]

LOCK_TIMEOUT_MS = 1_000
log = structlog.get_logger("readmodels")


def ensure_generation(conn: Connection, projection: Projection) -> None:
    """Make the first generation, live from the start, when the read model has none at all."""
    if checkpoints(conn, projection.name):
        return
    with conn.transaction():
        lock_definitions(conn)
        if not checkpoints(conn, projection.name):
            number = create_generation(conn, projection).generation
            index_generation(conn, projection, number)
            show_generation(conn, projection, number)
            open_generation(conn, projection, number)


def outdated(conn: Connection, projections: Sequence[Projection]) -> list[Projection]:
    """Those that an older release has built, and this one has not yet."""
    return [each for each in projections if _outdated(checkpoints(conn, each.name), each.version)]


def _outdated(known: Sequence[Checkpoint], version: int) -> bool:
    built = any(each.live and each.version == version for each in known)
    return not built and max((each.version for each in known), default=version + 1) <= version


def lock_definitions(conn: Connection) -> None:
    """Only one process at a time changes tables and views, until its transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_locks.DEFINITION,))


def create_generation(conn: Connection, projection: Projection) -> Checkpoint:
    """Empty tables without indexes beside those that are read, and a checkpoint at 0."""
    known = checkpoints(conn, projection.name)
    number = 1 + max((c.generation for c in known), default=0)
    for table in physical_tables(projection, number):
        table.create(conn)
    conn.execute(
        "INSERT INTO read.checkpoints (projection, generation, version, store_epoch)"
        " VALUES (%s, %s, %s, %s)",
        (projection.name, number, projection.version, store_epoch(conn)),
    )
    return checkpoints(conn, projection.name)[0]


def index_generation(conn: Connection, projection: Projection, generation: int) -> None:
    """Make the indexes that were left out, and tell the planner what the tables hold."""
    for table in physical_tables(projection, generation):
        table.create_indexes(conn)


def open_generation(conn: Connection, projection: Projection, generation: int) -> None:
    """Let projectors and the API of this version have the tables.

    An older generation of the same version is not fed any more; one of another version is, as
    long as processes of that version run.
    """
    conn.execute(
        "UPDATE read.checkpoints SET live = (generation = %s)"
        " WHERE projection = %s AND version = %s",
        (generation, projection.name, projection.version),
    )


def show_generation(conn: Connection, projection: Projection, generation: int) -> None:
    """Point the views without a number at these tables."""
    for table in physical_tables(projection, generation):
        table.contract(conn, _kept_columns(conn, table))
    show_views(conn, projection)


def refresh_views(conn: Connection, projection: Projection) -> None:
    """Show what an older release showed otherwise as this one does.

    It must hold nobody up: analysts who look at the views, or have made some over them, keep the
    old ones until the next time.
    """
    try:
        with conn.transaction():
            conn.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            lock_definitions(conn)
            newest = next((c for c in checkpoints(conn, projection.name) if c.live), None)
            if newest is None or newest.version != projection.version:
                return
            if changed := differing(conn, projection, newest.generation):
                show_generation(conn, projection, newest.generation)
                log.info("views_refreshed", projection=projection.name, views=changed)
    except (psycopg.errors.LockNotAvailable, ContractBroken) as error:
        log.warning("views_not_refreshed", projection=projection.name, error=str(error).strip())


def drop_old(conn: Connection, projection: Projection) -> list[int]:
    """Drop every generation before the one that this version reads; returns their numbers.

    Raises LookupError when this version has none that is complete, but others have.
    """
    with conn.transaction():
        lock_definitions(conn)
        if not checkpoints(conn, projection.name):
            return []
        kept = read_generation(conn, projection.name, projection.version)
        if kept is None:
            raise LookupError(f"{projection.name} version {projection.version} was never built")
        known = [c.generation for c in checkpoints(conn, projection.name)]
        old = [number for number in known if number < kept.generation]
        for number in old:
            drop_generation(conn, projection, number)
    return old


def drop_generation(conn: Connection, projection: Projection, number: int) -> None:
    """Remove its tables and whatever is known of it."""
    conn.execute(
        "DELETE FROM read.checkpoints WHERE projection = %s AND generation = %s",
        (projection.name, number),
    )
    conn.execute(
        "DELETE FROM read.parked WHERE projection = %s AND generation = %s",
        (projection.name, number),
    )
    for table in physical_tables(projection, number):
        table.drop(conn)


def _kept_columns(conn: Connection, table: PhysicalTable) -> list[str]:
    rows = conn.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (SCHEMA, table.table.name),
    ).fetchall()
    kept = [str(name) for (name,) in rows]
    gone = [name for name in kept if name not in table.shown]
    if gone:
        raise ContractBroken(f"{table.table.name} would lose {', '.join(gone)}")
    return kept
