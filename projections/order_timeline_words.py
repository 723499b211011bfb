"""Every fact of an order as a sentence. No personal data: events hold none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from domain.order import events as e
from domain.values import LineQuantity, LineShare
from projections.amounts import money

NAMED_PARTS = 5


@dataclass(slots=True, kw_only=True)
class NamesRow:
    """What the sentences of later events call things."""

    order_id: Annotated[str, "The order"]
    skus: Annotated[dict[str, str], "Line number -> sku"]
    places: Annotated[dict[str, str], "Fulfilment order -> location"]


def _of_line(names: NamesRow, line: int, quantity: int) -> str:
    return f"{quantity} x {names.skus[str(line)]}"


def _of_lines(names: NamesRow, parts: tuple[LineQuantity, ...]) -> str:
    if len(parts) > NAMED_PARTS:
        return f"{sum(part.quantity for part in parts)} units in {len(parts)} lines"
    return ", ".join(_of_line(names, part.line, part.quantity) for part in parts)


def _by_location(shares: Iterable[LineShare]) -> Iterable[tuple[str, int]]:
    units: dict[str, int] = {}
    for share in shares:
        units[share.location] = units.get(share.location, 0) + share.quantity
    return units.items()


def _placed(event: e.OrderPlaced, _: NamesRow) -> str:
    units = sum(line.quantity for line in event.lines if line.kind == "stock")
    known_as = f" as {event.reference}" if event.reference else ""
    worth = money(event.totals.total, event.currency)
    return (
        f"Placed over {event.channel}{known_as}: {len(event.lines)} lines, {units} units, {worth}"
    )


def _sourced(event: e.SourcingDecided, _: NamesRow) -> str:
    said = [f"{units} units from {place}" for place, units in _by_location(event.allocations)]
    said += [
        f"{units} wait for stock at {place}" for place, units in _by_location(event.backorders)
    ]
    return "Sourced: " + ("; ".join(said) or "no location can serve it")


def _allocated(event: e.LineAllocated, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    return f"{units} allocated at {event.location} after waiting ({event.cause})"


def _backordered(event: e.LineBackordered, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    return f"{units} no longer there at {event.location}, and waiting for stock ({event.cause})"


def _unsourced(event: e.LineUnsourced, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    held = "wait no more" if event.promise == "backordered" else "no longer allocated"
    return f"{units} {held} at {event.location} ({event.cause})"


def _units_cancelled(event: e.LineQuantityCancelled, names: NamesRow) -> str:
    return f"{_of_line(names, event.line, event.quantity)} cancelled: {event.reason}"


def _reinstated(event: e.LineReinstated, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    return f"{units} no longer cancelled, for {event.location} ({event.cause})"


def _confirmed(_: e.OrderConfirmed, __: NamesRow) -> str:
    return "Confirmed"


def _rejected(event: e.OrderRejected, _: NamesRow) -> str:
    return f"Rejected: {event.reason}"


def _expired(event: e.OrderExpired, _: NamesRow) -> str:
    return f"Expired: unpaid since {event.unpaid_since:%Y-%m-%d %H:%M} UTC"


def _cancelled(event: e.OrderCancelled, _: NamesRow) -> str:
    return f"Cancelled: {event.reason}"


def _completed(_: e.OrderCompleted, __: NamesRow) -> str:
    return "Completed"


def _held(event: e.HoldPlaced, _: NamesRow) -> str:
    return f"Put on hold {event.hold_id}: {event.reason}"


def _unheld(event: e.HoldReleased, _: NamesRow) -> str:
    return f"Hold {event.hold_id} released"


def _opened(event: e.FulfilmentOrderOpened, names: NamesRow) -> str:
    return f"{event.location} was asked to send {_of_lines(names, event.lines)}"


def _work_cancelled(event: e.FulfilmentOrderCancelled, names: NamesRow) -> str:
    return f"{names.places[event.fulfilment_id]} need not send it: {event.reason}"


def _pick_started(event: e.PickStarted, names: NamesRow) -> str:
    return f"{event.picker} began to pick at {names.places[event.fulfilment_id]}"


def _picked(event: e.ItemsPicked, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    return f"{units} picked at {names.places[event.fulfilment_id]}"


def _short(event: e.PickShort, names: NamesRow) -> str:
    units = _of_line(names, event.line, event.quantity)
    return f"{units} not on the shelf at {names.places[event.fulfilment_id]}"


def _packed(event: e.ShipmentPacked, names: NamesRow) -> str:
    units, parcels = _of_lines(names, event.lines), f"{event.parcels} parcel(s)"
    return f"{units} packed in {parcels} at {event.location} by {event.packer}"


def _verified(event: e.PackVerified, _: NamesRow) -> str:
    return f"Shipment {event.shipment_id} checked by {event.verifier}"


def _dispatched(event: e.ShipmentDispatched, names: NamesRow) -> str:
    tracked = f", tracking {event.tracking}" if event.tracking else ""
    forced = ", forced against the books" if event.forced else ""
    units = _of_lines(names, event.lines)
    return f"{units} left {event.location} with {event.carrier}{tracked}{forced}"


def _tracked(event: e.TrackingUpdated, _: NamesRow) -> str:
    where = f" at {event.location}" if event.location else ""
    return f"The carrier says of shipment {event.shipment_id}: {event.status}{where}"


def _delivered(event: e.ShipmentDelivered, _: NamesRow) -> str:
    return f"Shipment {event.shipment_id} delivered"


def _returned(event: e.ShipmentReturnedToSender, _: NamesRow) -> str:
    return f"Shipment {event.shipment_id} came back: {event.reason}"


def _lost(event: e.ShipmentLost, _: NamesRow) -> str:
    return f"Shipment {event.shipment_id} lost: {event.reason}"


def _captured(event: e.PaymentCaptured, _: NamesRow) -> str:
    return f"{money(event.amount, event.currency)} received through {event.provider}"


def _refunded(event: e.RefundSucceeded, _: NamesRow) -> str:
    worth = money(event.amount, event.currency)
    return f"{worth} refunded through {event.provider}: {event.cause}"


def _flagged(event: e.OrderExceptionFlagged, _: NamesRow) -> str:
    about = f" of shipment {event.shipment_id}" if event.shipment_id else ""
    return f"Exception {event.exception_id}{about}, to be looked at: {event.kind}"


def _looked_at(event: e.OrderExceptionClosed, _: NamesRow) -> str:
    return f"Exception {event.exception_id} closed: {event.reason}"


WORDS: Mapping[type, Callable[[Any, NamesRow], str]] = {
    e.OrderPlaced: _placed,
    e.SourcingDecided: _sourced,
    e.LineAllocated: _allocated,
    e.LineBackordered: _backordered,
    e.LineUnsourced: _unsourced,
    e.LineQuantityCancelled: _units_cancelled,
    e.LineReinstated: _reinstated,
    e.OrderConfirmed: _confirmed,
    e.OrderRejected: _rejected,
    e.OrderExpired: _expired,
    e.OrderCancelled: _cancelled,
    e.OrderCompleted: _completed,
    e.HoldPlaced: _held,
    e.HoldReleased: _unheld,
    e.FulfilmentOrderOpened: _opened,
    e.FulfilmentOrderCancelled: _work_cancelled,
    e.PickStarted: _pick_started,
    e.ItemsPicked: _picked,
    e.PickShort: _short,
    e.ShipmentPacked: _packed,
    e.PackVerified: _verified,
    e.ShipmentDispatched: _dispatched,
    e.TrackingUpdated: _tracked,
    e.ShipmentDelivered: _delivered,
    e.ShipmentReturnedToSender: _returned,
    e.ShipmentLost: _lost,
    e.PaymentCaptured: _captured,
    e.RefundSucceeded: _refunded,
    e.OrderExceptionFlagged: _flagged,
    e.OrderExceptionClosed: _looked_at,
}
