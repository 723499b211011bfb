"""Orders in our own words: the shape for every channel that can choose how it sends them."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Contact
from commands.order import PlaceOrder, RequestedLine
from consumers.consumer import Consumer, Unreadable
from consumers.moments import checked_moment
from domain.fast_init import maker
from domain.values import LineKind, PaymentMode, ShortagePolicy, order_id_of

_place_order, _requested_line = maker(PlaceOrder), maker(RequestedLine)
_made_contact = maker(Contact)


@dataclass(slots=True, kw_only=True)
class OrderMessageLine:
    """One line. Amounts are minor units; `tax` and `discount` are for the whole line.

    A `charge` line is money without stock: postage, a fee, a discount.
    """

    sku: str
    quantity: int
    unit_price: int
    title: str = ""
    tax: int = 0
    discount: int = 0
    kind: LineKind = "stock"


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody concerned by an order. This goes to the contacts vault and into no event."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(slots=True, kw_only=True)
class OrderMessage:
    """One order; the channel is that of the consumer which reads it.

    `reference` is the channel's own number: the same one again is the same order. `country` is
    ISO 3166 alpha-2, `currency` ISO 4217. `total` is checked against the lines when it is given.
    The units of `reservations` become this order's. `shortage_policy` says what is to happen when
    stock lacks. `ordered_at` is the time of sale; it is heeded where the consumer may write
    history, else the order is placed on arrival.
    """

    reference: str
    currency: str
    country: str
    lines: tuple[OrderMessageLine, ...]
    customer_id: str | None = None
    postal_area: str | None = None
    total: int | None = None
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    priority: int = 0
    ship_method: str | None = None
    promised_by: datetime | None = None
    preferred_location: str | None = None
    reservations: tuple[str, ...] = ()
    ordered_at: datetime | None = None
    billing: Person | None = None
    shipping: Person | None = None


def place_order(message: OrderMessage, channel: str) -> PlaceOrder:
    """The order as a command; raises Unreadable when it could not be found again, or dated."""
    if not message.reference.strip():
        raise Unreadable("The order has no reference.")
    if message.ordered_at is not None:
        checked_moment(message.ordered_at, "ordered_at")
    promised_by = message.promised_by
    if promised_by is not None:
        promised_by = checked_moment(promised_by, "promised_by")
    return _place_order(
        order_id=order_id_of(channel, message.reference),
        channel=channel,
        reference=message.reference,
        lines=tuple([_line(line) for line in message.lines]),
        currency=message.currency,
        country=message.country,
        customer_id=message.customer_id,
        postal_area=message.postal_area,
        total=message.total,
        payment_mode=message.payment_mode,
        shortage_policy=message.shortage_policy,
        priority=message.priority,
        ship_method=message.ship_method,
        promised_by=promised_by,
        preferred_location=message.preferred_location,
        reservations=message.reservations,
        contacts=_contacts(message) or None,
    )


def _line(line: OrderMessageLine) -> RequestedLine:
    return _requested_line(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        title=line.title,
        tax=line.tax,
        discount=line.discount,
        kind=line.kind,
    )


def _contacts(message: OrderMessage) -> dict[str, Contact]:
    roles = {"billing": message.billing, "shipping": message.shipping}
    return {role: _contact(role, person) for role, person in roles.items() if person is not None}


def _contact(role: str, person: Person) -> Contact:
    return _made_contact(
        contact_id=role,
        name=person.name,
        email=person.email,
        phone=person.phone,
        street=person.street,
        city=person.city,
        postal_code=person.postal_code,
        region=person.region,
        country=person.country,
    )


def ordered_at(message: OrderMessage) -> datetime | None:
    return message.ordered_at


def to_commands(message: OrderMessage, channel: str) -> tuple[PlaceOrder]:
    return (place_order(message, channel),)


ORDERS = Consumer(
    name="orders",
    message=OrderMessage,
    to_commands=to_commands,
    reference="reference",
    happened_at=ordered_at,
)
