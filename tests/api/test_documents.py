"""The OpenAPI document: whole, true, and with examples that our own routes accept."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.placing import PlaceOrderBody
from api.scopes import SCOPES
from projections.order_status_rows import OrderStatusRow
from projections.rows import documented
from tests.api.house import House
from tests.api.requests import COMMANDS, Sound

DOCUMENT: dict[str, Any] = House().get("/openapi.json", key=None).json()
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_operation_ids_are_unique_and_speak_for_themselves() -> None:
    count = sum(len(methods) for methods in DOCUMENT["paths"].values())
    assert len(OPERATIONS) == count
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", operation) for operation in OPERATIONS)


def test_every_route_says_what_it_does_and_under_which_tag() -> None:
    for method, path, operation in OPERATIONS.values():
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)


def test_every_guarded_route_names_its_scope_and_its_problems() -> None:
    for name, scope in SCOPES.items():
        operation = OPERATIONS[name][2]
        assert operation["security"] == [{"key": [scope]}]
        assert {"200", "400", "401", "403", "404", "422", "503"} <= operation["responses"].keys()
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]


def test_every_command_documents_its_headers() -> None:
    for sound in COMMANDS:
        operation = OPERATIONS[sound.operation][2]
        headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
        assert headers == {
            "Idempotency-Key",
            "If-Match",
            "Ordinal-Occurred-At",
            "Ordinal-On-Behalf-Of",
        }


def test_no_handler_of_frameworks_shows_through() -> None:
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_the_page_for_reading_takes_everything_from_this_server() -> None:
    house = House()
    page = house.get("/docs", key=None)
    assert page.headers["content-type"].startswith("text/html")
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) == 3
    for asset in assets:
        assert asset == "data:," or house.get(asset, key=None).status_code == 200


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', House().get("/openapi.json").text):
        assert name in schemas


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def body_schema(operation: str) -> dict[str, Any] | None:
    body = OPERATIONS[operation][2].get("requestBody")
    if body is None:
        return None
    schema: dict[str, Any] = body["content"]["application/json"]["schema"]
    return schema | {"components": DOCUMENT["components"]}


@pytest.mark.parametrize("sound", COMMANDS, ids=lambda sound: sound.operation)
def test_sound_requests_are_sound_by_the_document_too(sound: Sound) -> None:
    schema = body_schema(sound.operation)
    assert (schema is None) == (sound.body is None)
    if schema is not None:
        Draft202012Validator(schema).validate(sound.body)
        assert not Draft202012Validator(schema).is_valid((sound.body or {}) | {"colour": "red"})


@pytest.mark.parametrize("sound", COMMANDS, ids=lambda sound: sound.operation)
def test_receipts_are_as_documented(sound: Sound) -> None:
    response = House().post(sound.path, sound.body)
    documented = OPERATIONS[sound.operation][2]["responses"][str(response.status_code)]
    schema = documented["content"]["application/json"]["schema"]
    Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(response.json())


def test_problems_are_as_documented() -> None:
    schema = DOCUMENT["components"]["schemas"]["Problem"]
    for response in (House().get("/nowhere"), House().post("/v1/orders", {"lines": 1})):
        Draft202012Validator(schema).validate(response.json())


def test_the_example_of_an_order_can_be_placed() -> None:
    (example,) = PlaceOrderBody.model_json_schema()["examples"]
    assert House().post("/v1/orders", example).status_code == 201


def test_every_field_and_parameter_says_what_it_means() -> None:
    document = DOCUMENT
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    silent += [
        f"{method} {path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert silent == []


def test_a_row_says_of_its_fields_over_http_what_it_says_in_the_database() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, text in documented(OrderStatusRow).items():
        assert schemas["OrderStatusRow"]["properties"][name]["description"] == f"{text}."
