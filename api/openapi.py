"""What the OpenAPI document says about every route of a kind."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import JsonValue
from starlette.responses import Response

from api.descriptions import describe
from commands.handling import Receipt

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "additionalProperties": True,
    "properties": {
        "type": {"type": "string", "examples": ["urn:ordinal:problem:insufficient-stock"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names the request, for the logs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
KEY_SCHEME = {"type": "http", "scheme": "bearer", "description": "An API key with scopes."}
COUNT = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
REFUSALS = {
    400: "The request cannot be read.",
    401: "There is no valid API key.",
    403: "The API key lacks the scope.",
    404: "There is no such thing.",
    408: "The request did not come in time.",
    409: "The present state does not allow this.",
    412: "It has changed since the version in If-Match.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A field is not valid, or the idempotency key was used for another request.",
    431: "The headers are too large.",
    503: "The outcome is unknown, or there is no answer now: repeat, with the same key.",
}
OF_COMMANDS = tuple(REFUSALS)
OF_BULKS = tuple(status for status in REFUSALS if status not in (409, 412))
OF_QUERIES = (400, 401, 403, 404, 408, 422, 431, 503)


def _header(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema}


COMMAND_HEADERS = [
    _header(
        "Idempotency-Key",
        "A repeat under the same key gets the first answer.",
        {"type": "string", "pattern": r"^[!#-~]{1,255}$", "examples": ["first-order"]},
    ),
    _header(
        "If-Match",
        "The version that was read; refused with 412 when it has changed since.",
        {"type": "string", "pattern": r'^("[0-9]{1,18}"|[0-9]{1,18})$', "examples": ['"7"']},
    ),
    _header(
        "Ordinal-Occurred-At",
        "When it happened, for callers with the scope history:write.",
        {"type": "string", "format": "date-time", "examples": ["2024-05-01T12:00:00Z"]},
    ),
    _header(
        "Ordinal-On-Behalf-Of",
        "The person who does it, for callers with the scope on-behalf-of.",
        {"type": "string", "pattern": r"^[!-~]([ -~]{0,98}[!-~])?$", "examples": ["Ada"]},
    ),
]
QUERY_POSITION = [
    _header("Ordinal-Position", "Wait until the read model has come to this position.", COUNT),
    {
        "name": "position",
        "in": "query",
        "required": False,
        "description": "The same as the header, for links.",
        "schema": COUNT,
    },
]
RECEIPT_HEADERS = {
    "Ordinal-Position": {"description": "Reads take it back and wait for it.", "schema": COUNT},
    "ETag": {"description": "The version after this, for If-Match.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "A repeat.", "schema": {"type": "string"}},
}
NDJSON = "application/x-ndjson"
LINES = "A line for each order, as `PlaceOrderBody` describes it; blank lines are passed over."
RESULTS = "A line for each order: `line`, `status`, and a `Receipt` or a `Problem`."
RESULT_LINES = (
    '{"line":1,"status":201,"receipt":{"id":"7d0c9f5e-2f5b-5b7a-9d6e-0b6a4f4b9c11",'
    '"stream_id":"order-7d0c9f5e-2f5b-5b7a-9d6e-0b6a4f4b9c11","outcome":"placed","changed":true,'
    '"version":2,"position":42,"details":{}}}\n'
    '{"line":2,"status":409,"problem":{"type":"urn:ordinal:problem:insufficient-stock",'
    '"title":"There is not enough stock","status":409,"detail":"There is not enough stock.",'
    '"instance":"urn:ordinal:request:5b1f","errors":[]}}\n'
)
LOCATION_HEADER = {"Location": {"description": "Where it stands.", "schema": {"type": "string"}}}


def _problems(statuses: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": REFUSALS[status], "content": content} for status in statuses}


def command_documents(scope: str, *, created: bool) -> dict[str, Any]:
    """The arguments of an APIRoute that every command shares."""
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "Done, now or before.", "model": Receipt, "headers": RECEIPT_HEADERS}
    }
    if created:
        headers = RECEIPT_HEADERS | LOCATION_HEADER
        answers[201] = {"description": "Done.", "model": Receipt, "headers": headers}
    return {
        "response_model": Receipt,
        "responses": answers | _problems(OF_COMMANDS),
        "openapi_extra": {"parameters": COMMAND_HEADERS, "security": [{"key": [scope]}]},
    }


def bulk_documents(scope: str, lines: tuple[JsonValue, ...]) -> dict[str, Any]:
    """The arguments of the route that takes many orders; `lines` are an example."""
    example = "".join(f"{json.dumps(line)}\n" for line in lines)
    body = {"schema": {"type": "string", "description": LINES}, "example": example}
    told = {"schema": {"type": "string", "description": RESULTS}, "example": RESULT_LINES}
    return {
        "response_class": Response,
        "responses": {200: {"description": "A result for each line.", "content": {NDJSON: told}}}
        | _problems(OF_BULKS),
        "openapi_extra": {
            "parameters": [COMMAND_HEADERS[0], COMMAND_HEADERS[2]],
            "security": [{"key": [scope]}],
            "requestBody": {"required": True, "content": {NDJSON: body}},
        },
    }


def record_documents(scope: str) -> dict[str, Any]:
    """The arguments of an APIRoute that writes something down beside the log."""
    return {
        "responses": _problems((*OF_QUERIES, 413, 415)),
        "openapi_extra": {"security": [{"key": [scope]}]},
    }


def query_documents(scope: str, *, waits: bool) -> dict[str, Any]:
    """The arguments of an APIRoute that every read shares."""
    parameters = QUERY_POSITION if waits else []
    return {
        "responses": _problems(OF_QUERIES),
        "openapi_extra": {"parameters": parameters, "security": [{"key": [scope]}]},
    }


def openapi(app: FastAPI) -> dict[str, Any]:
    """The whole document, with the parts that FastAPI cannot know."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM
        components["securitySchemes"] = {"key": KEY_SCHEME}
        describe(document)
        app.openapi_schema = document
    return app.openapi_schema
