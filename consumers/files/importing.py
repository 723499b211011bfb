"""What every import of a file shares: commands in batches, the books of its lines, the rejects.

Each command has an id made from what it says and is remembered for ever; what was refused is
remembered with what was said of it. So going through a file again, or through one that overlaps
with it, carries out what is missing, repeats nothing and gives the same answers. That is also how
an import resumes after a kill.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, TextIO
from uuid import UUID, uuid5

from commands.handling import Context
from commands.order import PlaceOrder
from commands.stock import AdjustStock
from consumers.files.file_lines import Bad
from consumers.files.memory import Asked, Memory, Note, Outcome, Rejected, Rejects, Step
from domain.errors import KeyReused, OrdinalError, ReferenceReused, code_of
from domain.values import ORDINAL_NAMESPACE

BATCH_COMMANDS = 500
BATCH_LINES = 5_000
# Fields that commands got after imports had begun to keep their fingerprints: as long as they say
# this, they are left out.
LATER: dict[type, dict[str, object]] = {
    PlaceOrder: {"reservations": ()},
    AdjustStock: {"opens_balance": True},
}

Write = Callable[[Sequence[Asked]], Sequence[Outcome]]
"""Carries out commands in order, each seeing those before it; at most BATCH_COMMANDS at once.

An outcome is the answer, or the OrdinalError that refused the command.
"""


@dataclass(slots=True)
class ImportReport:
    """What became of a file. Every line was applied whole or rejected whole.

    `rejected` counts lines by reason. `revenue` and `cancelled` are minor units by currency, at
    the prices of the orders; `left_out` is what the rejected lines would have added to that, as
    far as it can be read, and `unread` counts those that tell no value.
    """

    lines_in: int = 0
    applied: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    cancellations: int = 0
    adjustments: int = 0
    revenue: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Any] = field(default_factory=dict)
    unread: int = 0


class Ledger:
    """Books every line of a file once: as applied, or in the rejects file with its reason."""

    def __init__(self, rejects: TextIO) -> None:
        self.report = ImportReport()
        self._rejects = csv.writer(rejects, lineterminator="\n")
        self._rejects.writerow(("line", "reason", "original", "code", "sku"))

    def applied(self, lines: int) -> None:
        self.report.lines_in += lines
        self.report.applied += lines

    def rejected(self, bad: Iterable[Bad]) -> None:
        for each in sorted(bad, key=lambda entry: entry.line.number):
            self._count(each)
            shown = _shown(each.line.text)
            self._rejects.writerow((each.line.number, each.why, shown, each.code, each.sku or ""))

    def _count(self, bad: Bad) -> None:
        report = self.report
        report.lines_in += 1
        report.rejected[bad.why] += 1
        if bad.value is None or bad.currency is None:
            report.unread += 1
        else:
            report.left_out[bad.currency] = report.left_out.get(bad.currency, 0) + bad.value


def _shown(text: str) -> str:
    """What is no text stands in the rejects as the bytes that it was."""
    raw = text.encode(errors="surrogateescape")
    return raw.decode(errors="backslashreplace").replace("\0", "\\x00")


def _nothing(number: int, outcome: Outcome) -> Sequence[Note]:
    return ()


@dataclass(slots=True)
class Job:
    """Commands that decide what becomes of some lines, and who is told their outcomes.

    `notes` are kept before them, `noted` says what is kept of the outcome of each.
    """

    asked: Sequence[Asked]
    settle: Callable[[Sequence[Outcome]], None]
    notes: Sequence[Note] = ()
    noted: Callable[[int, Outcome], Sequence[Note]] = _nothing


class Desk:
    """Collects jobs and hands their commands on in batches; settles them in their order."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._jobs: list[Job] = []
        self._commands = 0
        self._lines = 0

    def put(self, job: Job, lines: int = 1) -> None:
        self._jobs.append(job)
        self._commands += len(job.asked)
        self._lines += lines
        if self._commands >= BATCH_COMMANDS or self._lines >= BATCH_LINES:
            self.clear()

    def clear(self) -> None:
        """Carry out what is waiting."""
        jobs, self._jobs, self._commands, self._lines = self._jobs, [], 0, 0
        steps, behind = _steps(jobs)
        outcomes: list[Outcome] = []
        for start in range(0, len(steps), BATCH_COMMANDS):
            last = start + BATCH_COMMANDS >= len(steps)
            outcomes += self._carry_out(
                steps[start : start + BATCH_COMMANDS], behind if last else ()
            )
        if behind and not steps:
            self.memory.write([], behind)
        for job in jobs:
            job.settle(outcomes[: len(job.asked)])
            del outcomes[: len(job.asked)]

    def _carry_out(self, steps: Sequence[Step], behind: Sequence[Note]) -> list[Outcome]:
        """What was refused before is not asked again, and its lines stay left out."""
        kept = self.memory.refused(steps)
        left_out = self.memory.left_out([step.asked[1].command_id for step in steps])
        asked: list[Step] = []
        notes: list[Note] = []
        for step in steps:
            step.lifts = step.asked[1].command_id in left_out
            if (refusal := kept.get(step.key) if kept else None) is not None:
                notes += step.notes(refusal)
            else:
                step.before, notes = [*notes, *step.before], []
                asked.append(step)
        outcomes = iter(self.memory.write(asked, [*notes, *behind]) if asked or notes else ())
        return [kept.get(step.key) or next(outcomes) for step in steps] if kept else [*outcomes]


def _steps(jobs: Iterable[Job]) -> tuple[list[Step], list[Note]]:
    """The commands of some jobs with what is to be kept along with them, and what is behind."""
    steps: list[Step] = []
    notes: list[Note] = []
    for job in jobs:
        notes += job.notes
        for number, asked in enumerate(job.asked):
            steps.append(Step(asked, notes, number, job.noted))
            notes = []
    return steps, notes


def refusal(outcome: Outcome) -> tuple[str, str] | None:
    """Why the command was refused, and the code of that; anything worse ends the import.

    To a reader of the file, a key used again is the line's own number used again.
    """
    if isinstance(outcome, KeyReused):
        return str(ReferenceReused()), ReferenceReused.code
    if isinstance(outcome, OrdinalError):
        return str(outcome), code_of(outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return None


def rejects(command_id: UUID, bad: Iterable[Bad]) -> Rejects:
    """What is kept of lines that are left out."""
    return Rejects(command_id, tuple([Rejected(each.line.number, *each[1:]) for each in bad]))


def command_id(*parts: object) -> UUID:
    """The id of a command that is made from what it says."""
    return uuid5(ORDINAL_NAMESPACE, json.dumps(parts))


def asked(
    command: object,
    *parts: object,
    actor: str,
    channel: str,
    subject: str,
    at: datetime | None,
    former: UUID | None = None,
) -> Asked:
    """A command of an import, known for ever by `parts`; other content under them is refused.

    `former` is the id that an older version gave it.
    """
    fingerprint = _fingerprint(command)
    return command, Context(
        command_id=command_id(*parts),
        actor=actor,
        correlation_id=f"{channel}/{subject}",
        channel=channel,
        occurred_at=at,
        fingerprint=fingerprint,
        kept=True,
        former_id=former,
        former_fingerprint=fingerprint if former else b"",
    )


def _fingerprint(command: object) -> bytes:
    """Leaves the contacts out: a hash of a name would outlive the name's erasure."""
    known = replace(command, contacts=None) if isinstance(command, PlaceOrder) else command
    return sha256(_said(known).encode()).digest()


def _said(command: Any) -> str:
    """As `repr` says it, without the fields that came later."""
    later = LATER.get(type(command))
    if later is None:
        return repr(command)
    values = {field.name: getattr(command, field.name) for field in fields(command)}
    said = [f"{k}={v!r}" for k, v in values.items() if k not in later or later[k] != v]
    return f"{type(command).__qualname__}({', '.join(said)})"
