"""What an importer writes to in tests: the real handlers over a log in memory, and a memory."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from commands import HANDLERS
from commands.handling import Answer
from consumers.files.importing import BATCH_COMMANDS, refusal
from consumers.files.memory import (
    Asked,
    Credit,
    KeptRefusal,
    Known,
    Lifted,
    Note,
    Outcome,
    Rejected,
    Rejects,
    Sale,
    Sold,
    Step,
)
from domain.errors import KeyReused, OrdinalError
from tests.commands.memory import MemoryLog

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Writing:
    """Carries out commands in order, and knows which it has accepted before."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(HANDLERS))
    accepted: dict[UUID, tuple[bytes, Answer]] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    anew: bool = False
    placed: dict[str, Sale] = field(default_factory=dict)
    taken: dict[UUID, tuple[Sold, ...]] = field(default_factory=dict)
    rejected: dict[UUID, tuple[Rejected, ...]] = field(default_factory=dict)
    refusals: dict[UUID, KeptRefusal] = field(default_factory=dict)

    def __call__(self, batch: Sequence[Asked]) -> Sequence[Outcome]:
        assert len(batch) <= BATCH_COMMANDS
        self.calls.append(len(batch))
        self.asked.extend(batch)
        return [self._one(asked) for asked in batch]

    def _one(self, asked: Asked) -> Outcome:
        command, context = asked
        known, asked_for = self.accepted.get(context.command_id), context.fingerprint
        if known is None and context.former_id is not None:
            known, asked_for = self.accepted.get(context.former_id), context.former_fingerprint
        if known is not None:
            fingerprint, answer = known
            same = fingerprint == asked_for
            return replace(answer, replayed=True) if same else KeyReused()
        try:
            answer = Answer(self.log.handle(command, context, NOW), b"")
        except OrdinalError as refused:
            return refused
        self.accepted[context.command_id] = (context.fingerprint, answer)
        return answer

    # -- the memory

    def write(self, steps: Sequence[Step], behind: Sequence[Note]) -> Sequence[Outcome]:
        outcomes = self([step.asked for step in steps])
        for step, outcome in zip(steps, outcomes, strict=True):
            if why := refusal(outcome):
                self.refusals[step.key] = KeptRefusal(why[1], why[0])
            self._keep(step.notes(outcome))
        self._keep(behind)
        return outcomes

    def _keep(self, notes: Sequence[Note]) -> None:
        for note in notes:
            match note:
                case Sale():
                    self.placed.setdefault(note.order_id, note)
                case Credit():
                    self.taken.setdefault(note.credit, note.parts)
                case Rejects():
                    self.rejected[note.command_id] = note.lines
                case Lifted():
                    self.rejected.pop(note.command_id, None)

    def refused(self, steps: Sequence[Step]) -> Mapping[UUID, KeptRefusal]:
        known = {} if self.anew else self.refusals
        return {step.key: known[step.key] for step in steps if step.key in known}

    def left_out(self, commands: Sequence[UUID]) -> Mapping[UUID, KeptRefusal]:
        lines = {each: self.rejected[each][0] for each in commands if each in self.rejected}
        return {each: KeptRefusal(line.code, line.reason) for each, line in lines.items()}

    def credits(self, credits: Sequence[UUID]) -> Mapping[UUID, tuple[Sold, ...]]:
        return {each: self.taken[each] for each in credits if each in self.taken}

    def sales(self, customer: str) -> Sequence[Known] | None:
        gone: dict[tuple[str, int], int] = defaultdict(int)
        for parts in self.taken.values():
            for part in parts:
                gone[part.order_id, part.line] += part.quantity
        return [
            Known(
                sale.at,
                sku,
                Sold(sale.order_id, number, quantity, price),
                quantity - gone[sale.order_id, number],
            )
            for sale in sorted(self.placed.values(), key=lambda sale: (sale.at, sale.order_id))
            if sale.customer == customer
            for number, (sku, quantity, price) in enumerate(sale.lines, start=1)
        ]
