"""What may be asked of the places where stock is kept, and of the rules that choose among them."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
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


def register_location(
    command: RegisterLocation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    events = sourcing_policy.register_location(
        policy,
        location=command.location,
        country=command.country,
        zones=command.zones,
        channels=command.channels,
        priority=command.priority,
        now=now,
    )
    return _recorded(streams, command.location, "registered", events)


def change_location(
    command: ChangeLocation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    events = sourcing_policy.change_location(
        policy,
        location=command.location,
        country=command.country,
        zones=command.zones,
        channels=command.channels,
        priority=command.priority,
        now=now,
    )
    return _recorded(streams, command.location, "changed", events)


def close_location(
    command: CloseLocation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    events = sourcing_policy.close_location(
        policy,
        location=command.location,
        reason=command.reason,
        open_work=command.open_work,
        now=now,
    )
    return _recorded(streams, command.location, "closed", events)


def set_sourcing_policy(
    command: SetSourcingPolicy, streams: Streams, context: Context, now: datetime
) -> Receipt:
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    events = sourcing_policy.set_policy(
        policy, rules=command.rules, max_splits=command.max_splits, now=now
    )
    return _recorded(streams, SOURCING_STREAM, "changed", events)


def _recorded(streams: Streams, subject: str, outcome: str, events: list[object]) -> Receipt:
    streams.append(SOURCING_STREAM, events)
    return Receipt(id=subject, stream_id=SOURCING_STREAM, outcome=outcome, changed=bool(events))


def _stream(command: object) -> str:
    return SOURCING_STREAM


def _needs(command: object, streams: Known) -> Rounds:
    yield (SOURCING_STREAM,)


HANDLERS: Handlers = {
    RegisterLocation: Handling(register_location, _needs, _stream),
    ChangeLocation: Handling(change_location, _needs, _stream),
    CloseLocation: Handling(close_location, _needs, _stream),
    SetSourcingPolicy: Handling(set_sourcing_policy, _needs, _stream),
}
