"""What follows from one event, or from one task whose time has come: a unit of work.

A unit has at most one command. Where more follow, they become tasks first, in the transaction that
moves the checkpoint, so that none depends on what the ones before it changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from commands.handling import Context
from consumers.reaction import Deadline, Reaction, Sweep
from domain.values import named_uuid
from infra.postgres.connections import Connection
from infra.reactions.store_view import GapInStream, StoreView
from infra.reactions.tasks import NewTask, Task, streams_after
from infra.runtime.json_decoders import decoder
from infra.store import codec
from infra.store.event_log import StoredRow, read_at
from infra.write_path.append_batch import CommandRequest

# Streams that a sweep looks at together.
SWEPT_AT_ONCE = 50
# Not the fault of one event: the program is too old, the database away, the log another one.
FATAL = (codec.UnknownEvent, psycopg.Error, GapInStream)

encoded = msgspec.json.Encoder().encode


@cache
def _decoder(kind: type) -> msgspec.json.Decoder[Any]:
    return decoder(kind)


@dataclass(frozen=True, slots=True)
class Cause:
    """What something follows from: ids of commands are derived from it and the step."""

    origin: UUID
    correlation_id: str
    causation_id: str | None

    @classmethod
    def task(cls, task: Task) -> "Cause":
        return cls(task.origin, task.correlation_id, task.causation_id)

    def of_stream(self, stream_id: str) -> "Cause":
        return Cause(named_uuid(self.origin, stream_id), self.correlation_id, self.causation_id)


@dataclass(slots=True)
class Unit:
    """One command at most, tasks for later, and what is done with that: up to which `position` of
    the log, which task, or up to which stream of which sweep.
    """

    ask: CommandRequest | None = None
    tasks: list[NewTask] = field(default_factory=list)
    position: int | None = None
    done: Task | None = None
    sweep: tuple[Task, str, str] | None = None

    @property
    def something(self) -> bool:
        return self.ask is not None or bool(self.tasks)


class Planner:
    """Asks one reaction, and parks what raises."""

    def __init__(self, reaction: Reaction, view: StoreView, conn: Connection) -> None:
        self._reaction = reaction
        self._view = view
        self._conn = conn

    def of_event(self, row: StoredRow, now: datetime) -> Unit:
        """Raises UnknownEvent for one of a newer program, and what a database raises."""
        recorded = codec.recorded_as(row.type, row.position, row.state)
        cause = Cause(UUID(recorded.event_id), recorded.correlation_id, recorded.event_id)
        try:
            return self._unit(self._reaction.react(recorded, self._view), cause, now)
        except FATAL:
            raise
        except Exception as error:
            return Unit(tasks=[_parked("event", str(row.position), "", cause, now, error)])

    def of_task(self, task: Task, now: datetime) -> list[Unit]:
        if task.kind == "sweep":
            return list(self._swept(task, now))
        try:
            unit = self._of_task(task, now)
        except FATAL:
            raise
        except Exception as error:
            parked = _parked(task.kind, task.subject, task.body, Cause.task(task), now, error)
            unit = Unit(tasks=[parked])
        unit.done = task
        return [unit]

    def _of_task(self, task: Task, now: datetime) -> Unit:
        match task.kind:
            case "command":
                command = _decoder(self._reaction.command_named(task.subject)).decode(task.body)
                return Unit(ask=self._ask(command, task.origin, Cause.task(task)))
            case "event":
                row = read_at(self._conn, int(task.subject))
                return Unit() if row is None else self._again(row, now)
            case _:
                found = self._reaction.look(task.subject, self._view, now)
                return self._unit(found, Cause.task(task), now)

    def _again(self, row: StoredRow, now: datetime) -> Unit:
        recorded = codec.recorded(row.position, row.state)
        cause = Cause(UUID(recorded.event_id), recorded.correlation_id, recorded.event_id)
        return self._unit(self._reaction.react(recorded, self._view), cause, now)

    def _swept(self, task: Task, now: datetime) -> Iterator[Unit]:
        """The next streams; the task is done when there are no more."""
        seen = task.body
        streams = streams_after(self._conn, task.subject, seen, SWEPT_AT_ONCE)
        self._view.load(streams)
        for stream_id in streams:
            unit = self._looked_at(stream_id, Cause.task(task).of_stream(stream_id), now)
            unit.sweep = (task, seen, stream_id)
            seen = stream_id
            yield unit
        if len(streams) < SWEPT_AT_ONCE:
            yield Unit(done=task)

    def _looked_at(self, stream_id: str, cause: Cause, now: datetime) -> Unit:
        try:
            return self._unit(self._reaction.look(stream_id, self._view, now), cause, now)
        except FATAL:
            raise
        except Exception as error:
            return Unit(tasks=[_parked("stream", stream_id, "", cause, now, error)])

    def _unit(self, follow_ups: Iterable[object], cause: Cause, now: datetime) -> Unit:
        tasks: list[NewTask] = []
        commands: list[tuple[object, UUID]] = []
        for step, each in enumerate(follow_ups):
            origin = named_uuid(cause.origin, f"{self._reaction.name}/{step}")
            if isinstance(each, Deadline):
                tasks.append(_task("stream", each.stream_id, "", each.due, origin, cause))
            elif isinstance(each, Sweep):
                tasks.append(_task("sweep", each.prefix, "", now, origin, cause))
            else:
                commands.append((each, origin))
        if len(commands) == 1:
            return Unit(ask=self._ask(*commands[0], cause), tasks=tasks)
        for command, origin in commands:
            name, body = type(command).__name__, encoded(command).decode()
            tasks.append(_task("command", name, body, now, origin, cause))
        return Unit(tasks=tasks)

    def _ask(self, command: object, command_id: UUID, cause: Cause) -> CommandRequest:
        context = Context(
            command_id=command_id,
            actor=f"reaction {self._reaction.name}",
            correlation_id=cause.correlation_id,
            causation_id=cause.causation_id,
            fingerprint=encoded(command),
            kept=True,
        )
        return CommandRequest(command, context)


def _task(kind: Any, subject: str, body: str, due: datetime, origin: UUID, cause: Cause) -> NewTask:
    return NewTask(
        kind=kind,
        subject=subject,
        body=body,
        due=due,
        origin=origin,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
    )


def words_of(error: object) -> str:
    """What can be kept of it: a text of the database has no NUL."""
    return f"{type(error).__name__}: {error}".replace("\0", "\\0")


def _parked(
    kind: Any, subject: str, body: str, cause: Cause, now: datetime, error: Exception
) -> NewTask:
    return NewTask(
        kind=kind,
        subject=subject,
        body=body,
        due=now,
        origin=cause.origin,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        error=words_of(error),
    )
