"""How far a generation of a read model has come, and the one way to move on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg import RawCursor
from psycopg.pq.abc import PGresult

from infra.postgres.binary_arrays import integer
from infra.postgres.connections import Connection
from infra.postgres.pipeline import Pipeline, statement
from infra.store.envelope import event_id_of, recorded_at_of
from infra.store.event_log import read_at, store_epoch


class ProjectorHalted(Exception):
    """Going on would make the read model wrong: a person must look first."""


class CheckpointMoved(Exception):
    """Another process applied events meanwhile, or a newer generation took over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last event applied to one generation; `event_id` is None before the first one."""

    projection: str
    generation: int
    version: int
    position: int
    event_id: str | None
    store_epoch: int
    live: bool


_COLUMNS = "projection, generation, version, position, event_id, store_epoch, live"


def age_of(state: bytes) -> float:
    """Seconds since the event was recorded, 0 when its bytes do not say."""
    recorded_at = recorded_at_of(state)
    return (datetime.now(UTC) - recorded_at).total_seconds() if recorded_at else 0.0


def checkpoints(conn: Connection, projection: str) -> list[Checkpoint]:
    """Every generation's checkpoint, the newest first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM read.checkpoints WHERE projection = %s ORDER BY generation DESC",
        (projection,),
    ).fetchall()
    names = _COLUMNS.split(", ")
    return [Checkpoint(**dict(zip(names, row, strict=True))) for row in rows]


def read_generation(conn: Connection, projection: str, version: int) -> Checkpoint | None:
    """The checkpoint of the generation that this version of the projection reads and feeds."""
    found = (c for c in checkpoints(conn, projection) if c.live and c.version == version)
    return next(found, None)


def verify(conn: Connection, checkpoint: Checkpoint) -> None:
    """Raise ProjectorHalted unless the log is still the one that the checkpoint was taken from."""
    epoch = store_epoch(conn)
    if epoch != checkpoint.store_epoch:
        raise ProjectorHalted(
            f"{checkpoint.projection} was fed from epoch {checkpoint.store_epoch} of the store, "
            f"which is in epoch {epoch} now: rebuild it"
        )
    if checkpoint.position == 0:
        return
    row = read_at(conn, checkpoint.position)
    if row is None or event_id_of(row.state) != checkpoint.event_id:
        raise ProjectorHalted(
            f"the log does not hold event {checkpoint.event_id} at position "
            f"{checkpoint.position}, where {checkpoint.projection} stands: was a backup restored?"
        )


_MOVE = statement(
    "move",
    "UPDATE read.checkpoints SET position = $1::bigint, event_id = $2::text, updated_at = now()"
    " WHERE projection = $3::text AND generation = $4::bigint AND live = $5::boolean"
    " AND position = $6::bigint AND event_id IS NOT DISTINCT FROM $7::text RETURNING generation",
)


def send_move(line: Pipeline, checkpoint: Checkpoint, to: int, event_id: str | None) -> None:
    """Ask to move on by compare-and-set; the row stays locked until the transaction ends."""
    line.send(
        _MOVE,
        integer(to),
        _text(event_id),
        checkpoint.projection.encode(),
        integer(checkpoint.generation),
        b"\1" if checkpoint.live else b"\0",
        integer(checkpoint.position),
        _text(checkpoint.event_id),
    )


def moved(answer: PGresult, checkpoint: Checkpoint, to: int, event_id: str | None) -> Checkpoint:
    """The new checkpoint. Raises CheckpointMoved when the old one was not where we left it."""
    if answer.ntuples == 0:
        raise _moved_by_another(checkpoint)
    return replace(checkpoint, position=to, event_id=event_id)


def move(conn: Connection, checkpoint: Checkpoint, to: int, event_id: str | None) -> Checkpoint:
    """The same in the transaction that the connection is in. Raises CheckpointMoved."""
    old = checkpoint
    values = (to, event_id, old.projection, old.generation, old.live, old.position, old.event_id)
    if RawCursor(conn).execute(_MOVE.sql, values).fetchone() is None:
        raise _moved_by_another(old)
    return replace(old, position=to, event_id=event_id)


def _moved_by_another(checkpoint: Checkpoint) -> CheckpointMoved:
    return CheckpointMoved(f"{checkpoint.projection} was moved by another process")


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
