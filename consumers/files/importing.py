"""What every import of a file shares: commands in batches, the books of its lines, the rejects.

An import needs no memory of how far it came. Each of its commands has an id made from what it
says, and is remembered for ever, so going through the file again carries out what is missing and
repeats nothing. That is also how it resumes after a kill.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TextIO
from uuid import UUID, uuid5

from commands.handling import Answer, Context
from commands.order import PlaceOrder
from consumers.files.file_lines import Bad
from domain.errors import KeyReused, OrdinalError, ReferenceReused
from domain.values import ORDINAL_NAMESPACE

BATCH_COMMANDS = 500
BATCH_LINES = 5_000

Asked = tuple[object, Context]
Outcome = Answer | Exception
Write = Callable[[Sequence[Asked]], Sequence[Outcome]]
"""Carries out commands in order, each seeing those before it; at most BATCH_COMMANDS at once.

An outcome is the answer, or the OrdinalError that refused the command.
"""


@dataclass(slots=True)
class ImportReport:
    """What became of a file. Every line was applied whole or rejected whole.

    `rejected` counts lines by reason. `revenue` and `cancelled` are minor units by currency, at
    the prices of the orders.
    """

    lines_in: int = 0
    applied: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    cancellations: int = 0
    adjustments: int = 0
    revenue: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Books every line of a file once: as applied, or in the rejects file with its reason."""

    def __init__(self, rejects: TextIO) -> None:
        self.report = ImportReport()
        self._rejects = csv.writer(rejects, lineterminator="\n")
        self._rejects.writerow(("line", "reason", "original"))

    def applied(self, lines: int) -> None:
        self.report.lines_in += lines
        self.report.applied += lines

    def rejected(self, bad: Sequence[Bad]) -> None:
        self.report.lines_in += len(bad)
        for line, reason in sorted(bad, key=lambda entry: entry[0].number):
            self.report.rejected[reason] += 1
            self._rejects.writerow((line.number, reason, _shown(line.text)))


def _shown(text: str) -> str:
    """What is no text stands in the rejects as the bytes that it was."""
    raw = text.encode(errors="surrogateescape")
    return raw.decode(errors="backslashreplace").replace("\0", "\\x00")


@dataclass(slots=True)
class Job:
    """Commands that decide what becomes of some lines, and who is told their outcomes."""

    asked: Sequence[Asked]
    settle: Callable[[Sequence[Outcome]], None]


class Desk:
    """Collects jobs and hands their commands on in batches; settles them in their order."""

    def __init__(self, write: Write) -> None:
        self._write = write
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
        asked = [each for job in jobs for each in job.asked]
        outcomes: list[Outcome] = []
        for start in range(0, len(asked), BATCH_COMMANDS):
            outcomes += self._write(asked[start : start + BATCH_COMMANDS])
        for job in jobs:
            job.settle(outcomes[: len(job.asked)])
            del outcomes[: len(job.asked)]


def refusal(outcome: Outcome) -> str | None:
    """Why the command was refused; anything worse than a refusal ends the import.

    To a reader of the file, a key used again is the line's own number used again.
    """
    if isinstance(outcome, KeyReused):
        return str(ReferenceReused())
    if isinstance(outcome, OrdinalError):
        return str(outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return None


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
) -> Asked:
    """A command of an import, known for ever by `parts`; other content under them is refused."""
    return command, Context(
        command_id=command_id(*parts),
        actor=actor,
        correlation_id=f"{channel}/{subject}",
        channel=channel,
        occurred_at=at,
        fingerprint=_fingerprint(command),
        kept=True,
    )


def _fingerprint(command: object) -> bytes:
    """Leaves the contacts out: a hash of a name would outlive the name's erasure."""
    known = replace(command, contacts=None) if isinstance(command, PlaceOrder) else command
    return sha256(repr(known).encode()).digest()
