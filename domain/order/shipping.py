"""From the door to the customer: dispatch, and what the carrier says afterwards."""

from datetime import datetime

from domain.errors import InsufficientStock, WrongStatus
from domain.order.events import (
    ExceptionKind,
    LineAllocated,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentLost,
    ShipmentReturnedToSender,
    TrackingUpdated,
)
from domain.order.exceptions import flagged
from domain.order.guards import (
    check_no_hold,
    check_paid,
    check_shipment,
    check_status,
    shipment_of,
)
from domain.order.state import Order, Shipment
from domain.values import check_happened, check_text

FORCED = "forced-dispatch"


def dispatch(
    order: Order,
    shipment_id: str,
    *,
    carrier: str,
    tracking: str | None,
    forced: bool,
    at: datetime,
    now: datetime,
    needs_payment: bool = False,
) -> list[object]:
    """The shipment leaves. `forced` lets units go whose promise was lost after they were picked;
    by policy a prepaid order `needs_payment` first.
    """
    shipment = shipment_of(order, shipment_id)
    if shipment.status != "packed":
        return []
    check_status(order, "confirmed")
    check_no_hold(order)
    if needs_payment:
        check_paid(order)
    if shipment.verifier is None:
        raise WrongStatus("Nobody has verified the shipment.", shipment_id=shipment_id)
    check_text(carrier, "carrier")
    if tracking is not None:
        check_text(tracking, "tracking")
    check_happened(at, "at", since=order.placed_at, now=now)
    lost = _lost_promises(order, shipment)
    if lost and not forced:
        raise InsufficientStock(
            "The books lack units of this shipment; force it to let them go.",
            available=_available(order, shipment),
        )
    return [
        *lost,
        ShipmentDispatched(
            shipment_id=shipment_id,
            location=shipment.location,
            lines=shipment.lines,
            carrier=carrier,
            tracking=tracking,
            forced=bool(lost),
            at=at,
        ),
        *([flagged(order, "forced-dispatch", shipment_id)] if lost else []),
    ]


def _lost_promises(order: Order, shipment: Shipment) -> list[LineAllocated]:
    """What the shipment holds of units that wait again: they are promised to it once more."""
    lost = []
    for part in shipment.lines:
        lacking = part.quantity - order.lines[part.line].allocated.get(shipment.location, 0)
        if lacking > 0:
            lost.append(
                LineAllocated(
                    line=part.line, location=shipment.location, quantity=lacking, cause=FORCED
                )
            )
    return lost


def _available(order: Order, shipment: Shipment) -> dict[str, int]:
    lines = [order.lines[part.line] for part in shipment.lines]
    return {line.sku: line.allocated.get(shipment.location, 0) for line in lines}


def record_tracking(
    order: Order,
    shipment_id: str,
    status: str,
    at: datetime,
    location: str | None,
    now: datetime,
) -> list[object]:
    """Whatever the carrier says, late or out of order; but the same only once.

    Carriers speak of a parcel from its label on, before it leaves.
    """
    shipment = shipment_of(order, shipment_id)
    check_text(status, "status")
    check_happened(at, "at", since=order.placed_at, now=now)
    if location is not None:
        check_text(location, "location")
    if (status, at) in shipment.heard:
        return []
    return [TrackingUpdated(shipment_id=shipment_id, status=status, at=at, location=location)]


def confirm_delivery(
    order: Order, shipment_id: str, at: datetime, proof: str | None, now: datetime
) -> list[object]:
    shipment = shipment_of(order, shipment_id)
    if shipment.status == "delivered":
        return []
    check_shipment(shipment, "dispatched", "lost", "returned_to_sender")
    _check_after_dispatch(order, shipment, at, now)
    if proof is not None:
        check_text(proof, "proof")
    delivered = ShipmentDelivered(shipment_id=shipment_id, at=at, proof=proof)
    if not shipment.gone:
        return [delivered]
    kind: ExceptionKind = (
        "delivered-after-loss" if shipment.status == "lost" else "delivered-after-return"
    )
    return [delivered, flagged(order, kind, shipment_id)]


def _check_after_dispatch(order: Order, shipment: Shipment, at: datetime, now: datetime) -> None:
    since = shipment.dispatched_at or order.placed_at
    check_happened(at, "at", since=since, now=now)


def report_returned(
    order: Order, shipment_id: str, reason: str, at: datetime, now: datetime
) -> list[object]:
    shipment = shipment_of(order, shipment_id)
    if shipment.status == "returned_to_sender":
        return []
    check_shipment(shipment, "dispatched", "lost")
    check_text(reason, "reason")
    _check_after_dispatch(order, shipment, at, now)
    returned = ShipmentReturnedToSender(shipment_id=shipment_id, reason=reason)
    if not shipment.gone:
        return [returned]
    return [returned, flagged(order, "returned-after-loss", shipment_id)]


def report_lost(
    order: Order, shipment_id: str, reason: str, at: datetime, now: datetime
) -> list[object]:
    shipment = shipment_of(order, shipment_id)
    if shipment.status == "lost":
        return []
    check_shipment(shipment, "dispatched")
    check_text(reason, "reason")
    _check_after_dispatch(order, shipment, at, now)
    return [ShipmentLost(shipment_id=shipment_id, reason=reason)]
