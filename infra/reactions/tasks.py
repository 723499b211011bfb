"""What reactions still have to do: at a time, in portions, or when a person has looked at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from infra.postgres import binary_arrays
from infra.postgres.connections import Connection
from infra.postgres.pipeline import Pipeline, statement
from infra.store.event_log import TABLE

Kind = Literal["command", "event", "stream", "sweep"]

_MADE = statement(
    "reaction_tasks_made",
    "INSERT INTO ordinal.reaction_tasks"
    " (reaction, kind, subject, body, due, origin, correlation_id, causation_id, error)"
    " SELECT $1::text, k, s, b, timestamptz '2000-01-01 00:00:00+00' + d * interval '1 us',"
    " o, c, a, e FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::uuid[],"
    " $7::text[], $8::text[], $9::text[]) WITH ORDINALITY AS given(k, s, b, d, o, c, a, e, nth)"
    " ORDER BY nth ON CONFLICT DO NOTHING",
)
# Whoever finds less than there must be was overtaken: its transaction fails.
_DONE = statement(
    "reaction_tasks_done",
    "WITH gone AS (DELETE FROM ordinal.reaction_tasks WHERE task_id = ANY($1::bigint[])"
    " AND error IS NULL RETURNING 1)"
    " SELECT 1 / (CASE WHEN count(*) = cardinality($1::bigint[]) THEN 1 ELSE 0 END) FROM gone",
)
_SWEPT = statement(
    "reaction_swept",
    "WITH moved AS (UPDATE ordinal.reaction_tasks SET body = $3::text"
    " WHERE task_id = $1::bigint AND body = $2::text RETURNING 1) SELECT 1 / count(*) FROM moved",
)
_COLUMNS = (
    "task_id, reaction, kind, subject, body, due, origin, correlation_id, causation_id, error"
)
_DUE = (
    f"SELECT found.* FROM unnest(%s::text[]) AS chosen(name), LATERAL (SELECT {_COLUMNS}"
    " FROM ordinal.reaction_tasks WHERE reaction = chosen.name AND error IS NULL AND due <= %s"
    " ORDER BY due, task_id LIMIT %s) AS found"
)
# From stream to stream, however many events each has.
_STREAMS = (
    f"WITH RECURSIVE streams AS ((SELECT originator_id AS id FROM {TABLE}"
    " WHERE originator_id > %(after)s AND originator_id < %(end)s"
    f" ORDER BY originator_id LIMIT 1) UNION ALL SELECT (SELECT originator_id FROM {TABLE}"
    " WHERE originator_id > streams.id AND originator_id < %(end)s"
    " ORDER BY originator_id LIMIT 1) FROM streams WHERE streams.id IS NOT NULL)"
    " SELECT id FROM streams WHERE id IS NOT NULL LIMIT %(most)s"
)
LAST_SIGN = chr(0x10FFFF)


class Task(NamedTuple):
    """A row of the table; `body` is a command as JSON, or the last stream that a sweep saw."""

    task_id: int
    reaction: str
    kind: Kind
    subject: str
    body: str
    due: datetime
    origin: UUID
    correlation_id: str
    causation_id: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """One to be written; with an `error` it is parked."""

    kind: Kind
    subject: str
    body: str = ""
    due: datetime
    origin: UUID
    correlation_id: str
    causation_id: str | None
    error: str | None = None


def due_tasks(
    conn: Connection, reactions: Sequence[str], now: datetime, most: int
) -> dict[str, list[Task]]:
    """The first ones of each of these reactions whose time has come, in order."""
    found: dict[str, list[Task]] = {name: [] for name in reactions}
    for row in conn.execute(_DUE, (list(reactions), now, most)).fetchall():
        task = Task(*row)
        found[task.reaction].append(task)
    return found


def parked_tasks(conn: Connection, most: int = 1_000) -> list[Task]:
    """What failed, oldest first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM ordinal.reaction_tasks WHERE error IS NOT NULL"
        " ORDER BY task_id LIMIT %s".encode(),
        (most,),
    ).fetchall()
    return [Task(*row) for row in rows]


def still_there(conn: Connection, task_ids: Sequence[int]) -> bool:
    row = conn.execute(
        "SELECT count(*) FROM ordinal.reaction_tasks WHERE task_id = ANY(%s) AND error IS NULL",
        (list(task_ids),),
    ).fetchone()
    return row is not None and row[0] == len(task_ids)


def streams_after(conn: Connection, prefix: str, after: str, most: int) -> list[str]:
    """The next streams whose ids begin so, in the database's own order."""
    wanted = {"after": after or prefix, "end": prefix + LAST_SIGN, "most": most}
    rows = conn.execute(_STREAMS.encode(), wanted).fetchall()
    return [stream_id for (stream_id,) in rows if stream_id.startswith(prefix)]


# -- side writes


@dataclass(frozen=True, slots=True)
class TasksMade:
    """What a reaction has to do later."""

    reaction: str
    tasks: Sequence[NewTask]

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        tasks, text = self.tasks, binary_arrays.text_array
        micros = binary_arrays.MICROSECOND
        session.send(
            _MADE,
            self.reaction.encode(),
            text([each.kind for each in tasks]),
            text([each.subject for each in tasks]),
            text([each.body for each in tasks]),
            binary_arrays.bigint_array([(e.due - binary_arrays.EPOCH) // micros for e in tasks]),
            binary_arrays.uuid_array([each.origin.bytes for each in tasks]),
            text([each.correlation_id for each in tasks]),
            text([each.causation_id for each in tasks]),
            text([each.error for each in tasks]),
        )


@dataclass(frozen=True, slots=True)
class TasksDone:
    """They go with what followed from them, if they are still there."""

    task_ids: Sequence[int]

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        session.send(_DONE, binary_arrays.bigint_array(self.task_ids))


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep goes on, from the stream that it saw last."""

    task_id: int
    before: str
    after: str

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        number = binary_arrays.integer(self.task_id)
        session.send(_SWEPT, number, self.before.encode(), self.after.encode())
