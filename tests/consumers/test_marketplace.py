import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from commands.order import PlaceOrder
from consumers.amounts import minor_units
from consumers.channels.marketplace import MARKETPLACE, MarketplaceOrder
from consumers.consumer import Unreadable
from domain.values import order_id_of

ORDER: dict[str, Any] = {
    "marketplaceOrderId": "302-551-7",
    "purchaseDate": "2026-03-02T08:15:00Z",
    "buyer": {"buyerId": "B-77", "name": "Grace H.", "email": "grace@example.org"},
    "delivery": {
        "address": {
            "recipient": "Grace H.",
            "addressLine": "1 Harbour Way",
            "city": "London",
            "countryCode": "GB",
            "postalCode": "SW1A 1AA",
            "phone": "+44 20 0000 0000",
        },
        "service": "nextDay",
        "charge": {"amount": "4.5", "currencyCode": "GBP"},
        "latestDeliveryDate": "2026-03-04T20:00:00Z",
    },
    "orderItems": [
        {
            "sellerSku": "MUG-BLUE",
            "quantity": 2,
            "unitPrice": {"amount": "12.50", "currencyCode": "GBP"},
            "title": "Blue mug",
            "discount": {"amount": "2.00", "currencyCode": "GBP"},
            "tax": {"amount": "4.60", "currencyCode": "GBP"},
            "giftWrap": {
                "price": {"amount": "1.99", "currencyCode": "GBP"},
                "paper": "stars",
            },
        },
        {
            "sellerSku": "TEA",
            "quantity": 1,
            "unitPrice": {"amount": "3.00", "currencyCode": "GBP"},
        },
    ],
    "grandTotal": {"amount": "37.09", "currencyCode": "GBP"},
    "ifShort": "wait",
    "paidBy": "invoice",
}


def placed(order: dict[str, Any]) -> PlaceOrder:
    message: object = msgspec.json.decode(json.dumps(order), type=MARKETPLACE.message)
    command = MARKETPLACE.command_of(message)
    assert isinstance(command, PlaceOrder)
    return command


def test_the_marketplaces_shape_becomes_a_command() -> None:
    command = placed(ORDER)
    assert command.order_id == order_id_of("marketplace", "302-551-7")
    assert (command.channel, command.reference) == ("marketplace", "302-551-7")
    assert (command.currency, command.country, command.total) == ("GBP", "GB", 3709)
    assert (command.customer_id, command.postal_area) == ("B-77", "SW1A")
    assert (command.payment_mode, command.shortage_policy) == ("on_account", "backorder")
    assert command.ship_method == "nextDay"
    assert command.promised_by == datetime(2026, 3, 4, 20, tzinfo=UTC)


def test_wrapping_follows_its_item_and_postage_ends_the_order() -> None:
    lines = placed(ORDER).lines
    assert [(line.sku, line.kind, line.quantity, line.unit_price) for line in lines] == [
        ("MUG-BLUE", "stock", 2, 1250),
        ("GIFT-WRAP", "charge", 1, 199),
        ("TEA", "stock", 1, 300),
        ("POSTAGE", "charge", 1, 450),
    ]
    assert (lines[0].discount, lines[0].tax, lines[0].title) == (200, 460, "Blue mug")


def test_the_stated_total_is_what_our_lines_come_to() -> None:
    command = placed(ORDER)
    worth = [x.quantity * x.unit_price - x.discount + x.tax for x in command.lines]
    assert sum(worth) == command.total


def test_people_go_to_the_vault() -> None:
    contacts = placed(ORDER).contacts or {}
    assert contacts["billing"].email == "grace@example.org"
    assert contacts["shipping"].street == "1 Harbour Way"


def test_a_nameless_buyer_leaves_no_billing_contact() -> None:
    assert (placed({**ORDER, "buyer": {"buyerId": "B-77"}}).contacts or {}).keys() == {"shipping"}


@pytest.mark.parametrize(
    ("postal_code", "area"),
    [("10115", "101"), ("1234 AB", "1234"), ("00-950", "00"), (" ", None), (None, None)],
)
def test_a_postal_area_names_no_household(postal_code: str | None, area: str | None) -> None:
    address = {**ORDER["delivery"]["address"], "postalCode": postal_code}
    order = {**ORDER, "delivery": {**ORDER["delivery"], "address": address}}
    assert placed(order).postal_area == area


@pytest.mark.parametrize("amount", ["12.505", "1e3", "", "twelve", "١٢", "NaN", "1" * 40])
def test_an_amount_that_is_none_is_unreadable(amount: str) -> None:
    total = {"amount": amount, "currencyCode": "GBP"}
    with pytest.raises(Unreadable):
        placed({**ORDER, "grandTotal": total})


def test_an_item_of_two_currencies_is_unreadable() -> None:
    item = {**ORDER["orderItems"][0], "tax": {"amount": "1", "currencyCode": "EUR"}}
    with pytest.raises(Unreadable, match="two currencies"):
        placed({**ORDER, "orderItems": [item]})


def test_an_order_without_number_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="marketplaceOrderId"):
        placed({**ORDER, "marketplaceOrderId": ""})


def test_the_date_of_purchase_is_heeded_only_where_history_may_be_written() -> None:
    message = msgspec.json.decode(json.dumps(ORDER), type=MarketplaceOrder)
    told = MARKETPLACE.of_channel("market", history=True).occurred_at(message)
    assert MARKETPLACE.occurred_at(message) is None
    assert told == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("2.5", "GBP", 250),
        ("2.550", "GBP", 255),
        ("-0.01", "EUR", -1),
        ("120", "JPY", 120),
        ("1.234", "KWD", 1234),
        ("2.4567", "CLF", 24567),
        ("1000", "ITL", 1000),
        ("7", "EUR", 700),
    ],
)
def test_decimals_are_minor_units_of_their_currency(amount: str, currency: str, minor: int) -> None:
    assert minor_units(amount, currency) == minor
