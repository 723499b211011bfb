"""Soft promises. Those that are due end before anything is decided about another."""

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
    derived_id,
)
from commands.serving import needs_in_turn
from commands.stock.on_item import Decision, OnItem, decided, stream_of
from domain.errors import NoEligibleLocation
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock import promising
from domain.stock.guards import check_registered
from domain.stock.state import StockItem
from domain.values import SOURCING_STREAM


@dataclass(slots=True, kw_only=True)
class ReserveStock:
    """Promise units softly until a moment. A reservation without an id gets one."""

    location: str
    sku: str
    owner: str
    quantity: int
    expires_at: datetime
    reservation_id: str | None = None


@dataclass(slots=True, kw_only=True)
class ExtendReservation:
    """Let a soft promise last longer."""

    location: str
    sku: str
    reservation_id: str
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class ReleaseReservation:
    """End a soft promise."""

    location: str
    sku: str
    reservation_id: str
    reason: str = "cancelled"


@dataclass(slots=True, kw_only=True)
class ExpireReservations:
    """Record the end of every soft promise whose time is over; there may be none."""

    location: str
    sku: str


def reserve_stock(
    command: ReserveStock, streams: Streams, context: Context, now: datetime
) -> Receipt:
    reservation_id = command.reservation_id or derived_id(context, "reservation")

    def decide(item: StockItem) -> list[object]:
        _check_open(streams, item)
        return promising.reserve(
            item,
            reservation_id,
            command.owner,
            command.quantity,
            command.expires_at,
            now,
        )

    receipt = decided(command, streams, now, "reserved", _due(now), decide)
    receipt.details["reservation_id"] = reservation_id
    return receipt


def extend_reservation(
    command: ExtendReservation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return promising.extend(item, command.reservation_id, command.expires_at, now)

    return decided(command, streams, now, "extended", _due(now), decide, gain=0)


def release_reservation(
    command: ReleaseReservation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return promising.release_reservation(item, command.reservation_id, command.reason)

    return decided(command, streams, now, "released", _due(now), decide, gain=0)


def expire_reservations(
    command: ExpireReservations, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        check_registered(item)
        return promising.due_releases(item, now)

    return decided(command, streams, now, "expired", decide, gain=0)


def _due(now: datetime) -> Decision:
    return lambda item: promising.due_releases(item, now)


def _check_open(streams: Streams, item: StockItem) -> None:
    check_registered(item)
    if not streams.state(SOURCING_POLICY, SOURCING_STREAM).is_open(item.location):
        raise NoEligibleLocation(filtered_out={item.location: "closed"})


def _needs_location(command: ReserveStock, streams: Known) -> Rounds:
    yield SOURCING_STREAM, stream_of(command)


def _needs_served(command: OnItem, streams: Known) -> Rounds:
    """Serving counts every reservation of the item as free, the one to be released as well."""
    return needs_in_turn(streams, {stream_of(command): 0})


HANDLERS: Handlers = {
    ReserveStock: Handling(reserve_stock, _needs_location, stream_of),
    ExtendReservation: Handling(extend_reservation, _needs_served, stream_of),
    ReleaseReservation: Handling(release_reservation, _needs_served, stream_of),
    ExpireReservations: Handling(expire_reservations, _needs_served, stream_of),
}
