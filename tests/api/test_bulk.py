"""Many orders in one request: what comes back for each line, and when none is placed at all."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.bulk import MOST_LINES
from domain.errors import InsufficientStock
from tests.api.house import House, MemoryBus, Recorder, fields, kind
from tests.api.requests import ITEM, LINE, PLACE
from tests.api.test_documents import DOCUMENT, OPERATIONS

PATH = "/v1/orders/bulk"


# An order that has no name by which it would be known again.
NAMELESS = {name: value for name, value in PLACE.items() if name != "reference"}


def order(number: int, **given: Any) -> bytes:
    return json.dumps(PLACE | {"reference": f"web-{number}"} | given).encode()


def bulk(house: House, *lines: bytes, key: str | None = "k-1", **headers: str) -> Any:
    named = {"Content-Type": "application/x-ndjson"} | headers
    if key is not None:
        named["Idempotency-Key"] = key
    return house.ask("POST", PATH, content=b"\n".join(lines), headers=named)


def results(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


def test_each_line_has_its_result_in_the_order_of_the_lines() -> None:
    house = House()
    found = results(bulk(house, *(order(number) for number in range(700)), b""))
    assert [(each["line"], each["status"]) for each in found] == [(n + 1, 201) for n in range(700)]
    assert all(each["receipt"]["id"] == "A1" for each in found)
    assert [c.reference for c, _ in house.bus.asked] == [f"web-{number}" for number in range(700)]
    assert {context.actor for _, context in house.bus.asked} == {"key-1"}
    assert len({context.command_id for _, context in house.bus.asked}) == 700
    assert [(seen.route, seen.status) for seen in house.operator.seen] == [(PATH, 200)]


def test_a_bad_line_keeps_no_other_from_being_placed() -> None:
    house = House()
    bad = [b"{", order(2, colour="red"), order(3)[:-1] + b',"priority":0,"priority":1}', b"[]"]
    too_long = order(4, customer_id="x" * 200_000)
    found = results(
        bulk(house, order(1), *bad, b"  ", too_long, order(5, lines=[LINE | {"tax": 1}]))
    )
    assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 7, 8]
    assert [each["status"] for each in found] == [201, 400, 422, 400, 422, 413, 201]
    kinds = [each["problem"]["type"].rpartition(":")[2] for each in found if "problem" in each]
    assert kinds == [
        "malformed-request",
        "invalid",
        "malformed-request",
        "invalid",
        "body-too-large",
    ]
    assert found[2]["problem"]["errors"][0]["field"] == "colour"
    assert len(house.bus.asked) == 2


def test_a_refusal_is_told_as_for_one_order() -> None:
    error = InsufficientStock(available={"TEA": 3})
    found = results(bulk(House(Recorder(error=error)), order(1)))[0]
    alone = House(Recorder(error=error)).ask("POST", "/v1/orders", content=order(1)).json()
    assert found["status"] == 409
    told = found["problem"] | {"instance": alone["instance"]}
    assert told == alone


def test_a_fault_of_ours_is_one_line_s() -> None:
    house = House(Recorder(error=RuntimeError("secret of the house")))
    found = results(bulk(house, order(1), order(2)))
    assert [each["status"] for each in found] == [500, 500]
    assert "secret" not in json.dumps(found)
    assert len(house.operator.errors) == 2


def test_a_repeat_gets_the_same_answers_and_does_nothing() -> None:
    bus = MemoryBus()
    house = House(bus)
    house.post("/v1/locations", {"location": "BER", "country": "DE"})
    house.post("/v1/stock/register", ITEM)
    house.post("/v1/stock/receive", ITEM | {"document": "first", "quantity": 100})
    lines = [json.dumps(NAMELESS | {"customer_id": f"c-{number}"}).encode() for number in range(3)]
    first = bulk(house, *lines)
    assert [each["status"] for each in results(first)] == [201] * 3
    events = list(bus.log.recorded)
    assert bulk(house, *lines).content == first.content
    assert bus.log.recorded == events
    other = results(bulk(house, lines[0], lines[1].replace(b"1999", b"1998")))
    assert [each["status"] for each in other] == [201, 422]
    assert other[1]["problem"]["type"] == "urn:ordinal:problem:key-reused"
    again = results(bulk(house, *lines, key="k-2"))
    assert not {each["receipt"]["id"] for each in again} & {
        each["receipt"]["id"] for each in results(first)
    }


def test_too_many_lines_place_nothing() -> None:
    house = House(max_body_bytes=1_000)
    response = bulk(house, *([b"{}"] * (MOST_LINES + 1)))
    assert (response.status_code, kind(response)) == (413, "body-too-large")
    assert response.json()["lines"] == MOST_LINES
    assert house.bus.asked == []


def test_a_body_too_large_places_nothing() -> None:
    house = House()
    response = bulk(house, order(1), b" " * 32_000_000)
    assert (response.status_code, kind(response)) == (413, "body-too-large")
    assert house.bus.asked == []
    assert house.app.edge.bodies.held == 0


@pytest.mark.parametrize("body", [b"", b"\n\n", b" \r\n"])
def test_no_line_is_no_request(body: bytes) -> None:
    response = bulk(House(), body)
    assert (response.status_code, fields(response)) == (422, {"body"})


@pytest.mark.parametrize("media", ["application/json", "text/plain", "application/x-ndjson2"])
def test_lines_are_declared_as_such(media: str) -> None:
    response = bulk(House(), order(1), **{"Content-Type": media})
    assert (response.status_code, kind(response)) == (415, "not-json")
    assert "application/x-ndjson" in response.json()["detail"]


def test_what_speaks_of_one_order_is_refused() -> None:
    assert fields(bulk(House(), order(1), **{"If-Match": "7"})) == {"If-Match"}
    assert bulk(House(), order(1), key="a b").status_code == 400
    assert bulk(House(channel=None), order(1)).status_code == 403
    assert House().ask("POST", f"{PATH}?a=1", content=order(1)).status_code == 422


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_it_is_no_order_s_id(method: str) -> None:
    response = House().ask(method, PATH)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_the_documents_example_is_taken_and_says_what_comes_back() -> None:
    content = OPERATIONS["place_orders"][2]["requestBody"]["content"]["application/x-ndjson"]
    house = House()
    assert [each["status"] for each in results(bulk(house, content["example"].encode()))] == [
        201
    ] * 2
    told = OPERATIONS["place_orders"][2]["responses"]["200"]["content"]["application/x-ndjson"]
    accepted, refused = map(json.loads, told["example"].splitlines())
    schemas = DOCUMENT["components"]["schemas"]
    Draft202012Validator(schemas["Receipt"]).validate(accepted["receipt"])
    Draft202012Validator(schemas["Problem"]).validate(refused["problem"])
