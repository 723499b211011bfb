"""Streams that a read model could not fold, and how they come back."""

from contextlib import closing
from typing import NamedTuple

from infra.postgres.connections import Connection, connect_projector
from infra.readmodels.checkpoints import Checkpoint, read_generation
from infra.readmodels.folding import Folding, facts_of
from infra.readmodels.tables import UNSTORABLE, physical_tables
from infra.store.event_log import read_stream
from projections.projection import Projection


class NotParked(LookupError):
    """The stream is not parked in the generation that is read."""


class StillPoisoned(Exception):
    """The stream can't be folded by this program either; it stays parked."""


class Parked(NamedTuple):
    """A parked stream: from which position on its events are not in the read model, and why."""

    stream_id: str
    position: int
    error: str


def parked_streams(conn: Connection, projection: str, generation: int) -> list[Parked]:
    rows = conn.execute(
        "SELECT stream_id, position, error FROM read.parked"
        " WHERE projection = %s AND generation = %s ORDER BY position",
        (projection, generation),
    ).fetchall()
    return [Parked(*row) for row in rows]


def replay_parked(conninfo: str, projection: Projection, stream_id: str) -> int:
    """Fold the stream anew up to where the read model stands; returns the number of its events.

    Raises NotParked, StillPoisoned, or UnknownEvent when this program is too old for the stream.
    """
    with closing(connect_projector(conninfo, "replay", silence=None)) as conn, conn.transaction():
        checkpoint = _locked(conn, projection)
        _lift(conn, checkpoint, stream_id)
        return _refold(conn, projection, checkpoint, stream_id)


def _locked(conn: Connection, projection: Projection) -> Checkpoint:
    """The checkpoint; it can't move until the transaction ends."""
    conn.execute(
        "SELECT FROM read.checkpoints WHERE projection = %s ORDER BY generation FOR UPDATE",
        (projection.name,),
    )
    found = read_generation(conn, projection.name, projection.version)
    if found is None:
        raise NotParked(f"{projection.name} version {projection.version} is not built")
    return found


def _lift(conn: Connection, checkpoint: Checkpoint, stream_id: str) -> None:
    cursor = conn.execute(
        "DELETE FROM read.parked WHERE projection = %s AND generation = %s AND stream_id = %s",
        (checkpoint.projection, checkpoint.generation, stream_id),
    )
    if cursor.rowcount == 0:
        raise NotParked(f"{stream_id} is not parked in {checkpoint.projection}")


def _refold(
    conn: Connection, projection: Projection, checkpoint: Checkpoint, stream_id: str
) -> int:
    tables = physical_tables(projection, checkpoint.generation)
    stored = read_stream(conn, stream_id)
    facts = list(facts_of(projection, (r for r in stored if r.position <= checkpoint.position)))
    folding = Folding(projection, tables)
    folding.fold(facts, {})
    for failure in folding.failures.values():
        raise StillPoisoned(f"position {failure.position}: {failure.error}")
    changes = folding.changes()
    for table in tables:
        table.delete(conn, projection.owner(stream_id))
    try:
        for table in tables:
            table.write(conn, changes[table.row])
    except UNSTORABLE as error:
        raise StillPoisoned(f"{stream_id}: {error}") from error
    return len(facts)
