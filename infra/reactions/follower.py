"""One reaction on its way through the log: what follows is written where the checkpoint moves.

Units are carried out in order. Each transaction of the writer takes the commands of some of them;
their tasks, counts and the checkpoint move in it, so a kill loses nothing and repeats nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import NamedTuple

import structlog

from commands.handling import Answer
from consumers.reaction import Reaction
from domain.errors import OrdinalError
from infra.postgres.binary_arrays import EPOCH
from infra.postgres.connections import Connection
from infra.reactions.planning import Planner, Unit, encoded, words_of
from infra.reactions.store_view import StoreView
from infra.reactions.switches import Counted, Switch, step_name, switches
from infra.reactions.tasks import NewTask, Swept, Task, TasksDone, TasksMade, still_there
from infra.runtime.crash_points import crash_point
from infra.store.event_log import COLUMNS, TABLE, StoredRow
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import BatchRefused, Writer
from infra.write_path.side_writes import SideWrite, Step, StepTaken

# Units of one transaction: it holds the append lock meanwhile.
PORTION = 20
# Events that are read together, and positions that are looked through for them.
READ, RANGE = 100, 20_000
# A checkpoint moves on its own after so many positions, or seconds, in which nothing followed.
SKIPPED, RESTING = 5_000, 5.0

_EVENTS = (
    f"SELECT {COLUMNS} FROM {TABLE} WHERE notification_id > %s AND notification_id <= %s"
    " AND topic = ANY(%s) ORDER BY notification_id LIMIT %s"
)
_MOVE = "UPDATE ordinal.steps SET position = %s WHERE name = %s AND (position, step) = (%s, %s)"

log = structlog.get_logger("reactions")


class Moment(NamedTuple):
    """The store's clock, and the end of the log."""

    now: datetime
    head: int


class Overtaken(Exception):
    """Somebody else moved this reaction on, or switched it: look again where it stands."""


@dataclass(slots=True)
class Counts:
    """What a reaction did since this process leads."""

    accepted: int = 0
    refused: int = 0
    parked: int = 0


@dataclass(slots=True)
class Follower:
    """Works off what one reaction has to do. Raises Overtaken, psycopg's errors, and those of the
    writer.
    """

    reaction: Reaction
    conn: Connection
    view: StoreView
    writer: Writer
    stands: Step
    counts: Counts = field(default_factory=Counts)
    at: int = field(init=False)
    _planner: Planner = field(init=False)
    _rested: float = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.stands.position
        self._planner = Planner(self.reaction, self.view, self.conn)
        self._rested = monotonic()

    def agrees(self, known: Switch) -> bool:
        """Whether it still stands where the store says that it does."""
        return known.on and known.stands == self.stands

    # -- what to do

    def do_tasks(self, tasks: Sequence[Task], moment: Moment) -> bool:
        """Those whose time has come; whether there were any."""
        self.view.load(task.subject for task in tasks if task.kind == "stream")
        units = [unit for task in tasks for unit in self._planner.of_task(task, moment.now)]
        for first in range(0, len(units), PORTION):
            self._carry_out(units[first : first + PORTION])
        return bool(units)

    def follow(self, moment: Moment) -> bool:
        """The next events; whether it read any.

        What is quiet is asked of a view that is newer than the head: what comes behind that is read
        when the next view no longer says so.
        """
        until = min(moment.head, self.at + RANGE)
        if until <= self.at:
            self._rest()
            return False
        quiet = self.reaction.quiet(self.view)
        types = [each.__name__ for each in self.reaction.events if each not in quiet]
        rows = self._read(types, until) if types else []
        crash_point("W1")
        units: list[Unit] = []
        for number, row in enumerate(rows):
            if number % PORTION == 0:
                self.view.next_round()
                self.view.load(each.stream_id for each in rows[number : number + PORTION])
            unit = self._planner.of_event(row, moment.now)
            unit.position = row.position
            units += [unit] if unit.something else []
            if len(units) == PORTION:
                self._carry_out(units)
                self.at, units = row.position, []
        to = until if len(rows) < READ else rows[-1].position
        if units:
            units[-1].position = to
            self._carry_out(units)
        self.at = to
        self._rest()
        return bool(rows) or to < moment.head

    def _read(self, types: Sequence[str], until: int) -> list[StoredRow]:
        cursor = self.conn.cursor(binary=True)
        cursor.execute(_EVENTS.encode(), (self.at, until, types, READ), prepare=True)
        return [StoredRow(*row) for row in cursor.fetchall()]

    def _rest(self) -> None:
        """Where nothing follows, the checkpoint need not move with each event."""
        skipped = self.at - self.stands.position
        if not skipped or (skipped < SKIPPED and monotonic() - self._rested < RESTING):
            return
        before, self._rested = self.stands, monotonic()
        moved = self.conn.execute(_MOVE, (self.at, step_name(self.reaction.name), *before))
        if not moved.rowcount:
            raise Overtaken(self.reaction.name)
        self.stands = before._replace(position=self.at)

    # -- doing it

    def _carry_out(self, units: Sequence[Unit]) -> None:
        crash_point("W2")
        try:
            self._write(units)
        except BatchRefused:
            if not self._ours(units):
                raise Overtaken(self.reaction.name) from None
            for unit in units:
                self._write_alone(unit)
        crash_point("W3")

    def _ours(self, units: Sequence[Unit]) -> bool:
        known = switches(self.conn).get(self.reaction.name)
        tasks = {unit.done.task_id for unit in units if unit.done}
        return known is not None and self.agrees(known) and still_there(self.conn, list(tasks))

    def _write_alone(self, unit: Unit) -> None:
        """The database refuses one of several: its command is parked."""
        try:
            self._write([unit])
        except BatchRefused as refused:
            if unit.ask is None or not self._ours([unit]):
                raise Overtaken(self.reaction.name) from refused
            unit.tasks.append(parked_command(unit.ask, refused))
            unit.ask = None
            self._write([unit])

    def _write(self, units: Sequence[Unit]) -> None:
        portion = Portion(self.reaction.name, self.stands, units)
        self.writer.write(portion.asks, portion.side_writes)
        self.stands, self._rested = portion.stands, monotonic()
        self._count(portion)

    def _count(self, portion: "Portion") -> None:
        for ask in portion.asks:
            outcome, kind = ask.outcome, type(ask.command).__name__
            if isinstance(outcome, Answer):
                self.counts.accepted += 1
                continue
            if _failed(outcome):
                continue
            self.counts.refused += 1
            log.info(
                "reaction_refused",
                reaction=self.reaction.name,
                kind=kind,
                why=str(outcome),
                correlation_id=ask.context.correlation_id,
            )
        for task in portion.parked():
            self.counts.parked += 1
            log.error(
                "reaction_parked",
                reaction=self.reaction.name,
                kind=task.kind,
                subject=task.subject,
                error=task.error,
            )


class Portion:
    """Units that are carried out together: equal commands once, all in order."""

    def __init__(self, reaction: str, stands: Step, units: Sequence[Unit]) -> None:
        self._reaction = reaction
        self._units = units
        self._start = stands
        self.stands = stands
        self.asks: list[CommandRequest] = []
        self._behind: list[int] = []
        known: set[tuple[type, bytes]] = set()
        for unit in units:
            if unit.ask is not None:
                content = type(unit.ask.command), encoded(unit.ask.command)
                if content not in known:
                    known.add(content)
                    self.asks.append(unit.ask)
            # The command with which, at the latest, all up to this unit is carried out.
            self._behind.append(len(self.asks) - 1)

    def side_writes(self, done: Sequence[CommandRequest]) -> list[SideWrite]:
        """What moves with these commands, which are the next ones in order."""
        first = self._place(done[0]) if done else 0
        last = self._place(done[-1]) if done else len(self.asks)
        units = [
            unit
            for unit, behind in zip(self._units, self._behind, strict=True)
            if first <= behind <= last or (behind < 0 and first == 0)
        ]
        return self._moves(units, done, self._stood_before(first))

    def _place(self, ask: CommandRequest) -> int:
        return next(number for number, each in enumerate(self.asks) if each is ask)

    def _stood_before(self, first: int) -> Step:
        """Where the transaction before this one, if there was one, has moved the checkpoint."""
        places = [
            unit.position
            for unit, behind in zip(self._units, self._behind, strict=True)
            if behind < first and first > 0 and unit.position is not None
        ]
        return self._start._replace(position=places[-1]) if places else self._start

    def parked(self) -> list[NewTask]:
        """What failed in it."""
        tasks = [task for unit in self._units for task in unit.tasks if task.error is not None]
        failed = [ask for ask in self.asks if _failed(ask.outcome)]
        return tasks + [parked_command(ask, ask.outcome) for ask in failed]

    def _moves(
        self, units: Sequence[Unit], done: Sequence[CommandRequest], before: Step
    ) -> list[SideWrite]:
        moves: list[SideWrite] = []
        positions = [unit.position for unit in units if unit.position is not None]
        if positions:
            self.stands = before._replace(position=positions[-1])
            moves.append(StepTaken(step_name(self._reaction), before, self.stands))
        over = {unit.done.task_id for unit in units if unit.done is not None}
        moves += [each for each in _swept(units) if each.task_id not in over]
        if over:
            moves.append(TasksDone(list(over)))
        failed = [ask for ask in done if _failed(ask.outcome)]
        tasks = [task for unit in units for task in unit.tasks]
        tasks += [parked_command(ask, ask.outcome) for ask in failed]
        if tasks:
            moves.append(TasksMade(self._reaction, tasks))
        accepted = sum(isinstance(ask.outcome, Answer) for ask in done)
        refused = len(done) - accepted - len(failed)
        return [Counted(self._reaction, accepted, refused), *moves]


def _swept(units: Sequence[Unit]) -> list[Swept]:
    """Each sweep moves once, from where it was before all of these."""
    moved: dict[int, Swept] = {}
    for task, before, after in (unit.sweep for unit in units if unit.sweep is not None):
        known = moved.get(task.task_id)
        moved[task.task_id] = Swept(task.task_id, known.before if known else before, after)
    return list(moved.values())


def _failed(outcome: object) -> bool:
    return not isinstance(outcome, Answer | OrdinalError)


def parked_command(ask: CommandRequest, error: object) -> NewTask:
    context = ask.context
    return NewTask(
        kind="command",
        subject=type(ask.command).__name__,
        body=encoded(ask.command).decode(),
        due=EPOCH,
        origin=context.command_id,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        error=words_of(error),
    )
