"""Which route takes which scope, and who has it: the table of docs/access.md."""

from collections.abc import Iterator

from fastapi.routing import APIRoute

from api.app import PARTS
from api.scopes import NARROWED, ROLES, SCOPES, granted


def table() -> str:
    """In Markdown: every route that takes a key, with its scope and the roles that have it."""
    lines = ["| route | scope | " + " | ".join(ROLES) + " |", "|---|---|" + "---|" * len(ROLES)]
    return "\n".join([*lines, *_rows()]) + "\n"


def roles() -> str:
    """In Markdown: what each role may do, and what its key must be narrowed to."""
    lines = ["| role | scopes | narrowed to |", "|---|---|---|"]
    for role in ROLES:
        scopes = ", ".join(f"`{scope}`" for scope in sorted(granted([role], ())))
        lines.append(f"| {role} | {scopes} | {NARROWED.get(role, '')} |")
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    allowed = [granted([role], ()) for role in ROLES]
    for route in (route for part in PARTS for route in part.routes):
        scope = SCOPES.get(route.operation_id or "") if isinstance(route, APIRoute) else None
        if scope is not None:
            (method,) = route.methods
            marks = " | ".join("•" if scope in each else "" for each in allowed)
            yield f"| `{method} {route.path}` | `{scope}` | {marks} |"
