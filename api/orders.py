"""Orders: find them, and change them until they are picked."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from api.api_request import Asked
from api.fields import (
    Body,
    Id,
    LineNumber,
    LocationId,
    Moment,
    OrderId,
    Quantity,
    Reason,
    Sku,
)
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from commands.order import (
    CancelLines,
    CancelOrder,
    CloseOrderException,
    CompleteOrder,
    ConfirmOrder,
    ExpireOrder,
    PlaceHold,
    RejectOrder,
    ReleaseHold,
)
from commands.resourcing import SourceOrder
from domain.errors import UnknownOrder
from domain.values import MAX_LINES, LineQuantity
from projections import order_status
from projections.order_status import ORDER_STATUS
from projections.order_status_rows import (
    FulfilmentRow,
    OrderLineRow,
    OrderStatusRow,
    ShipmentRow,
)
from projections.order_timeline import ORDER_TIMELINE, TimelineRow, timeline_page

routes = Routes("orders")

PaymentStatus = Literal[
    "none",
    "on_account",
    "partially_paid",
    "paid",
    "overpaid",
    "partially_refunded",
    "refunded",
]
FulfilmentStatus = Literal[
    "unfulfilled",
    "backordered",
    "on_hold",
    "in_progress",
    "partially_shipped",
    "shipped",
    "partially_delivered",
    "delivered",
    "cancelled",
]
OrderStatus = Literal["placed", "confirmed", "completed", "rejected", "expired", "cancelled"]
Text = Annotated[Id | None, Query()]
Time = Annotated[Moment | None, Query()]


class WhyBody(Body):
    """Why."""

    reason: Reason


class LineUnits(Body):
    """So many units of one line."""

    line: LineNumber
    quantity: Quantity


class CancelLinesBody(Body):
    """Which units are not wanted any more, and why."""

    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MAX_LINES)]
    reason: Reason


class HoldBody(Body):
    """What must be cleared before the order may leave. A hold without an id gets one."""

    reason: Reason
    scope: Id = "order"
    hold_id: Id | None = None


class SourceBody(Body):
    """Locations that shall not be chosen; what waits there is taken back."""

    excluded: Annotated[tuple[LocationId, ...], Field(max_length=1_000)] = ()


@routes.query("/orders", reads=ORDER_STATUS.name)
async def list_orders(
    asked: Asked,
    channel: Text = None,
    reference: Text = None,
    status: OrderStatus | None = None,
    fulfilment_status: FulfilmentStatus | None = None,
    payment_status: PaymentStatus | None = None,
    customer_id: Text = None,
    on_hold: bool | None = None,
    unsourced: bool | None = None,
    late: bool | None = None,
    has_exceptions: bool | None = None,
    sku: Sku | None = None,
    tracking: Text = None,
    placed_from: Time = None,
    placed_to: Time = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OrderStatusRow]:
    """Orders that fit all of what is given, the youngest first."""
    query = order_status.orders_page(
        channel=channel,
        reference=reference,
        status=status,
        fulfilment_status=fulfilment_status,
        payment_status=payment_status,
        customer_id=customer_id,
        on_hold=on_hold,
        unsourced=unsourced,
        late=late,
        has_exceptions=has_exceptions,
        sku=sku,
        tracking=tracking,
        placed_from=placed_from,
        placed_to=placed_to,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/orders/{order_id}", reads=ORDER_STATUS.name)
async def get_order(asked: Asked, order_id: OrderId) -> OrderStatusRow:
    """An order as it stands."""
    found = await asked.rows(order_status.order_by_id(order_id))
    if not found:
        raise UnknownOrder(order_id=order_id)
    order: OrderStatusRow = found[0]
    return order


@routes.query("/orders/{order_id}/lines", reads=ORDER_STATUS.name)
async def list_order_lines(
    asked: Asked, order_id: OrderId, cursor: Cursor = None, limit: Limit = 200
) -> Page[OrderLineRow]:
    """What was ordered, and how far each line has come."""
    await get_order(asked, order_id)
    return await page_of(asked, order_status.order_lines(order_id, limit=limit), cursor)


@routes.query("/orders/{order_id}/fulfilment-orders", reads=ORDER_STATUS.name)
async def list_order_fulfilments(
    asked: Asked, order_id: OrderId, cursor: Cursor = None, limit: Limit = 200
) -> Page[FulfilmentRow]:
    """The work that locations were given for the order."""
    await get_order(asked, order_id)
    return await page_of(asked, order_status.order_fulfilments(order_id, limit=limit), cursor)


@routes.query("/orders/{order_id}/shipments", reads=ORDER_STATUS.name)
async def list_order_shipments(
    asked: Asked, order_id: OrderId, cursor: Cursor = None, limit: Limit = 200
) -> Page[ShipmentRow]:
    """What was packed and sent of the order."""
    await get_order(asked, order_id)
    return await page_of(asked, order_status.order_shipments(order_id, limit=limit), cursor)


@routes.query("/orders/{order_id}/timeline", reads=ORDER_TIMELINE.name)
async def get_timeline(
    asked: Asked, order_id: OrderId, cursor: Cursor = None, limit: Limit = 50
) -> Page[TimelineRow]:
    """Every fact of the order in words, by whom and why."""
    page = await page_of(asked, timeline_page(order_id, limit=limit), cursor)
    if cursor is None and not page.items:
        raise UnknownOrder(order_id=order_id)
    return page


@routes.command("/orders/{order_id}/confirm")
def confirm_order(order_id: OrderId) -> ConfirmOrder:
    """Accept the order for fulfilment."""
    return ConfirmOrder(order_id=order_id)


@routes.command("/orders/{order_id}/reject")
def reject_order(order_id: OrderId, body: WhyBody) -> RejectOrder:
    """Refuse the order; its stock is free again."""
    return RejectOrder(order_id=order_id, reason=body.reason)


@routes.command("/orders/{order_id}/expire")
def expire_order(order_id: OrderId) -> ExpireOrder:
    """Give up an order that was not paid for as long as the order policy says."""
    return ExpireOrder(order_id=order_id)


@routes.command("/orders/{order_id}/cancel")
def cancel_order(order_id: OrderId, body: WhyBody) -> CancelOrder:
    """Cancel everything that has not been shipped."""
    return CancelOrder(order_id=order_id, reason=body.reason)


@routes.command("/orders/{order_id}/cancel-lines")
def cancel_lines(order_id: OrderId, body: CancelLinesBody) -> CancelLines:
    """Cancel units of some lines."""
    lines = tuple(LineQuantity(line=part.line, quantity=part.quantity) for part in body.lines)
    return CancelLines(order_id=order_id, lines=lines, reason=body.reason)


@routes.command("/orders/{order_id}/holds")
def place_hold(order_id: OrderId, body: HoldBody) -> PlaceHold:
    """Block the order until a matter is cleared; the receipt names the hold."""
    return PlaceHold(order_id=order_id, **dict(body))


@routes.command("/orders/{order_id}/holds/{hold_id}/release")
def release_hold(order_id: OrderId, hold_id: Id) -> ReleaseHold:
    """Clear the matter of a hold."""
    return ReleaseHold(order_id=order_id, hold_id=hold_id)


@routes.command("/orders/{order_id}/source")
def source_order(order_id: OrderId, body: SourceBody) -> SourceOrder:
    """Choose locations again for units that have no source, or wait where nobody is served."""
    return SourceOrder(order_id=order_id, excluded=body.excluded)


@routes.command("/orders/{order_id}/exceptions/{exception_id}/close")
def close_order_exception(
    order_id: OrderId, exception_id: Id, body: WhyBody
) -> CloseOrderException:
    """Say what was done about something that went against the plan; it is listed no more."""
    return CloseOrderException(order_id=order_id, exception_id=exception_id, reason=body.reason)


@routes.command("/orders/{order_id}/complete")
def complete_order(order_id: OrderId) -> CompleteOrder:
    """Close an order whose every line has come to its end."""
    return CompleteOrder(order_id=order_id)
