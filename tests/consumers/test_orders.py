from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from commands.order import PlaceOrder
from consumers.channels import CHANNELS, by_name
from consumers.channels.orders import (
    ORDERS,
    OrderMessage,
    OrderMessageLine,
    Person,
    place_order,
)
from consumers.consumer import Unreadable
from domain.values import order_id_of

WIRE = b"""{
  "reference": "W-1001", "currency": "EUR", "country": "DE", "customer_id": "c-7",
  "postal_area": "101", "total": 2970, "payment_mode": "on_account",
  "shortage_policy": "partial", "priority": 3, "ship_method": "express",
  "promised_by": "2026-03-05T18:00:00Z", "preferred_location": "BER1", "reservations": ["cart-7"],
  "ordered_at": "2026-03-02T09:30:00Z",
  "lines": [
    {"sku": "MUG-BLUE", "quantity": 2, "unit_price": 1250, "title": "Blue mug", "tax": 470,
     "discount": 500},
    {"sku": "POSTAGE", "quantity": 1, "unit_price": 500, "kind": "charge"}
  ],
  "shipping": {"name": "Ada Byron", "street": "Torstr. 1", "city": "Berlin",
               "postal_code": "10115", "country": "DE"}
}"""
ORDER = OrderMessage(
    reference="W-1001",
    currency="EUR",
    country="DE",
    lines=(OrderMessageLine(sku="MUG-BLUE", quantity=2, unit_price=1250),),
)


def command_of(wire: bytes) -> PlaceOrder:
    consumer = ORDERS.of_channel("web")
    command = consumer.command_of(msgspec.json.decode(wire, type=consumer.message))
    assert isinstance(command, PlaceOrder)
    return command


def test_the_documented_shape_becomes_a_command() -> None:
    command = command_of(WIRE)
    assert command.order_id == order_id_of("web", "W-1001")
    assert (command.channel, command.reference) == ("web", "W-1001")
    assert (command.currency, command.country, command.total) == ("EUR", "DE", 2970)
    assert (command.customer_id, command.postal_area) == ("c-7", "101")
    assert (command.payment_mode, command.shortage_policy) == ("on_account", "partial")
    assert (command.priority, command.ship_method) == (3, "express")
    assert command.promised_by == datetime(2026, 3, 5, 18, tzinfo=UTC)
    assert command.preferred_location == "BER1"
    assert command.reservations == ("cart-7",)


def test_lines_keep_their_order_their_kind_and_their_money() -> None:
    mug, postage = command_of(WIRE).lines
    assert (mug.sku, mug.quantity, mug.unit_price, mug.title) == ("MUG-BLUE", 2, 1250, "Blue mug")
    assert (mug.tax, mug.discount, mug.kind) == (470, 500, "stock")
    assert (postage.sku, postage.kind) == ("POSTAGE", "charge")


def test_people_go_to_the_vault() -> None:
    contacts = command_of(WIRE).contacts
    assert contacts is not None
    assert contacts.keys() == {"shipping"}
    assert (contacts["shipping"].name, contacts["shipping"].city) == ("Ada Byron", "Berlin")


def test_an_order_without_people_brings_no_contacts() -> None:
    assert place_order(ORDER, "web").contacts is None


def test_both_roles_are_kept_apart() -> None:
    message = replace(ORDER, billing=Person(name="Ada"), shipping=Person(name="Bob"))
    contacts = place_order(message, "web").contacts or {}
    assert {role: contact.name for role, contact in contacts.items()} == {
        "billing": "Ada",
        "shipping": "Bob",
    }


def test_the_channel_is_the_consumers_and_makes_another_order() -> None:
    assert place_order(ORDER, "web").order_id != place_order(ORDER, "phone").order_id


@pytest.mark.parametrize("reference", ["", "  "])
def test_an_order_without_reference_is_unreadable(reference: str) -> None:
    with pytest.raises(Unreadable, match="reference"):
        place_order(replace(ORDER, reference=reference), "web")


@pytest.mark.parametrize("field", ["ordered_at", "promised_by"])
@pytest.mark.parametrize(
    "moment",
    ["2026-03-05T18:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_time_that_is_no_moment_is_unreadable(field: str, moment: str) -> None:
    given: dict[str, Any] = {field: datetime.fromisoformat(moment)}
    with pytest.raises(Unreadable, match=f"{field}: "):
        place_order(replace(ORDER, **given), "web")


def test_a_promise_stands_in_utc_whatever_zone_it_was_made_in() -> None:
    """PostgreSQL takes no zone beyond sixteen hours, though it can be written."""
    at = datetime.fromisoformat("2026-03-05T18:00:00+23:30")
    promised = place_order(replace(ORDER, promised_by=at), "web").promised_by
    assert promised == datetime(2026, 3, 4, 18, 30, tzinfo=UTC)
    assert promised is not None
    assert promised.tzinfo is UTC


def test_the_time_of_sale_is_heeded_only_where_history_may_be_written() -> None:
    message = msgspec.json.decode(WIRE, type=OrderMessage)
    assert ORDERS.of_channel("web").occurred_at(message) is None
    told = ORDERS.of_channel("web", history=True).occurred_at(message)
    assert told == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_the_list_of_channels_names_each_with_its_topic() -> None:
    assert {name: (each.channel, each.topic) for name, each in CHANNELS.items()} == {
        "orders": ("orders", "intake.orders"),
        "marketplace": ("marketplace", "intake.marketplace"),
    }


def test_two_channels_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        by_name(ORDERS, replace(ORDERS, message=Person))
