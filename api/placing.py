"""Placing an order: the one body that is more than a few fields."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from api.api_request import Asked
from api.fast_bodies import members
from api.fields import (
    FREE_TEXT,
    Body,
    Country,
    Currency,
    Id,
    LocationId,
    Moment,
    Priority,
    Quantity,
    SignedAmount,
    Sku,
)
from api.problems import Forbidden
from api.routing import Routes
from commands.handling import Contact
from commands.order import PlaceOrder, RequestedLine
from domain.fast_init import maker
from domain.order.placing import LONGEST_TITLE
from domain.values import MAX_LINES, LineKind, PaymentMode, ShortagePolicy, order_id_of

routes = Routes("orders")

_place_order, _requested_line = maker(PlaceOrder), maker(RequestedLine)
_contact = maker(Contact)

Part = Annotated[str, Field(pattern=FREE_TEXT, max_length=200)]
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
    title: Annotated[str, Field(pattern=FREE_TEXT, max_length=LONGEST_TITLE)] = ""
    tax: SignedAmount = 0
    discount: SignedAmount = 0
    kind: LineKind = "stock"
    currency: Currency | None = None


EXAMPLE: JsonValue = {
    "reference": "web-1001",
    "country": "DE",
    "currency": "EUR",
    "lines": [{"sku": "TEA-GREEN-100", "quantity": 2, "unit_price": 1999}],
}


class PlaceOrderBody(Body):
    """An order. With a `reference` of the channel it can be placed once only, ever."""

    country: Country
    currency: Currency
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=MAX_LINES)]
    reference: Annotated[Id | None, Field(examples=["web-1001"])] = None
    customer_id: Id | None = None
    postal_area: Id | None = None
    total: Annotated[
        SignedAmount | None, Field(description="Refused unless it is the sum of the lines.")
    ] = None
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    priority: Priority = 0
    ship_method: Id | None = None
    promised_by: Moment | None = None
    preferred_location: LocationId | None = None
    reservations: (
        Annotated[
            list[Id],
            Field(
                max_length=MAX_LINES,
                description="Reservations whose units become this order's; the rest is released.",
            ),
        ]
        | None
    ) = None
    contacts: Annotated[dict[Role, ContactBody], Field(max_length=10)] | None = None

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


@routes.command("/orders", location="/v1/orders/{id}", fast=True)
def place_order(asked: Asked, body: PlaceOrderBody) -> PlaceOrder:
    """Place an order and promise its stock, at once and as a whole.

    The channel is the key's. A channel that sends the same reference again gets the first order.
    """
    channel = asked.caller.channel
    if channel is None:
        raise Forbidden("This key belongs to no channel, so it cannot place orders.")
    reference = body.reference
    return _place_order(
        order_id=order_id_of(channel, reference) if reference else asked.derived_id("order"),
        channel=channel,
        lines=tuple([_requested_line(**members(line)) for line in body.lines]),
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
        reservations=tuple(body.reservations or ()),
        contacts=_contacts(body.contacts),
    )


def _contacts(contacts: dict[str, ContactBody] | None) -> dict[str, Contact] | None:
    """The command gives them the ids under which the vault will know them."""
    if contacts is None:
        return None
    return {role: _contact(contact_id="", **members(person)) for role, person in contacts.items()}
