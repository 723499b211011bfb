"""What a refusal looks like over HTTP: the only table from errors to statuses (RFC 9457)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.ports import ClockAhead, Unavailable
from domain import errors
from projections.projection import (
    AnswerTooSlow,
    DatabaseAway,
    NotReadable,
    PositionAhead,
    ReadModelBehind,
    TooManyAsk,
    UnknownZone,
)

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 50
RESERVED = frozenset({"type", "title", "status", "detail", "instance", "errors", "field"})


class Refused(errors.OrdinalError):
    """The HTTP edge refuses the request itself, before any command is asked."""


class MalformedRequest(Refused):
    """The request cannot be read."""


class Unauthenticated(Refused):
    """A valid API key is needed."""


class Forbidden(Refused):
    """The API key does not allow this."""


class UnknownKey(Refused):
    """There is no such key in force."""


class BodyTooLarge(Refused):
    """The body is larger than this server takes."""


class HeadersTooLarge(Refused):
    """The headers are larger than this server takes."""


class TooSlow(Refused):
    """The request did not come in time."""


class TooBusy(Refused):
    """This server has too much to do: nothing was taken, ask again soon."""


class NotJson(Refused):
    """Send application/json."""


class InvalidField(Refused, code="invalid"):
    """A field of the request is not as it must be.

    `field` in the details names it.
    """


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, the last part of its type, and its title."""

    status: int
    name: str
    title: str


KINDS: Mapping[type[Exception], Kind] = {
    MalformedRequest: Kind(400, "malformed-request", "The request cannot be read"),
    Unauthenticated: Kind(401, "unauthenticated", "A valid API key is needed"),
    Forbidden: Kind(403, "forbidden", "The API key does not allow this"),
    UnknownKey: Kind(404, "unknown-key", "There is no such key in force"),
    BodyTooLarge: Kind(413, "body-too-large", "The body is too large"),
    TooSlow: Kind(408, "too-slow", "The request did not come in time"),
    HeadersTooLarge: Kind(431, "headers-too-large", "The headers are too large"),
    TooBusy: Kind(503, "too-busy", "This server has too much to do"),
    NotJson: Kind(415, "not-json", "The body must be JSON"),
    InvalidField: Kind(422, "invalid", "The request is not valid"),
    ValidationError: Kind(422, "invalid", "The request is not valid"),
    RequestValidationError: Kind(422, "invalid", "The request is not valid"),
    errors.DomainError: Kind(409, "refused", "The request was refused"),
    errors.NotFound: Kind(404, "not-found", "There is no such thing"),
    errors.Invalid: Kind(422, "invalid", "The request is not valid"),
    errors.Conflict: Kind(409, "conflict", "The present state does not allow this"),
    errors.InsufficientStock: Kind(409, "insufficient-stock", "There is not enough stock"),
    errors.ReferenceReused: Kind(409, "reference-reused", "The reference was used before"),
    errors.StaleVersion: Kind(412, "stale-version", "It has changed since it was read"),
    errors.KeyReused: Kind(422, "key-reused", "The idempotency key was used before"),
    UnknownZone: Kind(422, "invalid", "The request is not valid"),
    PositionAhead: Kind(400, "position-ahead", "The log has not come to this position"),
    ReadModelBehind: Kind(503, "read-model-behind", "The read model is not there yet"),
    DatabaseAway: Kind(503, "database-away", "The database gives no answer"),
    AnswerTooSlow: Kind(503, "answer-too-slow", "The answer takes too long"),
    TooManyAsk: Kind(503, "too-many-ask", "Too many ask for the like"),
    ClockAhead: Kind(503, "clock-ahead", "The database's clock is wrong"),
    Unavailable: Kind(503, "outcome-unknown", "The outcome is unknown"),
    Exception: Kind(500, "internal-error", "Something went wrong here"),
}
REFUSALS = (errors.OrdinalError, PositionAhead, UnknownZone, NotReadable, Unavailable)
ANSWERED = (*REFUSALS, ValidationError, RequestValidationError, HTTPException)


def kind_of(error: Exception) -> Kind:
    """The kind of the error's nearest ancestor in the table; a refusal's name is its code."""
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return Kind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    return _named_after(error, kind)


def problem(error: Exception, request_id: str) -> Response:
    """The response that tells the caller about this error, and nothing about our insides."""
    kind = kind_of(error)
    body = {
        "type": f"urn:ordinal:problem:{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": _detail(error),
        "instance": f"urn:ordinal:request:{request_id}",
        "errors": _errors(error),
        **_details(error),
    }
    content = json.dumps(body, default=str).encode()
    return Response(content, kind.status, _headers(error), MEDIA_TYPE)


def _named_after(error: Exception, kind: Kind) -> Kind:
    """A domain error without a row of its own keeps its own name as the problem's type."""
    if not isinstance(error, errors.DomainError) or type(error) in KINDS:
        return kind
    title = (type(error).__doc__ or kind.title).split(".")[0]
    return Kind(kind.status, errors.code_of(error), title)


def _detail(error: Exception) -> str:
    match error:
        case ValidationError() | RequestValidationError():
            return "; ".join(f"{e['field']}: {e['message']}" for e in _errors(error)[:3])
        case HTTPException():
            return str(error.detail)
        case errors.OrdinalError() | Unavailable() | PositionAhead() | UnknownZone():
            return str(error) or (type(error).__doc__ or "")
        case NotReadable():
            return type(error).__doc__ or ""
    return "The error is logged under this request's id."


def _errors(error: Exception) -> list[dict[str, str]]:
    match error:
        case ValidationError():
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return [_fault(fault["loc"], fault["msg"]) for fault in faults[:MAX_ERRORS]]
        case RequestValidationError():
            return [_fault(e["loc"][1:], e["msg"]) for e in error.errors()[:MAX_ERRORS]]
        case errors.OrdinalError() if field := error.details.get("field"):
            return [{"field": str(field), "message": str(error)}]
        case UnknownZone():
            return [{"field": "zone", "message": str(error)}]
    return []


def _fault(place: Iterable[object], message: str) -> dict[str, str]:
    """Lines and other members of lists are counted from 1, as the domain counts them."""
    names = (part + 1 if isinstance(part, int) else str(part)[:100] for part in place)
    return {"field": ".".join(map(str, names)) or "body", "message": message}


def _details(error: Exception) -> dict[str, object]:
    if not isinstance(error, errors.OrdinalError):
        return {}
    return {name: value for name, value in error.details.items() if name not in RESERVED}


def _headers(error: Exception) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="ordinal"'}
        case Unavailable():
            return {"Retry-After": str(error.retry_after)}
        case NotReadable() | TooBusy():
            return {"Retry-After": "1"}
        case HTTPException():
            return dict(error.headers or {})
    return {}
