"""What a channel is given to translate: a look-alike of its message, filled faster."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest

from consumers.channels.marketplace import Buyer, MarketplaceOrder
from consumers.channels.orders import OrderMessage, OrderMessageLine, Person, orders_consumer
from infra.intake.message_decoders import decoder_of

ORDER = OrderMessage(
    reference="r1",
    currency="GBP",
    country="GB",
    lines=(OrderMessageLine(sku="A", quantity=2, unit_price=250, kind="charge"),),
    ordered_at=datetime(2024, 2, 29, 12, tzinfo=UTC),
    shipping=Person(name="Ada", city="Leeds"),
)


def test_it_has_the_fields_of_the_message_however_deep() -> None:
    value = msgspec.json.encode(ORDER)
    given = decoder_of(OrderMessage)(value)
    assert msgspec.to_builtins(given) == msgspec.to_builtins(ORDER)
    channel = orders_consumer("shop")
    assert channel.to_command(given) == channel.to_command(ORDER)


def test_what_is_not_said_is_the_messages_default() -> None:
    value = b'{"reference":"r1","currency":"GBP","country":"GB","lines":[]}'
    plain = msgspec.json.decode(value, type=OrderMessage)
    assert msgspec.to_builtins(decoder_of(OrderMessage)(value)) == msgspec.to_builtins(plain)


@dataclass(slots=True, kw_only=True)
class Parcel:
    """Every way in which a field may hold another message."""

    size: Literal["s", "l"] = "s"
    labels: list[Buyer] = field(default_factory=list)
    by_role: dict[str, Buyer | None] = field(default_factory=dict)


def test_what_a_field_starts_with_is_shared_with_nobody() -> None:
    decode = decoder_of(Parcel)
    decode(b"{}").labels.append("x")
    assert decode(b"{}").labels == []
    deep = decode(b'{"labels":[{"buyerId":"b"}],"by_role":{"payer":{"buyerId":"c"},"other":null}}')
    assert (deep.labels[0].buyerId, deep.by_role["payer"].buyerId) == ("b", "c")


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (OrderMessage, b"{}"),
        (OrderMessage, b'{"reference":1}'),
        (OrderMessage, msgspec.json.encode(ORDER).replace(b'"quantity":2', b'"quantity":"2"')),
        (MarketplaceOrder, b'{"marketplaceOrderId":"m","buyer":{}}'),
        (Parcel, b'{"size":"m"}'),
    ],
)
def test_what_is_no_such_message_is_refused_in_the_same_words(message: type, value: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError) as plain:
        msgspec.json.decode(value, type=message)
    with pytest.raises(msgspec.MsgspecError) as given:
        decoder_of(message)(value)
    assert str(given.value) == str(plain.value)
