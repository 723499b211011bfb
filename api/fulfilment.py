"""What warehouses do: take on work, pick, pack, send. And what carriers say about it."""

from typing import Annotated, Literal

from pydantic import Field

from api.api_request import Asked
from api.fields import Body, Happened, Id, LineNumber, LocationId, Moment, OrderId, Quantity, Reason
from api.orders import LineUnits, WhyBody
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from commands.fulfilment import (
    CancelFulfilmentOrder,
    ConfirmDelivery,
    ConfirmPick,
    Dispatch,
    DispatchCancelled,
    OpenFulfilmentOrders,
    Pack,
    RecordTracking,
    ReportLost,
    ReportReturnedToSender,
    ReportShort,
    StartPick,
    VerifyPack,
)
from domain.values import MAX_LINES, LineQuantity
from projections.order_status import ORDER_STATUS, open_work
from projections.order_status_rows import FulfilmentRow

routes = Routes("fulfilment")

WorkStatus = Literal["open", "picking", "packed"]


class OpenBody(Body):
    """When the work has to be done."""

    fulfil_by: Moment | None = None


class StartPickBody(Body):
    """Who picks: the caller, unless it may name others."""

    picker: Id | None = None


class PickBody(Body):
    """What was taken from the shelf, with the codes that were scanned."""

    line: LineNumber
    quantity: Quantity
    codes: Annotated[tuple[Id, ...], Field(max_length=10_000)] = ()


class ShortBody(Body):
    """What was not on the shelf."""

    line: LineNumber
    quantity: Quantity


class PackBody(Body):
    """Into how many parcels, and by whom: the caller, unless it may name others."""

    parcels: Annotated[int, Field(ge=1, le=1_000)] = 1
    packer: Id | None = None


class VerifyBody(Body):
    """Who checked: the caller, unless it may name others; never the packer."""

    verifier: Id | None = None


class DispatchBody(Body):
    """Who carries it. `forced` lets it go although the books have too few units."""

    carrier: Id
    tracking: Id | None = None
    forced: bool = False
    at: Happened = None


class DispatchCancelledBody(Body):
    """What left which location, although it was cancelled, and who had packed it."""

    location: LocationId
    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MAX_LINES)]
    carrier: Id
    tracking: Id | None = None
    packer: Id | None = None
    at: Happened = None


class EndBody(WhyBody):
    """Why, and when; now unless told."""

    at: Happened = None


class TrackingBody(Body):
    """The carrier's words; they may come late and out of order."""

    status: Id
    at: Moment
    location: Id | None = None


class DeliveryBody(Body):
    """When it arrived, now unless told, and what proves it."""

    at: Happened = None
    proof: Reason | None = None


@routes.query("/fulfilment-orders", reads=ORDER_STATUS.name)
async def list_fulfilment_orders(
    asked: Asked,
    location: LocationId,
    status: WorkStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FulfilmentRow]:
    """What a location still has to pick, pack or dispatch, the oldest first."""
    return await page_of(asked, open_work(location, status=status, limit=limit), cursor)


@routes.command("/orders/{order_id}/fulfilment-orders")
def open_fulfilment_orders(order_id: OrderId, body: OpenBody) -> OpenFulfilmentOrders:
    """Give each location that holds allocated units of the order its work."""
    return OpenFulfilmentOrders(order_id=order_id, fulfil_by=body.fulfil_by)


WORK = "/orders/{order_id}/fulfilment-orders/{fulfilment_id}"


@routes.command(f"{WORK}/cancel")
def cancel_fulfilment_order(
    order_id: OrderId, fulfilment_id: Id, body: WhyBody
) -> CancelFulfilmentOrder:
    """Take work back from a location before it is packed."""
    return CancelFulfilmentOrder(order_id=order_id, fulfilment_id=fulfilment_id, reason=body.reason)


@routes.command(f"{WORK}/start-pick")
def start_pick(
    asked: Asked, order_id: OrderId, fulfilment_id: Id, body: StartPickBody
) -> StartPick:
    """Begin to pick."""
    picker = asked.person(body.picker)
    return StartPick(order_id=order_id, fulfilment_id=fulfilment_id, picker=picker)


@routes.command(f"{WORK}/pick")
def confirm_pick(order_id: OrderId, fulfilment_id: Id, body: PickBody) -> ConfirmPick:
    """Units were taken from the shelf; every scanned code must belong to the line's sku."""
    return ConfirmPick(order_id=order_id, fulfilment_id=fulfilment_id, **dict(body))


@routes.command(f"{WORK}/short")
def report_short(order_id: OrderId, fulfilment_id: Id, body: ShortBody) -> ReportShort:
    """The shelf holds fewer units than promised; the rest is sourced again elsewhere."""
    return ReportShort(order_id=order_id, fulfilment_id=fulfilment_id, **dict(body))


@routes.command(f"{WORK}/pack")
def pack(asked: Asked, order_id: OrderId, fulfilment_id: Id, body: PackBody) -> Pack:
    """Pack what was picked as one shipment."""
    said = dict(body) | {"packer": asked.person(body.packer)}
    return Pack(order_id=order_id, fulfilment_id=fulfilment_id, **said)


SHIPMENT = "/orders/{order_id}/shipments/{shipment_id}"


@routes.command(f"{SHIPMENT}/verify")
def verify_pack(asked: Asked, order_id: OrderId, shipment_id: Id, body: VerifyBody) -> VerifyPack:
    """A second person checks the packed shipment: another key, or somebody whom it may name."""
    verifier = asked.person(body.verifier)
    return VerifyPack(order_id=order_id, shipment_id=shipment_id, verifier=verifier)


@routes.command(f"{SHIPMENT}/dispatch")
def dispatch_shipment(order_id: OrderId, shipment_id: Id, body: DispatchBody) -> Dispatch:
    """The shipment leaves the location; its stock leaves the books."""
    return Dispatch(order_id=order_id, shipment_id=shipment_id, **dict(body))


@routes.command("/orders/{order_id}/dispatch-cancelled")
def dispatch_cancelled(
    asked: Asked, order_id: OrderId, body: DispatchCancelledBody
) -> DispatchCancelled:
    """Units that were cancelled left all the same: their demand is back, and an exception is open.

    The receipt names the shipment and the exception.
    """
    lines = tuple([LineQuantity(line=part.line, quantity=part.quantity) for part in body.lines])
    said = dict(body) | {"lines": lines, "packer": asked.person(body.packer)}
    return DispatchCancelled(order_id=order_id, **said)


@routes.command(f"{SHIPMENT}/tracking")
def record_tracking(order_id: OrderId, shipment_id: Id, body: TrackingBody) -> RecordTracking:
    """Note what the carrier says."""
    return RecordTracking(order_id=order_id, shipment_id=shipment_id, **dict(body))


@routes.command(f"{SHIPMENT}/deliver")
def confirm_delivery(order_id: OrderId, shipment_id: Id, body: DeliveryBody) -> ConfirmDelivery:
    """The shipment reached the customer."""
    return ConfirmDelivery(order_id=order_id, shipment_id=shipment_id, **dict(body))


@routes.command(f"{SHIPMENT}/returned-to-sender")
def report_returned(order_id: OrderId, shipment_id: Id, body: EndBody) -> ReportReturnedToSender:
    """The carrier brought the shipment back."""
    return ReportReturnedToSender(order_id=order_id, shipment_id=shipment_id, **dict(body))


@routes.command(f"{SHIPMENT}/lost")
def report_lost(order_id: OrderId, shipment_id: Id, body: EndBody) -> ReportLost:
    """The carrier lost the shipment."""
    return ReportLost(order_id=order_id, shipment_id=shipment_id, **dict(body))
