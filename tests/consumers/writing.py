"""What an importer writes to in tests: the real handlers over a log in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from commands import HANDLERS
from commands.handling import Answer
from consumers.files.importing import BATCH_COMMANDS, Asked, Outcome
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

    def __call__(self, batch: Sequence[Asked]) -> Sequence[Outcome]:
        assert len(batch) <= BATCH_COMMANDS
        self.calls.append(len(batch))
        self.asked.extend(batch)
        return [self._one(asked) for asked in batch]

    def _one(self, asked: Asked) -> Outcome:
        command, context = asked
        known = self.accepted.get(context.command_id)
        if known is not None:
            fingerprint, answer = known
            same = fingerprint == context.fingerprint
            return replace(answer, replayed=True) if same else KeyReused()
        try:
            answer = Answer(self.log.handle(command, context, NOW), b"")
        except OrdinalError as refused:
            return refused
        self.accepted[context.command_id] = (context.fingerprint, answer)
        return answer
