"""Soft promises. Those that are due end before anything is decided about another."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Receipt, Streams
from commands.stock.on_item import Decision, decided, needs_item, stream_of
from domain.stock import promising
from domain.stock.state import StockItem


@dataclass(slots=True, kw_only=True)
class ReserveStock:
    """Promise units softly until a moment."""

    location: str
    sku: str
    reservation_id: str
    owner: str
    quantity: int
    expires_at: datetime


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


def reserve_stock(
    command: ReserveStock, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return promising.reserve(
            item,
            command.reservation_id,
            command.owner,
            command.quantity,
            command.expires_at,
            now,
        )

    return decided(command, streams, now, "reserved", _due(now), decide)


def extend_reservation(
    command: ExtendReservation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return promising.extend(item, command.reservation_id, command.expires_at, now)

    return decided(command, streams, now, "extended", _due(now), decide)


def release_reservation(
    command: ReleaseReservation, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return promising.release_reservation(item, command.reservation_id, command.reason)

    return decided(command, streams, now, "released", _due(now), decide)


def _due(now: datetime) -> Decision:
    return lambda item: promising.due_releases(item, now)


HANDLERS: Handlers = {
    ReserveStock: Handling(reserve_stock, needs_item, stream_of),
    ExtendReservation: Handling(extend_reservation, needs_item, stream_of),
    ReleaseReservation: Handling(release_reservation, needs_item, stream_of),
}
