"""The clock of the day, and the way from an idea to a command."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush

from commands.handling import Context, Receipt
from consumers.files.importing import command_id
from consumers.files.memory import Asked
from consumers.simulation.demo_day.dice import Dice
from consumers.simulation.demo_day.rehearsal import Rehearsal

DAY = 10 * 60 * 60
NAME = "demo-day"

Act = Callable[[], None]


class Stage:
    """What happens when, in seconds since the doors opened. Acts after closing never happen."""

    def __init__(self, opens: datetime) -> None:
        self.opens = opens
        self.now = 0
        self.dice = Dice(NAME)
        self.rehearsal = Rehearsal()
        self._acts: list[tuple[int, int, Act]] = []
        self._planned = 0
        self._asked: list[Asked] = []
        self._steps = 0

    @property
    def moment(self) -> datetime:
        return self.moment_at(self.now)

    def moment_at(self, second: int) -> datetime:
        return self.opens + timedelta(seconds=second)

    def after(self, seconds: int, act: Act) -> None:
        self.at(self.now + seconds, act)

    def at(self, second: int, act: Act) -> None:
        if second < DAY:
            self._planned += 1
            heappush(self._acts, (second, self._planned, act))

    def do(
        self, command: object, *, actor: str, about: str, channel: str | None = None
    ) -> Receipt | None:
        """Ask for this now. The answer is what the real one will be: None for a refusal."""
        self._steps += 1
        context = Context(
            command_id=command_id(NAME, self._steps),
            actor=actor,
            correlation_id=f"{NAME}/{about}",
            channel=channel,
            occurred_at=self.moment,
            kept=True,
        )
        self._asked.append((command, context))
        return self.rehearsal.carry_out(command, context)

    def play(self) -> Iterator[Asked]:
        """Everything that is asked for on the day, in order."""
        while self._acts:
            self.now, _, act = heappop(self._acts)
            act()
            yield from self._asked
            self._asked.clear()
