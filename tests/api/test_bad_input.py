"""Bad input gets a problem that names the field; never a 5xx, and nothing reaches the bus."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.house import House, fields, kind, problem
from tests.api.requests import ID, ITEM, LINE, ORDER, PLACE


def _json(body: object) -> bytes:
    """NaN and Infinity are written as Python writes them, which JSON does not know."""
    return json.dumps(body, allow_nan=True).encode()


MALFORMED = {
    "nothing": b"",
    "half": b'{"country": "DE"',
    "text": b"order please",
    "not UTF-8": b'{"country": "\xff\xfe"}',
    "UTF-16": '{"country": "DE"}'.encode("utf-16"),
    "raw NUL": b'{"country": "D\x00"}',
    "lone surrogate": b'{"country": "\\ud800"}',
    "lone surrogate as a name": b'{"\\udfff": 1}',
    "too deep": b'{"a":' + b"[" * 10_000,
    "endless number": b'{"total": ' + b"9" * 10_000 + b"}",
    "two values": b"{} {}",
}
# Paths that are refused, by the field that the problem must name.
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("country", {"country": "Germany"}),
    ("country", {"country": "de"}),
    ("country", {"country": "DE\n"}),
    ("country", {"country": None}),
    ("currency", {"currency": 978}),
    ("lines", {"lines": []}),
    ("lines", {"lines": {}}),
    ("lines", {"lines": [LINE] * 2_001}),
    ("lines.1", {"lines": [17]}),
    ("lines.2.sku", {"lines": [LINE, {"quantity": 1, "unit_price": 1}]}),
    ("lines.1.sku", {"lines": [LINE | {"sku": ""}]}),
    ("lines.1.sku", {"lines": [LINE | {"sku": "   "}]}),
    ("lines.1.sku", {"lines": [LINE | {"sku": "TEA\0"}]}),
    ("lines.1.sku", {"lines": [LINE | {"sku": "TEA\n"}]}),
    ("lines.1.sku", {"lines": [LINE | {"sku": "x" * 101}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": 0}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": -1}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": 2.0}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": 2.5}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": "2"}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": True}]}),
    ("lines.1.quantity", {"lines": [LINE | {"quantity": 2**63}]}),
    ("lines.1.unit_price", {"lines": [LINE | {"unit_price": 10**30}]}),
    ("lines.1.unit_price", {"lines": [LINE | {"unit_price": float("nan")}]}),
    ("lines.1.unit_price", {"lines": [LINE | {"unit_price": float("inf")}]}),
    ("lines.1.kind", {"lines": [LINE | {"kind": "gift"}]}),
    ("lines.1.colour", {"lines": [LINE | {"colour": "red"}]}),
    ("reference", {"reference": "a\0b"}),
    ("reference", {"reference": ""}),
    ("customer_id", {"customer_id": "x" * 201}),
    ("promised_by", {"promised_by": 1714564800}),
    ("promised_by", {"promised_by": "1714564800"}),
    ("promised_by", {"promised_by": "2024-05-01"}),
    ("promised_by", {"promised_by": "2024-05-01T12:00:00"}),
    ("promised_by", {"promised_by": "0001-01-01T00:00:00+14:00"}),
    ("promised_by", {"promised_by": "9999-12-31T23:59:59-14:00"}),
    ("preferred_location", {"preferred_location": "Berlin"}),
    ("contacts.shipping.name", {"contacts": {"shipping": {"name": "A\0"}}}),
    ("contacts.shipping.age", {"contacts": {"shipping": {"age": 7}}}),
    ("contacts.Shipping.[key]", {"contacts": {"Shipping": {}}}),
    ("colour", {"colour": "red"}),
    ("channel", {"channel": "somebody-else"}),
]


def then_refused(house: House) -> None:
    assert house.bus.asked == []
    assert house.operator.errors == []


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    house = House()
    response = house.post("/v1/orders", content=raw, headers={"Content-Type": "application/json"})
    assert (response.status_code, kind(response)) == (400, "malformed-request")
    assert fields(response) == {"body"}
    then_refused(house)


@pytest.mark.parametrize("raw", [b"[]", b'"order"', b"17", b"null", b"true"])
def test_json_that_is_no_object_is_refused(raw: bytes) -> None:
    response = House().post("/v1/orders", content=raw)
    assert (response.status_code, fields(response)) == (422, {"body"})


@pytest.mark.parametrize(("field", "change"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_bad_field_is_named(field: str, change: dict[str, Any]) -> None:
    house = House(max_body_bytes=1_000_000)
    response = house.ask("POST", "/v1/orders", content=_json(PLACE | change))
    assert (response.status_code, kind(response)) == (422, "invalid")
    assert fields(response) == {field}
    then_refused(house)


def test_all_bad_fields_are_named_at_once_up_to_a_bound() -> None:
    response = House().post("/v1/orders", PLACE | {"lines": [{}] * 100, "country": "?"})
    assert len(problem(response)["errors"]) == 50
    assert {"country", "lines.1.sku"} <= fields(response)


SHIPPING = b'{"name":"Ada","name":"Bob"}'
TWICE: list[tuple[str, str, bytes]] = [
    ("reason", f"{ORDER}/cancel", b'{"reason":"a","reason":"b"}'),
    ("reason", f"{ORDER}/cancel", b'{"reason" :"a","reason":"a"}'),
    ("reason", f"{ORDER}/cancel", b'{"r\\u0065ason":"a:b:c","reason":"a"}'),
    ("priority", "/v1/orders", _json(PLACE)[:-1] + b',"priority":0,"priority":0}'),
    ("tax", "/v1/orders", _json(PLACE).replace(b'"quantity"', b'"tax":1,"tax":1,"quantity"')),
    ("name", "/v1/orders", _json(PLACE)[:-1] + b',"contacts":{"shipping":' + SHIPPING + b"}}"),
    ("a", "/v1/orders", _json(PLACE)[:-1] + b',"contacts":{"a":{"name":":"},"a":{}}}'),
]


@pytest.mark.parametrize(("name", "path", "raw"), TWICE)
def test_a_name_that_stands_twice_in_an_object_is_refused(name: str, path: str, raw: bytes) -> None:
    house = House()
    response = house.post(path, content=raw)
    assert (response.status_code, kind(response)) == (400, "malformed-request")
    assert fields(response) == {name}
    then_refused(house)


def test_colons_and_escapes_in_what_is_said_are_no_fault() -> None:
    said = b'{"reason": "it said: \\"no\\": \\u003a"}'
    assert House().post(f"{ORDER}/cancel", content=said).status_code == 200


def test_a_body_that_says_to_be_too_large_is_refused() -> None:
    house = House(max_body_bytes=1_000)
    response = house.post("/v1/orders", content=b" " * 1_001)
    assert (response.status_code, kind(response)) == (413, "body-too-large")
    assert problem(response)["limit"] == 1_000
    then_refused(house)


def test_a_body_that_turns_out_to_be_too_large_is_refused() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    house = House(max_body_bytes=1_000)
    assert house.post("/v1/orders", content=drip()).status_code == 413
    then_refused(house)


@pytest.mark.parametrize(
    "media",
    ["text/xml", "application/x-www-form-urlencoded", "multipart/x", "text/notjson", "x/json", ""],
)
def test_another_media_type_is_refused(media: str) -> None:
    response = House().post("/v1/orders", content=b"a=1", headers={"Content-Type": media})
    assert (response.status_code, kind(response)) == (415, "not-json")


@pytest.mark.parametrize("media", ["application/json;charset=UTF-8", "Application/JSON ; v=1"])
def test_the_media_type_may_have_parameters(media: str) -> None:
    house = House()
    assert house.post("/v1/orders", PLACE, headers={"Content-Type": media}).status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "Idempotency-Key",
        "If-Match",
        "Ordinal-Position",
        "Ordinal-Occurred-At",
        "Content-Type",
    ],
)
def test_a_header_that_stands_twice_is_refused(header: str) -> None:
    house = House()
    twice = house.post("/v1/orders", PLACE, headers=[(header, "7"), (header.lower(), "7")])
    assert (twice.status_code, fields(twice)) == (400, {header})
    then_refused(house)
    forwarded = house.get("/health", headers=[("X-Forwarded-For", "a"), ("X-Forwarded-For", "b")])
    assert forwarded.status_code == 200


def test_two_request_ids_are_none() -> None:
    headers = [("X-Request-Id", "a"), ("X-Request-Id", "b")]
    response = House().get("/health", headers=headers)
    assert response.headers["x-request-id"] == f"{1:032x}"


@pytest.mark.parametrize("query", ["colour=red", "position=7", "colour"])
def test_a_command_has_no_parameters(query: str) -> None:
    house = House()
    response = house.post(f"/v1/orders?{query}", PLACE)
    assert (response.status_code, fields(response)) == (422, {query.partition("=")[0]})
    then_refused(house)


def test_a_parameter_that_stands_twice_is_refused() -> None:
    response = House().get("/v1/orders?limit=1&limit=2")
    assert (response.status_code, fields(response)) == (422, {"limit"})


@pytest.mark.parametrize("raw", [b"", b"{}", b" { } "])
def test_a_command_without_a_body_takes_none(raw: bytes) -> None:
    assert House().post(f"{ORDER}/confirm", content=raw).status_code == 200


def test_a_command_without_a_body_refuses_one() -> None:
    response = House().post(f"{ORDER}/confirm", {"status": "shipped"})
    assert (response.status_code, fields(response)) == (422, {"status"})


@pytest.mark.parametrize(
    "order_id", ["1", "x" * 5_000, "%00", "%ff", "%ed%a0%80", "..%2f..", ID + "0", "'; DROP"]
)
@pytest.mark.parametrize("action", ["confirm", "timeline"])
def test_a_bad_order_id_is_refused(order_id: str, action: str) -> None:
    house = House()
    method = "POST" if action == "confirm" else "GET"
    response = house.ask(method, f"/v1/orders/{order_id}/{action}")
    if response.status_code != 404:
        assert (response.status_code, fields(response)) == (422, {"order_id"})
    assert problem(response)
    then_refused(house)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "ten"),
        ("limit", "9" * 5_000),
        ("status", "lost"),
        ("channel", "%00"),
        ("reference", "a%00b"),
        ("customer_id", "x" * 1_000),
        ("placed_from", "yesterday"),
        ("placed_from", "0001-01-01T00:00:00%2B14:00"),
        ("placed_to", "2024-05-01"),
        ("placed_to", "1e400"),
        ("placed_to", "1714564800"),
        ("cursor", "abc"),
        ("cursor", "%00"),
        ("cursor", "%ff"),
        ("cursor", "WzEsMl0"),
        ("cursor", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwieCJd"),
        ("colour", "red"),
        ("%00", "red"),
    ],
)
def test_a_bad_parameter_is_named(parameter: str, value: str) -> None:
    house = House()
    response = house.get(f"/v1/orders?{parameter}={value}")
    assert (response.status_code, kind(response)) == (422, "invalid")
    assert fields(response) == {"\0" if parameter == "%00" else parameter}
    assert house.operator.errors == []


@pytest.mark.parametrize("position", ["-1", "x", "1.5", "9" * 40, "%00"])
def test_a_bad_position_is_refused(position: str) -> None:
    response = House().get(f"/v1/orders?position={position}")
    assert (response.status_code, fields(response)) == (400, {"Ordinal-Position"})
    assert House().get("/v1/orders", headers={"Ordinal-Position": ""}).status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({*PLACE, "total", "contacts", "priority", "promised_by", *LINE, *ITEM})


@given(change=st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON, max_size=4))
def test_no_body_brings_the_server_down(change: dict[str, Any]) -> None:
    house = House()
    response = house.ask("POST", "/v1/orders", content=_json(PLACE | change))
    assert response.status_code in (201, 400, 422)
    assert house.operator.errors == []


@given(raw=st.binary(max_size=200))
def test_no_bytes_bring_the_server_down(raw: bytes) -> None:
    house = House()
    response = house.ask("POST", "/v1/stock/receive", content=raw)
    assert response.status_code in (400, 422)
    then_refused(house)
