"""Who asks, and whether they may."""

from api.ports import Caller, Keys
from api.problems import Forbidden, Unauthenticated
from api.scopes import Scope


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
