"""The memory of a channel's imports, in the database, moved by the writer with the commands."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from commands.handling import Answer
from consumers.files.importing import refusal
from consumers.files.memory import KeptRefusal, Known, Note, Outcome, Sold, Step
from domain.errors import Invalid, OrdinalError
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import BatchRefused, LogUnavailable, Writer
from infra.write_path.import_notes import ImportNotes
from infra.write_path.side_writes import ImportProgress, Refusal, SideWrite
from verbs.writing import patiently

_DONE: LiteralString = "SELECT done FROM ordinal.imports WHERE content = %s"
_EARLIER: LiteralString = (
    "SELECT EXISTS (SELECT FROM ordinal.import_sales WHERE channel = %s),"
    " EXISTS (SELECT FROM ordinal.import_rejects WHERE channel = %s),"
    " EXISTS (SELECT FROM ordinal.import_refusals)"
)
_REFUSED: LiteralString = (
    "SELECT command_id, code, why FROM ordinal.import_refusals WHERE command_id = ANY(%s)"
)
_LEFT_OUT: LiteralString = (
    "SELECT DISTINCT ON (command_id) command_id, code, reason FROM ordinal.import_rejects"
    " WHERE command_id = ANY(%s) ORDER BY command_id, part"
)
_CREDITS: LiteralString = (
    "SELECT credit, order_id, line, quantity, price FROM ordinal.import_credits"
    " WHERE credit = ANY(%s) ORDER BY credit, order_id, line"
)
_SALES: LiteralString = (
    "SELECT at, order_id, lines, ARRAY(SELECT line FROM ordinal.import_credits AS credit"
    " WHERE credit.order_id = sale.order_id ORDER BY credit, line),"
    " ARRAY(SELECT quantity FROM ordinal.import_credits AS credit"
    " WHERE credit.order_id = sale.order_id ORDER BY credit, line)"
    " FROM ordinal.import_sales AS sale WHERE channel = %s AND customer = %s"
    " ORDER BY at, order_id"
)


class Overtaken(Exception):
    """Another import of the same file went on meanwhile."""


@dataclass(slots=True)
class Noted(CommandRequest):
    """A command of an import, with the step that it is."""

    step: Step | None = None


class ImportMemory:
    """See `consumers.files.memory.Memory`. One file's import at a time moves its progress."""

    def __init__(
        self, writer: Writer, *, channel: str, content: bytes, file: str, anew: bool = False
    ) -> None:
        self.anew = anew
        self._writer = writer
        self._channel = channel
        self._content = content
        self._file = file
        self._answered = 0
        # How far the file's import came; what the latest transaction is to make of that, and its
        # first command: if that comes again, nothing was made of it.
        self._stored = 0
        self._claimed: tuple[Noted | None, int] | None = None
        self._sold, self._rejected, self._refused = self._read(_EARLIER, channel, channel)[0]

    # -- writing

    def write(self, steps: Sequence[Step], behind: Sequence[Note]) -> Sequence[Outcome]:
        asks = [Noted(*step.asked, step=step) for step in steps]
        done = self._answered
        try:
            patiently(lambda: self._write(asks, behind, done))
        except BatchRefused:
            self._refuse_overtaken()
            self._one_by_one(asks, behind, done)
        self._answered = done + len(asks)
        return [ask.outcome or LogUnavailable("no outcome") for ask in asks]

    def _write(self, asks: Sequence[Noted], behind: Sequence[Note], done: int) -> None:
        """The last of the commands takes what is behind along."""
        rows = self._read(_DONE, self._content)
        self._stored, self._claimed = rows[0][0] if rows else 0, None
        waiting = [ask for ask in asks if ask.outcome is None]

        def side_writes(decided: Sequence[CommandRequest]) -> list[SideWrite]:
            here = [ask for ask in decided if isinstance(ask, Noted)]
            last = not waiting or (bool(here) and here[-1] is waiting[-1])
            return self._side_writes(asks, here, behind if last else (), done)

        self._writer.write(waiting, side_writes)

    def _side_writes(
        self, asks: Sequence[Noted], decided: Sequence[Noted], behind: Sequence[Note], done: int
    ) -> list[SideWrite]:
        notes: list[Note] = []
        for ask in decided:
            if ask.step is not None and ask.outcome is not None:
                notes += ask.step.notes(ask.outcome)
        answered = done + sum(ask.outcome is not None for ask in asks)
        return [
            self._progress(decided, answered),
            ImportNotes(self._channel, self._file, [*notes, *behind]),
        ]

    def _progress(self, decided: Sequence[Noted], answered: int) -> ImportProgress:
        first = decided[0] if decided else None
        if self._claimed is not None and self._claimed[0] is not first:
            self._stored = self._claimed[1]
        self._claimed = first, max(self._stored, answered)
        refused, mended = [], []
        for ask in decided:
            if ask.step is None or not isinstance(ask.outcome, Answer | OrdinalError):
                continue
            if why := refusal(ask.outcome):
                refused.append(Refusal(ask.step.key.bytes, why[1], why[0]))
            elif self.anew:
                mended.append(ask.step.key.bytes)
        return ImportProgress(
            self._content, self._file, self._stored, self._claimed[1], refused, mended
        )

    def _one_by_one(self, asks: Sequence[Noted], behind: Sequence[Note], done: int) -> None:
        """The database refused the batch: one of its commands is to blame."""
        for number, ask in enumerate(asks, start=1):
            if ask.outcome is not None:
                continue
            last = number == len(asks)
            here = partial(self._write, asks[:number], behind if last else (), done)
            try:
                patiently(here)
            except BatchRefused as refused:
                self._refuse_overtaken()
                why = f"The database cannot store this: {refused}".split("\n")[0]
                ask.outcome = Invalid(why)
                notes = ask.step.notes(ask.outcome) if ask.step else []
                patiently(partial(self._write, [], [*notes, *(behind if last else ())], done))

    def _refuse_overtaken(self) -> None:
        rows = self._read(_DONE, self._content)
        if rows and rows[0][0] != self._stored:
            raise Overtaken(f"Another import of {self._file} is at work: wait for its end.")

    # -- reading

    def _read(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        return patiently(lambda: self._writer.read(statement, values))

    def refused(self, steps: Sequence[Step]) -> Mapping[UUID, KeptRefusal]:
        if not self._refused or self.anew or not steps:
            return {}
        rows = self._read(_REFUSED, [step.key for step in steps])
        return {key: KeptRefusal(code, why) for key, code, why in rows}

    def left_out(self, commands: Sequence[UUID]) -> Mapping[UUID, KeptRefusal]:
        if not self._rejected or not commands:
            return {}
        rows = self._read(_LEFT_OUT, list(commands))
        return {key: KeptRefusal(code, why) for key, code, why in rows}

    def credits(self, credits: Sequence[UUID]) -> Mapping[UUID, tuple[Sold, ...]]:
        if not self._sold:
            return {}
        found: dict[UUID, tuple[Sold, ...]] = {}
        for credit, *part in self._read(_CREDITS, list(credits)):
            found[credit] = (*found.get(credit, ()), Sold(*part))
        return found

    def sales(self, customer: str) -> Sequence[Known] | None:
        if not self._sold:
            return None
        known: list[Known] = []
        for at, order_id, lines, *credited in self._read(_SALES, self._channel, customer):
            taken: dict[int, int] = defaultdict(int)
            for line, quantity in zip(*credited, strict=True):
                taken[line] += quantity
            for number, (sku, quantity, price) in enumerate(lines, start=1):
                sold = Sold(order_id, number, quantity, price)
                known.append(Known(at, sku, sold, quantity - taken[number]))
        return known
