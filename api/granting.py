"""What a new key may be given."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from api.reach import DIMENSIONS
from api.scopes import ALL_SCOPES, NARROWED, ROLES


class NotGrantable(ValueError):
    """There is no such key to be made; the message says what to give instead."""


def granting(
    *,
    name: str,
    channel: str,
    caller: str | None,
    roles: Iterable[str],
    scopes: Iterable[str],
    reach: Mapping[str, Iterable[str]],
    expires_at: datetime | None,
) -> dict[str, Any]:
    """What a key that is asked for so is for. Raises NotGrantable.

    A role that belongs to some shop, place or customer must be narrowed; a channel's is narrowed to
    its own channel unless more are named.
    """
    roles, scopes = tuple(roles), tuple(scopes)
    _known("role", roles, ROLES)
    _known("scope", scopes, ALL_SCOPES)
    _known("reach", reach, DIMENSIONS)
    narrowed = {by: tuple(values) for by, values in reach.items()}
    if "channel" in roles:
        narrowed.setdefault("channel", (channel,))
    for role in roles:
        by = NARROWED.get(role)  # type: ignore[call-overload]
        if by is not None and not narrowed.get(by):
            raise NotGrantable(f"the role {role} needs a reach: name the {by}")
    return {
        "name": name,
        "caller": caller or name,
        "channel": channel,
        "roles": roles,
        "scopes": scopes,
        "reach": tuple(sorted(narrowed.items())),
        "expires_at": expires_at,
    }


def _known(kind: str, stated: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted({*stated} - {*known})
    if unknown:
        raise NotGrantable(f"no such {kind}: {', '.join(unknown)}; there are {', '.join(known)}")
