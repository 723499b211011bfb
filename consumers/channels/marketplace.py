"""A marketplace's orders: nested, in camelCase, with decimal strings, and in its own words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from commands.handling import Contact
from commands.order import PlaceOrder, RequestedLine
from consumers.amounts import minor_units
from consumers.consumer import Consumer, Unreadable
from consumers.moments import checked_moment
from domain.values import PaymentMode, ShortagePolicy, order_id_of

IfShort = Literal["cancelOrder", "shipRest", "wait"]
SHORTAGE: dict[IfShort, ShortagePolicy] = {
    "cancelOrder": "reject",
    "shipRest": "partial",
    "wait": "backorder",
}
PaidBy = Literal["marketplace", "invoice", "courier"]
PAYMENT: dict[PaidBy, PaymentMode] = {
    "marketplace": "prepaid",
    "invoice": "on_account",
    "courier": "cash_on_delivery",
}


@dataclass(slots=True, kw_only=True)
class Money:
    """An amount as a decimal string, `12.90`."""

    amount: str
    currencyCode: str


@dataclass(slots=True, kw_only=True)
class Buyer:
    """Who bought. Everything but the id is personal and goes to the vault."""

    buyerId: str
    name: str | None = None
    email: str | None = None


@dataclass(slots=True, kw_only=True)
class Address:
    """Where the parcel goes. Of it an event learns the country and the outward postcode only."""

    recipient: str
    addressLine: str
    city: str
    countryCode: str
    postalCode: str | None = None
    stateOrRegion: str | None = None
    phone: str | None = None


@dataclass(slots=True, kw_only=True)
class GiftWrap:
    """Wrapping that the buyer pays for, once for the item."""

    price: Money
    paper: str = ""


@dataclass(slots=True, kw_only=True)
class OrderItem:
    """An item. `discount` and `tax` are for all its units."""

    sellerSku: str
    quantity: int
    unitPrice: Money
    title: str = ""
    discount: Money | None = None
    tax: Money | None = None
    giftWrap: GiftWrap | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """How and where the parcel is to go, and what the buyer pays for that."""

    address: Address
    service: str | None = None
    charge: Money | None = None
    latestDeliveryDate: datetime | None = None


@dataclass(slots=True, kw_only=True)
class MarketplaceOrder:
    """One order of the marketplace, as its notification carries it."""

    marketplaceOrderId: str
    purchaseDate: datetime
    buyer: Buyer
    delivery: Delivery
    orderItems: tuple[OrderItem, ...]
    grandTotal: Money
    paidBy: PaidBy = "marketplace"
    ifShort: IfShort = "cancelOrder"


def place_order(order: MarketplaceOrder, channel: str) -> PlaceOrder:
    if not order.marketplaceOrderId.strip():
        raise Unreadable("The order has no marketplaceOrderId.")
    checked_moment(order.purchaseDate, "purchaseDate")
    currency, address = order.grandTotal.currencyCode, order.delivery.address
    return PlaceOrder(
        order_id=order_id_of(channel, order.marketplaceOrderId),
        channel=channel,
        reference=order.marketplaceOrderId,
        lines=_lines(order),
        currency=currency,
        country=address.countryCode,
        customer_id=order.buyer.buyerId,
        postal_area=_area(address.postalCode),
        total=_minor(order.grandTotal),
        payment_mode=PAYMENT[order.paidBy],
        shortage_policy=SHORTAGE[order.ifShort],
        ship_method=order.delivery.service,
        promised_by=order.delivery.latestDeliveryDate,
        contacts=_contacts(order),
    )


def _lines(order: MarketplaceOrder) -> tuple[RequestedLine, ...]:
    """The items, each followed by its wrapping, and the postage at the end."""
    lines = []
    for item in order.orderItems:
        lines.append(_goods(item))
        if item.giftWrap is not None:
            lines.append(_charge("GIFT-WRAP", item.giftWrap.price, item.giftWrap.paper))
    if order.delivery.charge is not None:
        lines.append(_charge("POSTAGE", order.delivery.charge, order.delivery.service or ""))
    return tuple(lines)


def _goods(item: OrderItem) -> RequestedLine:
    return RequestedLine(
        sku=item.sellerSku,
        quantity=item.quantity,
        unit_price=_minor(item.unitPrice),
        title=item.title,
        tax=_beside(item.unitPrice, item.tax),
        discount=_beside(item.unitPrice, item.discount),
        currency=item.unitPrice.currencyCode,
    )


def _charge(code: str, price: Money, title: str) -> RequestedLine:
    return RequestedLine(
        sku=code,
        quantity=1,
        unit_price=_minor(price),
        title=title,
        kind="charge",
        currency=price.currencyCode,
    )


def _minor(money: Money) -> int:
    return minor_units(money.amount, money.currencyCode)


def _beside(price: Money, money: Money | None) -> int:
    """A tax or discount of a line; a line of ours has one currency."""
    if money is None:
        return 0
    if money.currencyCode != price.currencyCode:
        raise Unreadable("An item names two currencies.")
    return _minor(money)


def _area(postal_code: str | None) -> str | None:
    """The part of a postcode that names no household: `SW1A` of `SW1A 1AA`, `101` of `10115`."""
    if not postal_code or not postal_code.strip():
        return None
    head, _, tail = postal_code.strip().partition(" ")
    return head if tail else head[:3].rstrip("-")


def _contacts(order: MarketplaceOrder) -> dict[str, Contact]:
    address, buyer = order.delivery.address, order.buyer
    shipping = Contact(
        contact_id="shipping",
        name=address.recipient,
        phone=address.phone,
        street=address.addressLine,
        city=address.city,
        postal_code=address.postalCode,
        region=address.stateOrRegion,
        country=address.countryCode,
    )
    if buyer.name is None and buyer.email is None:
        return {"shipping": shipping}
    billing = Contact(contact_id="billing", name=buyer.name, email=buyer.email)
    return {"billing": billing, "shipping": shipping}


def to_commands(message: MarketplaceOrder, channel: str) -> tuple[PlaceOrder]:
    return (place_order(message, channel),)


def purchased_at(message: MarketplaceOrder) -> datetime:
    return message.purchaseDate


# A marketplace adds fields as it likes, and asks nobody.
MARKETPLACE = Consumer(
    name="marketplace",
    message=MarketplaceOrder,
    to_commands=to_commands,
    reference="marketplaceOrderId",
    happened_at=purchased_at,
    unknown_fields="listed",
)
