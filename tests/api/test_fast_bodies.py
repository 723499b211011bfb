"""What msgspec takes pydantic takes for the same; and what is usual is taken by msgspec."""

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from api.api_request import Asked
from api.fast_bodies import NotNative, fast_reader, members, struct_of
from api.fields import Body, Moment
from api.placing import PlaceOrderBody
from api.problems import MalformedRequest
from api.routing import Reader
from benchmarks.machines import order_body
from tests.api.requests import LINE, PLACE


def endpoint(asked: Asked, body: PlaceOrderBody) -> object: ...


FAST, SLOW = fast_reader(PlaceOrderBody), Reader(endpoint)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**63, -(2**63), 10**15, 10**30])
TEXTS = st.text() | st.sampled_from(
    [
        "",
        " ",
        "x ",
        "DE",
        "de",
        "EUR\n",
        "stock",
        "charge",
        "reject",
        "\u00a0",
        "\u0085",
        "é£€",
        "x" * 201,
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


# Fields whose values need not look like a code, so that most of what is drawn for them is sound.
FREE = ["title", "customer_id", "postal_area", "reference", "sku", "name", "city"]
COUNTS = ["tax", "discount", "quantity", "unit_price", "priority", "total"]


def changed(sound: dict[str, Any], names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A sound object with some members that are other, seldom odd, or not there."""
    free = [name for name in names if name in FREE]
    counts = [name for name in names if name in COUNTS]
    usual = st.dictionaries(st.sampled_from(free), TEXTS, max_size=2) if free else st.just({})
    if counts:
        more = st.dictionaries(st.sampled_from(counts), st.integers(-2, 2**50), max_size=2)
        usual = st.builds(lambda one, two: one | two, usual, more)
    odd = st.dictionaries(st.sampled_from(names) | TEXTS, ANYTHING, max_size=1)
    gone = st.sets(st.sampled_from(sorted(sound)), max_size=1)
    other = st.builds(lambda more, less: {**_without(sound, less), **more}, odd, gone)
    return st.one_of(*[usual.map(lambda more: {**sound, **more})] * 3, other)


def _without(sound: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in sound.items() if name not in names}


LINES = changed(
    LINE, ["unit_price", "title", "tax", "discount", "kind", "currency", "quantity", "sku"]
)
CONTACTS = st.dictionaries(
    st.sampled_from(["shipping", "billing", "Billing"]),
    changed({"name": "Ada"}, ["name", "city", "country"]),
    max_size=2,
)
ORDERS = st.builds(
    lambda order, lines, contacts: order | {"lines": lines} | contacts,
    changed(PLACE, sorted(PlaceOrderBody.model_fields)),
    st.lists(LINES, min_size=1, max_size=2),
    st.just({}) | st.builds(lambda found: {"contacts": found}, CONTACTS),
)
RAW = st.builds(
    lambda order, ascii, indent: json.dumps(order, ensure_ascii=ascii, indent=indent),
    ORDERS,
    st.booleans(),
    st.sampled_from([None, 0, 2]),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


def plain(body: Any) -> dict[str, Any]:
    """The fields of a body and of all in it."""
    return {name: _plain(value) for name, value in members(body).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return plain(value) if hasattr(value, "sku") or hasattr(value, "postal_code") else value


def check(raw: bytes) -> bool:
    found = FAST(raw)
    if found is None:
        return False
    body, content = SLOW.body(raw)
    assert plain(found[0]) == plain(body)
    assert repr(plain(found[0])) == repr(plain(body))
    assert found[1] == content
    return True


@settings(max_examples=600)
@given(raw=RAW)
def test_whatever_is_taken_pydantic_takes_for_the_same(raw: bytes) -> None:
    event(f"taken: {check(raw)}")


@settings(max_examples=300)
@given(raw=RAW, place=st.integers(0, 400), byte=st.binary(min_size=1, max_size=2))
def test_whatever_is_taken_of_broken_bytes_pydantic_takes_too(
    raw: bytes, place: int, byte: bytes
) -> None:
    check(raw[:place] + byte + raw[place + 1 :])


@pytest.mark.parametrize(
    "order",
    [
        PLACE,
        PLACE | {"lines": [LINE] * 2_000},
        PLACE
        | {"total": -5, "customer_id": "Müller, Ströer & Söhne", "payment_mode": "on_account"},
        PLACE | {"contacts": {"shipping": {"name": "Ada", "city": "Łódź"}, "billing": {}}},
    ],
)
def test_usual_orders_are_taken(order: dict[str, Any]) -> None:
    assert check(json.dumps(order, ensure_ascii=False).encode())
    assert check(json.dumps(order, ensure_ascii=False, indent=2).encode())


def test_the_orders_of_the_benchmarks_are_taken() -> None:
    assert check(order_body("r-1", ["SKU-1", "SKU-2"]))


@pytest.mark.parametrize(
    "text",
    [
        '{"country":"DE\\n"',
        '{"country":"DE\n"',
        '{"country":"DE","country":"DE"',
        '{"country" :"D"',
        '{"priority":1.0',
        '{"priority":true',
        '{"priority":0',
        '{"promised_by":"2024-05-01T12:00:00Z"',
        '{"reference":" "',
        '{"reference":"\\u0041"',
        '{"reference":"\x7f"',
        '{"reference":"\u0085"',
    ],
)
def test_what_is_odd_is_left_to_pydantic(text: str) -> None:
    rest = json.dumps(_without(PLACE, {"country", "reference"} & {text.split('"')[1]}))[1:]
    assert FAST(f"{text},{rest}".encode()) is None


def test_null_is_what_a_moment_may_be() -> None:
    raw = json.dumps(PLACE | {"promised_by": None}).encode()
    assert FAST(raw) is None
    assert members(SLOW.body(raw)[0])["promised_by"] is None


class Needs(Body):
    """What only pydantic can read."""

    at: Moment


def test_a_body_that_needs_what_is_not_native_has_no_fast_reader() -> None:
    with pytest.raises(NotNative):
        struct_of(Needs)


def test_the_fast_reader_is_the_one_that_places_orders() -> None:
    raw = json.dumps(PLACE).encode()
    assert not isinstance(Reader(endpoint, fast=True).body(raw)[0], PlaceOrderBody)
    with pytest.raises(MalformedRequest):
        Reader(endpoint, fast=True).body(raw[:-1] + b',"country":"DE"}')
