"""What moves in the transaction of commands besides their events: all of it or nothing.

Each is a `SideWrite`: it sends its statements behind the events. One that goes on from where
somebody stands says where that was; when another has moved meanwhile, the division by the rows that
it found fails, and the transaction with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import instant, integer
from infra.postgres.pipeline import Pipeline, statement
from infra.write_path.append_batch import CommandRequest

_json = msgspec.json.Encoder().encode


class SideWrite(Protocol):
    """Something that moves with commands."""

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        """Send the statements; their results are looked at with the commit's."""
        ...


SideWrites = Callable[[Sequence[CommandRequest]], Sequence[SideWrite]]
"""What belongs to these commands, which one transaction carries out: they have their outcomes.

A batch may take several transactions, each with its part of the commands in order; one that is
rolled back asks again.
"""


# -- messages

_OUTBOX = statement(
    "outbox",
    "INSERT INTO ordinal.outbox (topic, key, value, headers, recorded_at)"
    " SELECT t, k, v, h::jsonb, $1::timestamptz"
    " FROM unnest($2::text[], $3::bytea[], $4::bytea[], $5::text[]) AS given(t, k, v, h)",
)


class OutboxMessage(NamedTuple):
    """A message that is no event, published by the relay in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outbox:
    """Messages for the relay."""

    messages: Sequence[OutboxMessage]

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        messages = self.messages
        session.send(
            _OUTBOX,
            instant(recorded_at),
            binary_arrays.text_array([message.topic for message in messages]),
            binary_arrays.bytea_array([message.key for message in messages]),
            binary_arrays.bytea_array([message.value for message in messages]),
            binary_arrays.encoded_text_array([_json(message.headers) for message in messages]),
        )


# -- where somebody stands

_OFFSETS = statement(
    "offsets",
    "WITH given AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])"
    " AS given(topic, part, present, next)),"
    " moved AS (INSERT INTO ordinal.intake_offsets AS stored (topic, partition, next_offset)"
    " SELECT topic, part, next FROM given ON CONFLICT (topic, partition)"
    " DO UPDATE SET next_offset = EXCLUDED.next_offset WHERE stored.next_offset ="
    " (SELECT present FROM given WHERE topic = stored.topic AND part = stored.partition)"
    " RETURNING 1) SELECT 1 / (CASE WHEN (SELECT count(*) FROM moved) ="
    " (SELECT count(*) FROM given) THEN 1 ELSE 0 END)",
)
_STEP = statement(
    "step",
    "WITH moved AS (INSERT INTO ordinal.steps AS stored (name, position, step)"
    " SELECT $1::text, $4::bigint, $5::bigint WHERE ($2::bigint, $3::bigint) = (0, 0)"
    " OR EXISTS (SELECT FROM ordinal.steps WHERE name = $1)"
    " ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position, step = EXCLUDED.step"
    " WHERE (stored.position, stored.step) = ($2, $3) RETURNING 1)"
    " SELECT 1 / (SELECT count(*) FROM moved)",
)


@dataclass(frozen=True, slots=True)
class Offsets:
    """By topic and partition, from the offset that must still stand there to the next."""

    moves: Mapping[tuple[str, int], tuple[int, int]]

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        moves = self.moves
        session.send(
            _OFFSETS,
            binary_arrays.text_array([topic for topic, _ in moves]),
            binary_arrays.bigint_array([partition for _, partition in moves]),
            binary_arrays.bigint_array([present for present, _ in moves.values()]),
            binary_arrays.bigint_array([following for _, following in moves.values()]),
        )


class Step(NamedTuple):
    """A place in the log, and how much of what follows from the event there is done."""

    position: int
    step: int


@dataclass(frozen=True, slots=True)
class StepTaken:
    """Somebody who follows the log goes on, from (0, 0) at first."""

    name: str
    before: Step
    after: Step

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        places = (*self.before, *self.after)
        session.send(_STEP, self.name.encode(), *(integer(place) for place in places))


# -- imports

_PROGRESS = statement(
    "import_progress",
    "WITH moved AS (INSERT INTO ordinal.imports AS stored (content, name, done, recorded_at)"
    " SELECT $1::bytea, $2::text, $4::bigint, $5::timestamptz WHERE $3::bigint = 0"
    " OR EXISTS (SELECT FROM ordinal.imports WHERE content = $1)"
    " ON CONFLICT (content) DO UPDATE SET done = EXCLUDED.done, recorded_at = EXCLUDED.recorded_at"
    " WHERE stored.done = $3 RETURNING 1) SELECT 1 / (SELECT count(*) FROM moved)",
)
_REFUSALS = statement(
    "import_refusals",
    "INSERT INTO ordinal.import_refusals AS stored (command_id, content, code, why, recorded_at)"
    " SELECT i, $1::bytea, c, w, $2::timestamptz"
    " FROM unnest($3::uuid[], $4::text[], $5::text[]) AS given(i, c, w)"
    " ON CONFLICT (command_id) DO UPDATE SET content = EXCLUDED.content, code = EXCLUDED.code,"
    " why = EXCLUDED.why, recorded_at = EXCLUDED.recorded_at",
)
_NO_REFUSALS = statement(
    "no_import_refusals",
    "DELETE FROM ordinal.import_refusals WHERE command_id = ANY($1::uuid[])",
)


class Refusal(NamedTuple):
    """What an import was told of a command that was refused: the error's name and its words."""

    command_id: bytes
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """An import of a file goes on: its first `done` commands have their answers, for ever.

    `content` is the SHA-256 of the file, `before` how many were done. What was refused before and
    is accepted now is `mended`.
    """

    content: bytes
    name: str
    before: int
    done: int
    refusals: Sequence[Refusal] = ()
    mended: Sequence[bytes] = ()

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        now, refusals = instant(recorded_at), self.refusals
        places = (integer(self.before), integer(self.done))
        session.send(_PROGRESS, self.content, self.name.encode(), *places, now)
        if refusals:
            session.send(
                _REFUSALS,
                self.content,
                now,
                binary_arrays.uuid_array([each.command_id for each in refusals]),
                binary_arrays.text_array([each.code for each in refusals]),
                binary_arrays.text_array([each.why for each in refusals]),
            )
        if self.mended:
            session.send(_NO_REFUSALS, binary_arrays.uuid_array(self.mended))
