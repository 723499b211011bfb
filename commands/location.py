"""What may be asked of the places where stock is kept, and of the rules that choose among them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from commands.handling import (
    Context,
    Handlers,
    Handling,
    Known,
    Receipt,
    Rounds,
    Streams,
    fields_of,
)
from domain import sourcing_policy
from domain.sourcing_policy import SOURCING_POLICY
from domain.values import SOURCING_STREAM


@dataclass(slots=True, kw_only=True)
class RegisterLocation:
    """Keep stock at a place from now on."""

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(slots=True, kw_only=True)
class ChangeLocation:
    """Let a place serve other zones or channels; one that was closed serves again."""

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(slots=True, kw_only=True)
class CloseLocation:
    """Let a place serve no new demand.

    `open_work` are fulfilment orders that it was just seen to have, which forbid it.
    """

    location: str
    reason: str
    open_work: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class SetSourcingPolicy:
    """Say how locations are chosen."""

    rules: tuple[str, ...]
    max_splits: int = 3


def _decided(decide: Callable[..., list[object]], outcome: str) -> Handling:
    """The decision takes the command's fields under their names."""

    def handle(command: object, streams: Streams, context: Context, now: datetime) -> Receipt:
        policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
        events = decide(policy, **fields_of(command), now=now)
        streams.append(SOURCING_STREAM, events)
        subject = getattr(command, "location", SOURCING_STREAM)
        return Receipt(id=subject, stream_id=SOURCING_STREAM, outcome=outcome, changed=bool(events))

    return Handling(handle, _needs, _stream)


def _stream(command: object) -> str:
    return SOURCING_STREAM


def _needs(command: object, streams: Known) -> Rounds:
    yield (SOURCING_STREAM,)


HANDLERS: Handlers = {
    RegisterLocation: _decided(sourcing_policy.register_location, "registered"),
    ChangeLocation: _decided(sourcing_policy.change_location, "changed"),
    CloseLocation: _decided(sourcing_policy.close_location, "closed"),
    SetSourcingPolicy: _decided(sourcing_policy.set_policy, "changed"),
}
