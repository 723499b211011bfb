"""What the imports of a channel remember from one file to the next.

It moves with the commands that it is about: after a kill, what is remembered is what was done. So a
file that comes in pieces, overlapping or again, ends where the whole file ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol
from uuid import UUID, uuid5

from commands.handling import Answer, Context
from domain.errors import OrdinalError

Asked = tuple[object, Context]
Outcome = Answer | Exception


class Sold(NamedTuple):
    """Units of one order line."""

    order_id: str
    line: int
    quantity: int
    price: int


class Sale(NamedTuple):
    """An order that was placed: what it sold by line, as sku, units and price."""

    order_id: str
    customer: str
    at: datetime
    lines: tuple[tuple[str, int, int], ...]


class Credit(NamedTuple):
    """Which units of which sales a credit took."""

    credit: UUID
    parts: tuple[Sold, ...]


class Rejected(NamedTuple):
    """A line that was left out. `value` is what it would have added to net revenue, in minor
    units, as far as that can be read.
    """

    line: int
    reason: str
    code: str
    reference: str | None = None
    sku: str | None = None
    quantity: int | None = None
    value: Decimal | None = None
    currency: str | None = None


class Rejects(NamedTuple):
    """The lines that a command concerned which was refused, or never asked."""

    command_id: UUID
    lines: tuple[Rejected, ...]


class Lifted(NamedTuple):
    """A command is accepted whose lines were left out before."""

    command_id: UUID


Note = Sale | Credit | Rejects | Lifted


class Known(NamedTuple):
    """A line of an earlier sale: units sold, and those that no credit took."""

    at: datetime
    sku: str
    sold: Sold
    left: int


class KeptRefusal(OrdinalError):
    """This was refused before."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(slots=True)
class Step:
    """A command, what is to be remembered before it, and what of its outcome.

    `lifts` says that its lines were left out before.
    """

    asked: Asked
    before: list[Note]
    number: int
    noted: Callable[[int, Outcome], Sequence[Note]]
    lifts: bool = False

    @property
    def key(self) -> UUID:
        """Under which its refusal is kept: the same command with the same content."""
        context = self.asked[1]
        return uuid5(context.command_id, context.fingerprint.hex())

    def notes(self, outcome: Outcome) -> list[Note]:
        lifted = self.lifts and isinstance(outcome, Answer)
        found: list[Note] = [*self.before, *self.noted(self.number, outcome)]
        return [*found, Lifted(self.asked[1].command_id)] if lifted else found


class Memory(Protocol):
    """The memory of one channel, and the way to what it is about.

    What was refused before may be asked `anew`.
    """

    anew: bool

    def write(self, steps: Sequence[Step], behind: Sequence[Note]) -> Sequence[Outcome]:
        """Carry out commands in order, at most BATCH_COMMANDS, each seeing those before it.

        With each its notes are kept, `behind` with the last. An outcome is the answer, or the
        OrdinalError that refused the command.
        """
        ...

    def refused(self, steps: Sequence[Step]) -> Mapping[UUID, KeptRefusal]:
        """What earlier runs were told of these commands, by their keys."""
        ...

    def left_out(self, commands: Sequence[UUID]) -> Mapping[UUID, KeptRefusal]:
        """Those whose lines were left out before, and why the first of them was."""
        ...

    def credits(self, credits: Sequence[UUID]) -> Mapping[UUID, tuple[Sold, ...]]:
        """What these took, as far as they were met before."""
        ...

    def sales(self, customer: str) -> Sequence[Known] | None:
        """What earlier runs know of a customer; None when there were none."""
        ...
