"""Promises: soft ones that expire, firm ones to order lines, and the queue of those that wait."""

from collections.abc import Sequence
from datetime import datetime
from heapq import nsmallest

from domain.errors import AlreadyExists, InsufficientStock, Invalid, UnknownReservation
from domain.fast_init import maker
from domain.stock.events import (
    BackorderCancelled,
    BackorderFilled,
    ReservationExtended,
    ReservationReleased,
    StockAllocated,
    StockAllocationReleased,
    StockBackordered,
    StockReserved,
    StockShipped,
)
from domain.stock.guards import check_registered
from domain.stock.state import Backorder, Reservation, StockItem, owner_key, owner_of
from domain.values import check_moment, check_quantity, check_text

FILLED_AT_ONCE = 100

_stock_allocated = maker(StockAllocated)


def due_releases(item: StockItem, now: datetime) -> list[object]:
    """The reservations that have expired. To be appended before anything else is promised."""
    return [
        ReservationReleased(reservation_id=key, quantity=known.quantity, reason="expired")
        for key, known in item.reservations.items()
        if known.expires_at <= now
    ]


def reserve(
    item: StockItem,
    reservation_id: str,
    owner: str,
    quantity: int,
    expires_at: datetime,
    now: datetime,
) -> list[object]:
    check_registered(item)
    check_text(reservation_id, "reservation_id")
    check_text(owner, "owner")
    check_quantity(quantity)
    _check_later(expires_at, now)
    known = item.reservations.get(reservation_id)
    if known is not None:
        return _reserved_already(known, Reservation(owner, quantity, expires_at))
    _check_available(item, quantity, now)
    return [
        StockReserved(
            reservation_id=reservation_id, owner=owner, quantity=quantity, expires_at=expires_at
        )
    ]


def _reserved_already(known: Reservation, wanted: Reservation) -> list[object]:
    if known != wanted:
        raise AlreadyExists("This reservation exists already, with other content.")
    return []


def extend(
    item: StockItem, reservation_id: str, expires_at: datetime, now: datetime
) -> list[object]:
    check_registered(item)
    _check_later(expires_at, now)
    known = item.reservations.get(reservation_id)
    if known is None or known.expires_at <= now:
        raise UnknownReservation(reservation_id=reservation_id)
    if expires_at < known.expires_at:
        raise Invalid("An extension does not end earlier.", field="expires_at")
    if expires_at == known.expires_at:
        return []
    return [ReservationExtended(reservation_id=reservation_id, expires_at=expires_at)]


def release_reservation(item: StockItem, reservation_id: str, reason: str) -> list[object]:
    """Ends the soft promise; nothing when it is over already."""
    check_registered(item)
    check_text(reason, "reason")
    known = item.reservations.get(reservation_id)
    if known is None:
        return []
    return [
        ReservationReleased(reservation_id=reservation_id, quantity=known.quantity, reason=reason)
    ]


def convert(
    item: StockItem, reservation_ids: Sequence[str], units: int, now: datetime
) -> list[object]:
    """End these soft promises: so many units become a firm one, which replaces the rest."""
    events: list[object] = []
    for key in dict.fromkeys(reservation_ids):
        known = item.reservations.get(key)
        if known is None or known.expires_at <= now:
            continue
        converted = min(units, known.quantity)
        units -= converted
        parts = {"converted": converted, "replaced": known.quantity - converted}
        events += [
            ReservationReleased(reservation_id=key, quantity=quantity, reason=reason)
            for reason, quantity in parts.items()
            if quantity
        ]
    return events


def allocate(
    item: StockItem, order_id: str, line: int, quantity: int, now: datetime, ahead: int = 0
) -> list[object]:
    """Promise units firmly. A line may be promised in parts, so a repeat is the order's matter.

    So many units `ahead` were promised to it softly, and stand before those that wait.
    """
    _check_available(item, quantity, now, ahead)
    return [_stock_allocated(order_id=order_id, line=line, quantity=quantity)]


def backorder(
    item: StockItem, order_id: str, line: int, quantity: int, placed_at: datetime, priority: int
) -> list[object]:
    """Let new demand wait here, within the limit. A larger `priority` is served earlier."""
    if quantity <= 0:
        raise Invalid("A quantity is at least 1.", field="quantity")
    if item.status != "active" or not _may_wait(item, quantity):
        room = item.backorderable() if item.status == "active" else 0
        raise InsufficientStock("No more demand may wait here.", backorderable={item.sku: room})
    return [
        StockBackordered(
            order_id=order_id, line=line, quantity=quantity, placed_at=placed_at, priority=priority
        )
    ]


def release(item: StockItem, order_id: str, line: int, quantity: int, reason: str) -> list[object]:
    """Free up to so many promised units; what is free already stays free."""
    remaining = min(quantity, item.allocations.get(owner_key(order_id, line), 0))
    if remaining <= 0:
        return []
    return [
        StockAllocationReleased(order_id=order_id, line=line, quantity=remaining, reason=reason)
    ]


def cancel_backorder(
    item: StockItem, order_id: str, line: int, quantity: int, reason: str
) -> list[object]:
    """Let up to so many units wait no more."""
    known = item.backorders.get(owner_key(order_id, line))
    remaining = min(quantity, known.quantity) if known else 0
    if remaining <= 0:
        return []
    return [BackorderCancelled(order_id=order_id, line=line, quantity=remaining, reason=reason)]


def ship(
    item: StockItem,
    order_id: str,
    line: int,
    quantity: int,
    shipment_id: str,
    forced: bool = False,
) -> list[object]:
    """Turn up to so many promised units into shipped ones.

    `forced` ships them all although the books lack the promise, which on hand may pay for by
    going below zero until the next count.
    """
    promised = item.allocations.get(owner_key(order_id, line), 0)
    shipped = quantity if forced else min(quantity, promised)
    if shipped <= 0:
        return []
    return [
        StockShipped(
            order_id=order_id,
            line=line,
            quantity=shipped,
            shipment_id=shipment_id,
            forced=shipped > promised,
        )
    ]


def fill_backorders(
    item: StockItem, now: datetime, most: int = FILLED_AT_ONCE
) -> list[BackorderFilled]:
    """Promise what is available to the first that wait; the safety stock stays.

    An item that is not active serves nobody.
    """
    return fills(item, item.unpromised(now), most) if item.status == "active" else []


def fills(item: StockItem, units: int, most: int = FILLED_AT_ONCE) -> list[BackorderFilled]:
    """Who is served when so many units are there, the last one perhaps in part."""
    found: list[BackorderFilled] = []
    if units <= 0 or not item.backorders:
        return found
    for key, waiting in nsmallest(most, item.backorders.items(), key=_turn):
        if units <= 0:
            break
        order_id, line = owner_of(key)
        quantity = min(units, waiting.quantity)
        found.append(BackorderFilled(order_id=order_id, line=line, quantity=quantity))
        units -= quantity
    return found


def _turn(waiting: tuple[str, Backorder]) -> tuple[int, datetime, str, int]:
    """First in, first out among those of the same priority."""
    key, known = waiting
    return (-known.priority, known.placed_at, *owner_of(key))


def _may_wait(item: StockItem, quantity: int) -> bool:
    room = item.backorderable()
    return room is None or quantity <= room


def _check_available(item: StockItem, quantity: int, now: datetime, ahead: int = 0) -> None:
    if quantity <= 0:
        raise Invalid("A quantity is at least 1.", field="quantity")
    unclaimed = item.unclaimed(now, ahead)
    if unclaimed < quantity:
        raise InsufficientStock(available={item.sku: unclaimed})


def _check_later(expires_at: datetime, now: datetime) -> None:
    check_moment(expires_at, "expires_at")
    if expires_at <= now:
        raise Invalid("A reservation ends in the future.", field="expires_at")
