"""Where everything stands, at a glance: the log, who follows it, what waits for a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from psycopg import IsolationLevel

from infra.ops.heartbeats import Part, parts
from infra.ops.reaction_status import (
    ReactionStatus,
    age_behind,
    problems_of_reactions,
    reaction_status,
)
from infra.postgres.connections import Connection, connect
from infra.reactions.switches import switches
from infra.readmodels.checkpoints import Checkpoint, ProjectorHalted, checkpoints, verify
from infra.readmodels.parked_streams import Parked, parked_streams
from infra.store.clock_epochs import MOST_AHEAD, ClockStatus, clock_status, said
from infra.store.event_log import head, store_epoch
from projections.projection import Projection

# No role: every login that a process uses may see what is asked for here.
ROLE = "none"
DEAD_LETTERS = "dead-letters"
# Seconds of age at which what somebody has not seen calls for a look.
LATE = 30.0
# Seconds after which an intake that is not heard of any more is taken for one that was given up.
FORGOTTEN = 7 * 24 * 3600.0
INTAKE = "intake "
REACTIONS = "reactions"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """One generation of a read model. `live` ones are fed and read by processes of `version`.

    Lag is counted in positions, and in the seconds since the first event that was not seen.
    `contradiction` says why the log cannot be the one that it was fed from.
    """

    generation: int
    version: int
    live: bool
    position: int
    lag_events: int
    lag_seconds: float
    parked: Sequence[Parked]
    contradiction: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelStatus:
    """A read model; `version` is this program's, `read` its generation once that is built."""

    projection: str
    version: int
    read: GenerationStatus | None
    generations: Sequence[GenerationStatus]
    projector: Part | None

    @property
    def built(self) -> bool:
        return self.read is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLag:
    """What is known of the relay here: its last index record stands in Kafka."""

    part: Part | None
    position: int
    lag_events: int
    lag_seconds: float
    lag_outbox: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The store and everything that follows from it. `dead_letters` are those still kept here;
    `relay` is None where no Kafka is. `awaited` are intakes that nobody was ever heard of.
    """

    head: int
    store_epoch: int
    clock: ClockStatus
    read_models: Sequence[ReadModelStatus]
    relay: RelayLag | None
    intakes: Sequence[Part]
    dead_letters: int
    awaited: Sequence[str] = ()
    topic_changes: Mapping[str, int] = field(default_factory=dict)
    reactions: Sequence[ReactionStatus] = ()
    runner: Part | None = None

    @property
    def parts(self) -> dict[str, Part | None]:
        """Everybody who should be at work, by name; None for who was never heard of."""
        relay = {"relay": self.relay.part} if self.relay else {}
        projectors = {f"projector {m.projection}": m.projector for m in self.read_models}
        intakes = dict.fromkeys(self.awaited) | {part.name: part for part in self.intakes}
        runner = {REACTIONS: self.runner} if self.reactions else {}
        return relay | projectors | intakes | runner


def status(
    conninfo: str,
    projections: Sequence[Projection],
    *,
    relayed: bool = False,
    channels: Iterable[str] = (),
) -> Status:
    """Ask the database; `relayed` says that a relay is expected to be at work, and with it an
    intake for each of the `channels`.
    """
    with closing(connect_status(conninfo)) as conn:
        return look(conn, projections, relayed=relayed, channels=channels)


def connect_status(conninfo: str) -> Connection:
    """A session for looking around in, which sees one state of the database at a time."""
    conn = connect(conninfo, ROLE)
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    return conn


def look(
    conn: Connection,
    projections: Sequence[Projection],
    *,
    relayed: bool,
    channels: Iterable[str] = (),
) -> Status:
    """Costs some dozen short statements, whatever the size of the log."""
    with conn.transaction():
        last, heard = head(conn), {part.name: part for part in parts(conn)}
        intakes = [part for part in heard.values() if relayed and _is_intake(part)]
        return Status(
            head=last,
            store_epoch=store_epoch(conn),
            clock=clock_status(conn),
            read_models=[
                _read_model(conn, each, last, heard.get(f"projector {each.name}"))
                for each in projections
            ],
            relay=_relay(conn, last, heard.get("relay")) if relayed else None,
            intakes=intakes,
            awaited=[f"{INTAKE}{name}" for name in channels if relayed and not _any(intakes, name)],
            topic_changes=_topic_changes(conn),
            reactions=[reaction_status(conn, each, last) for each in switches(conn).values()],
            runner=heard.get(REACTIONS),
            dead_letters=_number(
                conn, f"SELECT count(*) FROM ordinal.outbox WHERE topic = '{DEAD_LETTERS}'"
            ),
        )


def _is_intake(part: Part) -> bool:
    return part.name.startswith(INTAKE) and part.age < FORGOTTEN


def _any(intakes: Iterable[Part], channel: str) -> bool:
    """Whether somebody takes in this shape, for whichever channel."""
    return any(part.name.removeprefix(INTAKE).split(" ")[0] == channel for part in intakes)


def _topic_changes(conn: Connection) -> dict[str, int]:
    """How often a topic turned out to be another one, or to have lost what was read of it."""
    return dict(conn.execute("SELECT topic, changes FROM ordinal.intake_topics").fetchall())


def problems(found: Status) -> list[str]:
    """What is not as it should be, one sentence each; dead letters are answered, not waited for."""
    return [
        *_problems_of_clocks(found.clock),
        *_problems_of_parts(found),
        *_problems_of_models(found),
        *_problems_of_relay(found),
        *problems_of_reactions(found.reactions, LATE),
    ]


def _problems_of_clocks(clock: ClockStatus) -> Iterator[str]:
    if clock.database_ahead > MOST_AHEAD:
        ahead = said(clock.database_ahead)
        yield f"the database's clock is {ahead} ahead of this machine's: put the wrong one right"
    elif clock.log_ahead > MOST_AHEAD:
        yield (
            f"a wrong clock dated the log {said(clock.log_ahead)} ahead:"
            " `ordinal store accept-clock` begins a new clock epoch"
        )


def _problems_of_parts(found: Status) -> Iterator[str]:
    for name, part in found.parts.items():
        if part is None:
            yield f"{name} was never heard of"
        elif not part.works:
            said = f": {part.detail}" if part.detail else ""
            yield f"{name} is {part.state}, heard of {part.age:.0f} s ago{said}"


def problems_of(found: Status, begins: str) -> list[str]:
    """What is wrong with the parts whose names begin so, which must exist."""
    chosen = [name for name in found.parts if name.startswith(begins)]
    wrong = [each for each in _problems_of_parts(found) if each.startswith(begins)]
    return wrong if chosen else [f"no part is called {begins}"]


def _problems_of_models(found: Status) -> Iterator[str]:
    for model in found.read_models:
        if model.read is None:
            yield f"{model.projection} version {model.version} is not built"
            continue
        if model.read.contradiction:
            yield model.read.contradiction
        elif model.read.lag_seconds > LATE:
            yield f"{model.projection} is {model.read.lag_seconds:.0f} s behind"
        if model.read.parked:
            yield f"{len(model.read.parked)} streams of {model.projection} are parked"


def _problems_of_relay(found: Status) -> Iterator[str]:
    if found.relay and found.relay.lag_seconds > LATE:
        yield f"the topics are {found.relay.lag_seconds:.0f} s behind"


def _read_model(
    conn: Connection, projection: Projection, last: int, projector: Part | None
) -> ReadModelStatus:
    known = [_generation(conn, each, last) for each in checkpoints(conn, projection.name)]
    read = (each for each in known if each.live and each.version == projection.version)
    return ReadModelStatus(
        projection=projection.name,
        version=projection.version,
        read=next(read, None),
        generations=known,
        projector=projector,
    )


def _generation(conn: Connection, checkpoint: Checkpoint, last: int) -> GenerationStatus:
    return GenerationStatus(
        generation=checkpoint.generation,
        version=checkpoint.version,
        live=checkpoint.live,
        position=checkpoint.position,
        lag_events=max(0, last - checkpoint.position),
        lag_seconds=age_behind(conn, checkpoint.position, last),
        parked=parked_streams(conn, checkpoint.projection, checkpoint.generation),
        contradiction=_contradiction(conn, checkpoint) if checkpoint.live else None,
    )


def _contradiction(conn: Connection, checkpoint: Checkpoint) -> str | None:
    try:
        verify(conn, checkpoint)
    except ProjectorHalted as halt:
        return str(halt)
    return None


def _relay(conn: Connection, last: int, part: Part | None) -> RelayLag:
    position, outbox = (part.position, part.outbox) if part else (0, 0)
    newest = _number(conn, "SELECT coalesce(max(outbox_id), 0) FROM ordinal.outbox")
    return RelayLag(
        part=part,
        position=position,
        lag_events=max(0, last - position),
        lag_seconds=age_behind(conn, position, last),
        lag_outbox=max(0, newest - outbox),
    )


def _number(conn: Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
