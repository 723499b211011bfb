"""Several commands as one: all of them or none, in their order, under one id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from commands.handling import Concern, Context, Handling, Known, Receipt, Rounds, Streams
from domain.values import named_uuid


@dataclass(slots=True, kw_only=True)
class Together:
    """What one message asks for: a refusal of one command refuses them all."""

    commands: tuple[Any, ...]


def together(handlers: Mapping[type, Handling]) -> Handling:
    """How commands that have a handler are handled together."""

    def needs(command: Together, streams: Known) -> Rounds:
        """Round by round of all parts; what the later ones need may rest on the earlier ones."""
        going = [handlers[type(part)].needs(part, streams) for part in command.commands]
        for names in zip_longest(*going, fillvalue=()):
            yield chain.from_iterable(names)

    def handle(command: Together, streams: Streams, context: Context, now: datetime) -> Receipt:
        receipts = [
            handlers[type(part)].handle(part, streams, part_of(context, number), now)
            for number, part in enumerate(command.commands)
        ]
        return receipt_of(receipts)

    def target(command: Together) -> str:
        first = command.commands[0]
        return handlers[type(first)].target(first)

    def concerns(command: Together, streams: Known) -> Iterator[Concern]:
        """Each part's. One that concerns nobody leaves all of it out of reach, unless it is about
        what a part before it creates.
        """
        created = set()
        for part in command.commands:
            handling = handlers[type(part)]
            concerned, about = list(handling.concerns(part, streams)), handling.target(part)
            if handling.creates:
                created.add(about)
            yield from concerned or ([] if about in created else [Concern()])

    def unknown(command: Together) -> Exception:
        first = command.commands[0]
        return handlers[type(first)].unknown(first)

    return Handling(handle, needs, target, unforeseen=True, concerns=concerns, unknown=unknown)


def part_of(context: Context, number: int) -> Context:
    """Each command makes ids of its own for what it makes."""
    if number == 0:
        return context
    return replace(context, command_id=named_uuid(context.command_id, f"part/{number}"))


def receipt_of(receipts: list[Receipt]) -> Receipt:
    """That of the first, with what became of each in its details."""
    first = receipts[0]
    each = [{"id": r.id, "stream_id": r.stream_id, "outcome": r.outcome} for r in receipts]
    return Receipt(
        id=first.id,
        stream_id=first.stream_id,
        outcome=first.outcome,
        changed=any(receipt.changed for receipt in receipts),
        details={**first.details, "commands": each},
    )
