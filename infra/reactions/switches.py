"""Which reactions are on, and where they stand; switched by a person, kept in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from consumers.reaction import Reaction, Reactions
from infra.postgres.binary_arrays import integer
from infra.postgres.connections import Connection
from infra.postgres.pipeline import Pipeline, statement
from infra.store.event_log import head, store_epoch
from infra.write_path.side_writes import Step

FIRST_EPOCH = 1

# One that was switched off meanwhile does nothing more: the transaction fails.
_COUNTED = statement(
    "reaction_counted",
    "WITH counted AS (UPDATE ordinal.reactions AS known SET accepted = accepted + $2::bigint,"
    " refused = refused + $3::bigint FROM ordinal.store WHERE known.name = $1::text"
    " AND known.switched_on AND known.store_epoch = store.store_epoch RETURNING 1)"
    " SELECT 1 / count(*) FROM counted",
)
_SWITCHES = (
    "SELECT known.name, switched_on AND known.store_epoch = store.store_epoch, switched_on,"
    " coalesce(position, 0), coalesce(step, 0), accepted, refused,"
    " (SELECT count(*) FROM ordinal.reaction_tasks WHERE reaction = known.name"
    " AND error IS NOT NULL)"
    " FROM ordinal.reactions AS known CROSS JOIN ordinal.store"
    " LEFT JOIN ordinal.steps ON steps.name = 'reaction ' || known.name"
)
_STAND = (
    "INSERT INTO ordinal.steps AS stored (name, position, step) VALUES (%s, %s, 0)"
    " ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position, step = stored.step + 1"
)
_SWEEP = (
    "INSERT INTO ordinal.reaction_tasks (reaction, kind, subject, due, origin, correlation_id)"
    " VALUES (%s, 'sweep', %s, ordinal.clock(), %s, %s)"
)


class Switch(NamedTuple):
    """A reaction as the store knows it. `wanted` says that it was switched on, be it in an epoch
    that is over.
    """

    name: str
    on: bool
    wanted: bool
    position: int
    step: int
    accepted: int
    refused: int
    parked: int

    @property
    def stands(self) -> Step:
        return Step(self.position, self.step)


def step_name(reaction: str) -> str:
    return f"reaction {reaction}"


def switches(conn: Connection) -> dict[str, Switch]:
    """Every reaction that was ever heard of, by name."""
    return {row[0]: Switch(*row) for row in conn.execute(_SWITCHES).fetchall()}


def register(conn: Connection, reactions: Reactions) -> None:
    """Switch on those that the store does not know yet; not in one that was restored, where a
    person decides.
    """
    on = store_epoch(conn) == FIRST_EPOCH
    for name in reactions.keys() - switches(conn).keys():
        with conn.transaction():
            made = conn.execute(
                "INSERT INTO ordinal.reactions (name, switched_on, store_epoch)"
                " SELECT %s, %s, store_epoch FROM ordinal.store ON CONFLICT DO NOTHING",
                (name, on),
            )
            if made.rowcount and on:
                _begin(conn, reactions[name])


def switch(conn: Connection, reaction: Reaction, *, on: bool) -> None:
    """Off, it does nothing more and forgets what it had to do. Switched on, also anew, it begins
    with a sweep and goes on from here; what is parked stays.
    """
    with conn.transaction():
        conn.execute(
            "INSERT INTO ordinal.reactions AS known (name, switched_on, store_epoch)"
            " SELECT %s, %s, store_epoch FROM ordinal.store ON CONFLICT (name) DO UPDATE"
            " SET switched_on = EXCLUDED.switched_on, store_epoch = EXCLUDED.store_epoch,"
            " switched_at = now()",
            (reaction.name, on),
        )
        _forget(conn, reaction)
        if on:
            _begin(conn, reaction)


def _forget(conn: Connection, reaction: Reaction) -> None:
    conn.execute(
        "DELETE FROM ordinal.reaction_tasks WHERE reaction = %s AND error IS NULL",
        (reaction.name,),
    )


def _begin(conn: Connection, reaction: Reaction) -> None:
    """What was recorded before the head is swept up; what comes later is read."""
    conn.execute(_STAND, (step_name(reaction.name), head(conn)))
    for prefix in reaction.sweeps:
        conn.execute(_SWEEP, (reaction.name, prefix, uuid4(), f"sweep of {prefix}"))


def retry(conn: Connection, reaction: Reaction) -> int:
    """Do again what is parked; returns how much that is."""
    return conn.execute(
        "UPDATE ordinal.reaction_tasks SET error = NULL, due = ordinal.clock()"
        " WHERE reaction = %s AND error IS NOT NULL",
        (reaction.name,),
    ).rowcount


@dataclass(frozen=True, slots=True)
class Counted:
    """So many commands of it were carried out and refused, while it is on."""

    reaction: str
    accepted: int
    refused: int

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        counts = integer(self.accepted), integer(self.refused)
        session.send(_COUNTED, self.reaction.encode(), *counts)


Switches = Mapping[str, Switch]
