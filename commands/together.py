"""Several commands as one: all of them or none, in their order, under one id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from commands.handling import Context, Handling, Receipt, Streams
from domain.values import named_uuid


@dataclass(slots=True, kw_only=True)
class Together:
    """What one message asks for: a refusal of one command refuses them all."""

    commands: tuple[Any, ...]


def together(handlers: Mapping[type, Handling]) -> Handling:
    """How commands that have a handler are handled together."""

    def needs(command: Together, streams: Streams) -> Iterator[Sequence[str]]:
        later = []
        for part in command.commands:
            named = handlers[type(part)].needs(part, streams)
            if isinstance(named, Sequence):
                yield named
            else:
                later.append(named)
        for rounds in later:
            yield from rounds

    def handle(command: Together, streams: Streams, context: Context, now: datetime) -> Receipt:
        receipts = [
            handlers[type(part)].handle(part, streams, part_of(context, number), now)
            for number, part in enumerate(command.commands)
        ]
        return receipt_of(receipts)

    def target(command: Together) -> str:
        first = command.commands[0]
        return handlers[type(first)].target(first)

    return Handling(handle, needs, target)


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
