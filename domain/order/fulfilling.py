"""From the shelf to the parcel: work for the locations, picking, packing and the second look."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.errors import (
    Invalid,
    NoEligibleLocation,
    OverPick,
    SamePerson,
    UnknownLine,
    WrongItemScanned,
    WrongStatus,
)
from domain.order.events import (
    FulfilmentOrderCancelled,
    FulfilmentOrderOpened,
    ItemsPicked,
    PackVerified,
    PickShort,
    PickStarted,
    ShipmentPacked,
)
from domain.order.guards import (
    check_no_hold,
    check_shipment,
    check_status,
    check_work,
    shipment_of,
    work_of,
)
from domain.order.state import FulfilmentOrder, Order, Work
from domain.values import (
    LineQuantity,
    check_moment,
    check_quantity,
    check_text,
    same_item_code,
    same_person,
)

MAX_PARCELS = 1_000
ALL_SHORT = "all-short"


def open_work(
    order: Order, fulfil_by: datetime | None, is_open: Callable[[str], bool]
) -> list[object]:
    """Give each location the promised units of the order that it was not given yet.

    A closed one gets no work: its units are to be sourced elsewhere first.
    """
    check_status(order, "confirmed")
    check_no_hold(order)
    if fulfil_by is not None:
        check_moment(fulfil_by, "fulfil_by")
    opened = len(order.fulfilment_orders)
    free = _not_given(order)
    closed = [location for location in free if not is_open(location)]
    if closed and len(closed) == len(free):
        raise NoEligibleLocation(filtered_out=dict.fromkeys(closed, "closed"))
    given = {location: lines for location, lines in free.items() if location not in closed}
    return [
        FulfilmentOrderOpened(
            fulfilment_id=f"F{number}",
            location=location,
            lines=tuple(lines),
            fulfil_by=fulfil_by,
        )
        for number, (location, lines) in enumerate(given.items(), start=opened + 1)
    ]


def _not_given(order: Order) -> dict[str, list[LineQuantity]]:
    free: dict[str, list[LineQuantity]] = {}
    for line in order.lines.values():
        for location, promised in line.allocated.items():
            units = promised - _given(order, line.line, location)
            if units > 0:
                free.setdefault(location, []).append(LineQuantity(line=line.line, quantity=units))
    return free


def _given(order: Order, line: int, location: str) -> int:
    return sum(
        work.lines[line].held
        for work in order.fulfilment_orders.values()
        if work.pending and work.location == location and line in work.lines
    )


def cancel_work(order: Order, fulfilment_id: str, reason: str) -> list[object]:
    """Take the work back; what was picked goes back to its shelf."""
    work = work_of(order, fulfilment_id)
    if work.status == "cancelled":
        return []
    check_work(work, "open", "picking")
    check_text(reason, "reason")
    return [FulfilmentOrderCancelled(fulfilment_id=fulfilment_id, reason=reason)]


def start_pick(order: Order, fulfilment_id: str, picker: str) -> list[object]:
    work = work_of(order, fulfilment_id)
    if work.status == "picking" and work.picker == picker:
        return []
    check_work(work, "open")
    check_text(picker, "picker")
    return [PickStarted(fulfilment_id=fulfilment_id, picker=picker)]


def confirm_pick(
    order: Order,
    fulfilment_id: str,
    line: int,
    quantity: int,
    codes: Sequence[str],
    known: Sequence[str],
) -> list[object]:
    """Units were taken. `known` are the codes that name the line's sku, besides the sku."""
    _check_left(order, fulfilment_id, line, quantity)
    if len(codes) > quantity:
        raise Invalid("One code a unit at most.", field="codes")
    sku = order.lines[line].sku
    right = {same_item_code(code) for code in (sku, *known)}
    for code in codes:
        if same_item_code(code) not in right:
            raise WrongItemScanned(code=code, sku=sku)
    return [
        ItemsPicked(fulfilment_id=fulfilment_id, line=line, quantity=quantity, codes=tuple(codes))
    ]


def report_short(order: Order, fulfilment_id: str, line: int, quantity: int) -> list[object]:
    """The shelf lacks units. When that leaves nothing to pick or pack, the work is over."""
    work = _check_left(order, fulfilment_id, line, quantity)
    short: list[object] = [PickShort(fulfilment_id=fulfilment_id, line=line, quantity=quantity)]
    if sum(part.held for part in work.lines.values()) == quantity:
        short.append(FulfilmentOrderCancelled(fulfilment_id=fulfilment_id, reason=ALL_SHORT))
    return short


def _check_left(order: Order, fulfilment_id: str, line: int, quantity: int) -> FulfilmentOrder:
    work = work_of(order, fulfilment_id)
    check_work(work, "picking")
    check_quantity(quantity)
    part = _part(work, line)
    if quantity > part.unpicked:
        raise OverPick(line=line, remaining=part.unpicked)
    return work


def _part(work: FulfilmentOrder, line: int) -> Work:
    part = work.lines.get(line)
    if part is None:
        raise UnknownLine("The fulfilment order has no such line.", line=line)
    return part


def pack(order: Order, fulfilment_id: str, parcels: int, packer: str) -> list[object]:
    """Everything that was picked becomes one shipment; nothing may be left to pick."""
    work = work_of(order, fulfilment_id)
    if work.status == "packed":
        return []
    check_work(work, "picking")
    check_text(packer, "packer")
    if not 1 <= parcels <= MAX_PARCELS:
        raise Invalid(f"A shipment has 1 to {MAX_PARCELS} parcels.", field="parcels")
    unpicked = {line: part.unpicked for line, part in work.lines.items() if part.unpicked}
    if unpicked or not work.begun:
        raise WrongStatus("Pick the rest, or report it short.", unpicked=unpicked)
    return [
        ShipmentPacked(
            shipment_id=f"S{len(order.shipments) + 1}",
            fulfilment_id=fulfilment_id,
            location=work.location,
            lines=_picked(work),
            parcels=parcels,
            packer=packer,
        )
    ]


def _picked(work: FulfilmentOrder) -> tuple[LineQuantity, ...]:
    return tuple(
        [
            LineQuantity(line=line, quantity=part.picked)
            for line, part in work.lines.items()
            if part.picked
        ]
    )


def verify(order: Order, shipment_id: str, verifier: str) -> list[object]:
    """A second person looks: never the one who packed."""
    shipment = shipment_of(order, shipment_id)
    check_text(verifier, "verifier")
    if same_person(verifier, shipment.packer):
        raise SamePerson
    if shipment.verifier is not None:
        return []
    check_shipment(shipment, "packed")
    return [PackVerified(shipment_id=shipment_id, verifier=verifier)]
