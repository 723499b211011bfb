"""Where everything stands, at a glance: the log, its read models, what waits for a person."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from infra.checkpoints import Checkpoint, age_of, checkpoints
from infra.event_log import TABLE, Connection, connect, head, read_after, store_epoch
from infra.parking import Parked, parked_streams
from projections.projection import Projection

DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """One generation of a read model. `live` ones are fed and read by processes of `version`."""

    generation: int
    version: int
    live: bool
    position: int
    lag_events: int
    lag_seconds: float
    parked: Sequence[Parked]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelStatus:
    """A read model; `version` is this program's, `built` says whether it can be read."""

    projection: str
    version: int
    built: bool
    generations: Sequence[GenerationStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The store and everything that follows from it. `dead_letters` are those still kept here."""

    head: int
    store_epoch: int
    read_models: Sequence[ReadModelStatus]
    dead_letters: int


def status(conninfo: str, projections: Sequence[Projection]) -> Status:
    """Ask the database; takes a moment when a read model is far behind."""
    with closing(connect(conninfo, "ordinal_writer", timeout=10)) as conn, conn.transaction():
        return Status(
            head=head(conn),
            store_epoch=store_epoch(conn),
            read_models=[_read_model(conn, each) for each in projections],
            dead_letters=_count(conn, "FROM ordinal.outbox WHERE topic = %s", DEAD_LETTERS),
        )


def _read_model(conn: Connection, projection: Projection) -> ReadModelStatus:
    known = checkpoints(conn, projection.name)
    return ReadModelStatus(
        projection=projection.name,
        version=projection.version,
        built=any(c.live and c.version == projection.version for c in known),
        generations=[_generation(conn, each) for each in known],
    )


def _generation(conn: Connection, checkpoint: Checkpoint) -> GenerationStatus:
    following = read_after(conn, checkpoint.position, 1)
    return GenerationStatus(
        generation=checkpoint.generation,
        version=checkpoint.version,
        live=checkpoint.live,
        position=checkpoint.position,
        lag_events=_count(conn, f"FROM {TABLE} WHERE notification_id > %s", checkpoint.position),
        lag_seconds=age_of(following[0].state) if following else 0.0,
        parked=parked_streams(conn, checkpoint.projection, checkpoint.generation),
    )


def _count(conn: Connection, what: str, value: object) -> int:
    row = conn.execute(f"SELECT count(*) {what}", (value,)).fetchone()
    return int(row[0]) if row else 0
