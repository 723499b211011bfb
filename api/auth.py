"""Who may do what: the one table of routes and scopes."""

from collections.abc import Mapping
from typing import Literal, get_args

from api.ports import Caller, Keys
from api.problems import Forbidden, Unauthenticated

Scope = Literal[
    "orders:write",
    "orders:read",
    "stock:write",
    "stock:read",
    "fulfilment:write",
    "payments:write",
    "contacts:read",
    "reports:read",
    "history:write",
    "admin",
]
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)

SCOPES: Mapping[str, Scope] = {
    "place_order": "orders:write",
    "get_order": "orders:read",
}


def authenticated(keys: Keys, authorization: bytes | None) -> Caller:
    """The holder of the bearer key in this header."""
    kind, _, secret = (authorization or b"").partition(b" ")
    if kind.lower() != b"bearer" or not secret:
        raise Unauthenticated("Send an API key: Authorization: Bearer <key>.")
    caller = keys.check(secret.decode("latin-1").strip())
    if caller is None:
        raise Unauthenticated("This API key is not known, or not in force any more.")
    return caller


def demand(caller: Caller, scope: Scope) -> None:
    """Refuse a caller whose key lacks this scope."""
    if scope not in caller.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.", scope=scope)
