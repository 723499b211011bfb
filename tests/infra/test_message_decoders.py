"""What a channel is given to translate: a look-alike of its message, filled faster."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.channels.marketplace import Buyer, MarketplaceOrder
from consumers.channels.orders import ORDERS, OrderMessage, OrderMessageLine, Person
from consumers.consumer import Unreadable
from infra.intake.message_decoders import UnknownFields, _surely_once, decoder_of

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
    given = decoder_of(OrderMessage)(value).message
    assert msgspec.to_builtins(given) == msgspec.to_builtins(ORDER)
    channel = ORDERS.of_channel("shop")
    assert channel.command_of(given) == channel.command_of(ORDER)


def test_what_is_not_said_is_the_messages_default() -> None:
    value = b'{"reference":"r1","currency":"GBP","country":"GB","lines":[]}'
    plain = msgspec.json.decode(value, type=OrderMessage)
    assert msgspec.to_builtins(decoder_of(OrderMessage)(value).message) == msgspec.to_builtins(
        plain
    )


@dataclass(slots=True, kw_only=True)
class Parcel:
    """Every way in which a field may hold another message."""

    size: Literal["s", "l"] = "s"
    labels: list[Buyer] = field(default_factory=list)
    by_role: dict[str, Buyer | None] = field(default_factory=dict)


def test_what_a_field_starts_with_is_shared_with_nobody() -> None:
    decode = decoder_of(Parcel)
    decode(b"{}").message.labels.append("x")
    assert decode(b"{}").message.labels == []
    deep = decode(
        b'{"labels":[{"buyerId":"b"}],"by_role":{"payer":{"buyerId":"c"},"other":null}}'
    ).message
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


# -- fields that a shape has not, and fields that stand twice

MISSPELT = (
    b'{"reference":"r1","currency":"GBP","country":"GB","shortage_polcy":"partial",'
    b'"lines":[{"sku":"A","quantity":2,"unit_price":250,"discout":100}],"shipping":{"Name":"Ada"}}'
)


def test_all_unknown_fields_are_named() -> None:
    with pytest.raises(UnknownFields) as refused:
        decoder_of(OrderMessage)(MISSPELT)
    assert str(refused.value) == ("unknown fields: shortage_polcy, lines.discout, shipping.Name")


def test_a_channel_may_list_them_instead() -> None:
    found = decoder_of(OrderMessage, listing=True)(MISSPELT)
    assert found.unknown == ("shortage_polcy", "lines.discout", "shipping.Name")
    assert found.message.reference == "r1"
    assert decoder_of(OrderMessage, listing=True)(msgspec.json.encode(ORDER)).unknown == ()


def test_of_very_many_unknown_fields_some_are_named() -> None:
    many = {f"x{number}": 1 for number in range(100)} | msgspec.to_builtins(ORDER)
    with pytest.raises(UnknownFields, match="x19, and 80 more"):
        decoder_of(OrderMessage)(msgspec.json.encode(many))


@pytest.mark.parametrize("listing", [False, True])
@pytest.mark.parametrize(
    "member",
    [
        b'"currency":"GBP","currency":"EUR"',
        b'"currency":"GBP","\\u0063urrency":"EUR"',
        b'"currency" : "GBP", "currency"\n:"GBP"',
    ],
)
def test_a_field_that_stands_twice_is_refused(member: bytes, listing: bool) -> None:
    value = msgspec.json.encode(ORDER).replace(b'"currency":"GBP"', member)
    with pytest.raises(Unreadable, match="the field currency stands twice"):
        decoder_of(OrderMessage, listing=listing)(value)


def test_a_field_that_stands_twice_is_found_however_deep() -> None:
    value = msgspec.json.encode(ORDER).replace(b'"quantity":2', b'"quantity":2,"quantity":9')
    with pytest.raises(Unreadable, match="the field quantity stands twice"):
        decoder_of(OrderMessage)(value)


TEXT = st.text(alphabet='ab":,{}[] \\\n\u00e9', max_size=4)
VALUES = st.recursive(
    TEXT | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(TEXT, inner), max_size=4),
    max_leaves=12,
)


def written(value: Any, gap: str) -> str:
    """As JSON: a list of pairs is an object, whose names may be equal; the first has a gap."""
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        gaps = [gap, *[""] * len(value)]
        members = (
            f"{json.dumps(name, ensure_ascii=False)}{blank}:{written(inner, gap)}"
            for (name, inner), blank in zip(value, gaps, strict=False)
        )
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, gap) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def doubled(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    pairs = [each for each in value if isinstance(each, tuple)]
    names = [name for name, _ in pairs]
    inner = [each[1] if isinstance(each, tuple) else each for each in value]
    return len(set(names)) < len(names) or any(map(doubled, inner))


@settings(max_examples=500)
@given(VALUES, st.sampled_from(["", " ", "\t", "\n "]))
def test_the_short_way_to_tell_names_apart_overlooks_none(value: Any, gap: str) -> None:
    raw = written(value, gap).encode()
    if doubled(value):
        assert not _surely_once(raw)


def test_the_short_way_is_taken_for_what_most_channels_send() -> None:
    assert _surely_once(msgspec.json.encode(ORDER))
    assert _surely_once(json.dumps(msgspec.to_builtins(ORDER)).encode())
