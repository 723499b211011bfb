"""Orders: place, find, change."""

from typing import Annotated
from uuid import UUID, uuid5

from pydantic import Field

from api.asked import Asked
from api.fields import (
    FREE_TEXT,
    Amount,
    Body,
    Country,
    Currency,
    Id,
    LocationId,
    Moment,
    Name,
    OrderId,
    Priority,
    Quantity,
    SignedAmount,
    Sku,
)
from api.problems import Forbidden
from api.routing import Routes
from commands.handling import Contact
from commands.order import PlaceOrder, RequestedLine
from domain.errors import UnknownOrder
from domain.values import MAX_LINES, LineKind, PaymentMode, ShortagePolicy, order_id_of
from projections.order_status import ORDER_STATUS, order_by_id
from projections.order_status_rows import OrderStatusRow

routes = Routes("orders")

Part = Annotated[str, Field(pattern=FREE_TEXT, max_length=300)]
Role = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$", examples=["shipping"])]


class ContactBody(Body):
    """Personal data of one role in the order. It is kept apart and can be erased."""

    name: Part | None = None
    email: Part | None = None
    phone: Part | None = None
    street: Part | None = None
    city: Part | None = None
    postal_code: Part | None = None
    region: Part | None = None
    country: Country | None = None


class LineBody(Body):
    """One line as the customer ordered it; tax and discount are for the whole line."""

    sku: Sku
    quantity: Quantity
    unit_price: SignedAmount
    title: Annotated[str, Field(pattern=FREE_TEXT, max_length=500)] = ""
    tax: SignedAmount = 0
    discount: Amount = 0
    kind: LineKind = "stock"
    currency: Currency | None = None


class PlaceOrderBody(Body):
    """An order. With a `reference` of the channel it can be placed once only, ever."""

    country: Country
    currency: Currency
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=MAX_LINES)]
    reference: Name | None = None
    customer_id: Id | None = None
    postal_area: Id | None = None
    total: SignedAmount | None = None
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    priority: Priority = 0
    ship_method: Id | None = None
    promised_by: Moment | None = None
    preferred_location: LocationId | None = None
    contacts: Annotated[dict[Role, ContactBody], Field(max_length=10)] | None = None


@routes.command("/orders", location="/v1/orders/{id}")
def place_order(asked: Asked, body: PlaceOrderBody) -> PlaceOrder:
    """Place an order and promise its stock."""
    channel = asked.caller.channel
    if channel is None:
        raise Forbidden("This key belongs to no channel, so it cannot place orders.")
    reference = body.reference
    order_id = order_id_of(channel, reference) if reference else str(asked.derived_id("order"))
    return PlaceOrder(
        order_id=order_id,
        channel=channel,
        lines=tuple(map(_line, body.lines)),
        currency=body.currency,
        country=body.country,
        reference=reference,
        customer_id=body.customer_id,
        postal_area=body.postal_area,
        total=body.total,
        payment_mode=body.payment_mode,
        shortage_policy=body.shortage_policy,
        priority=body.priority,
        ship_method=body.ship_method,
        promised_by=body.promised_by,
        preferred_location=body.preferred_location,
        contacts=_contacts(order_id, body.contacts),
    )


@routes.query("/orders/{order_id}", reads=ORDER_STATUS.name)
async def get_order(asked: Asked, order_id: OrderId) -> OrderStatusRow:
    """An order as it stands."""
    found = await asked.edge.rows.fetch(order_by_id(order_id))
    if not found:
        raise UnknownOrder(order_id=order_id)
    order: OrderStatusRow = found[0]
    return order


def _line(line: LineBody) -> RequestedLine:
    return RequestedLine(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        title=line.title,
        tax=line.tax,
        discount=line.discount,
        kind=line.kind,
        currency=line.currency,
    )


def _contacts(order_id: str, contacts: dict[str, ContactBody] | None) -> dict[str, Contact] | None:
    """A contact's id follows from its order and role, so that a repeat keeps none twice."""
    if contacts is None:
        return None
    order = UUID(order_id)
    return {
        role: Contact(contact_id=str(uuid5(order, role)), **contact.model_dump())
        for role, contact in contacts.items()
    }
