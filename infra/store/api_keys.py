"""API keys: made here, hashed at rest; all that happens to one is kept beside them."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.postgres.connections import Connection

COLUMNS = (
    "key_id, name, caller, channel, roles, scopes, reach, expires_at, last_used_at, created_at,"
    " revoked_at IS NOT NULL"
)


class UnknownKey(LookupError):
    """There is no such key in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key is for; `reach` is what it is narrowed by, with the values it may have."""

    name: str
    caller: str
    channel: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    reach: tuple[tuple[str, tuple[str, ...]], ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Grant):
    """A key as an operator sees it; the secret itself is nowhere."""

    key_id: str
    last_used_at: datetime | None
    created_at: datetime
    revoked: bool


def digest(secret: str) -> bytes:
    """The secret is 256 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret() -> str:
    return f"ordinal_{secrets.token_urlsafe(32)}"


def id_of(secret: str) -> str:
    return digest(secret).hex()[:12]


def create(conn: Connection, grant: Grant, *, actor: str, secret: str | None = None) -> str:
    """Make a key and return its secret, which cannot be shown again."""
    given = secret or new_secret()
    with conn.transaction():
        if _insert(conn, grant, given):
            _note(conn, id_of(given), "created", actor, _told(grant))
    return given


def rotate(conn: Connection, key_id: str, *, overlap: timedelta, actor: str) -> str:
    """Make a key like this one, which opens nothing after the overlap; return the new secret.

    The new key lives as long as the old one was to live. Raises UnknownKey.
    """
    with conn.transaction():
        old = _in_force(conn, key_id)
        given, now = new_secret(), datetime.now(UTC)
        lifetime = old.expires_at and now + (old.expires_at - old.created_at)
        _insert(conn, replace(old, expires_at=lifetime), given)
        until = min(now + overlap, old.expires_at or now + overlap)
        conn.execute(
            "UPDATE ordinal.api_keys SET expires_at = %s WHERE key_id = %s", (until, key_id)
        )
        _note(conn, key_id, "rotated", actor, {"to": id_of(given), "until": until.isoformat()})
        _note(conn, id_of(given), "created", actor, _told(old) | {"from": key_id})
    return given


def revoke(conn: Connection, key_id: str, *, actor: str) -> None:
    """Let a key open nothing any more. Raises UnknownKey."""
    with conn.transaction():
        _in_force(conn, key_id)
        conn.execute("UPDATE ordinal.api_keys SET revoked_at = now() WHERE key_id = %s", (key_id,))
        _note(conn, key_id, "revoked", actor, {})


def listed(conn: Connection) -> list[Key]:
    """All keys that ever were, in the order in which they were made."""
    rows = conn.execute(f"SELECT {COLUMNS} FROM ordinal.api_keys ORDER BY created_at, key_id")
    return [key_of(row) for row in rows]


def key_of(row: Sequence[Any]) -> Key:
    """A row of COLUMNS."""
    key_id, name, caller, channel, roles, scopes, reach, expires, used, created, revoked = row
    return Key(
        key_id=key_id,
        name=name,
        caller=caller,
        channel=channel,
        roles=tuple(roles),
        scopes=tuple(scopes),
        reach=tuple((by, tuple(values)) for by, values in sorted(reach.items())),
        expires_at=expires,
        last_used_at=used,
        created_at=created,
        revoked=revoked,
    )


def _insert(conn: Connection, grant: Grant, secret: str) -> bool:
    done = conn.execute(
        "INSERT INTO ordinal.api_keys"
        " (key_id, name, hash, caller, channel, roles, scopes, reach, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key_id) DO NOTHING",
        (
            id_of(secret),
            grant.name,
            digest(secret),
            grant.caller,
            grant.channel,
            list(grant.roles),
            list(grant.scopes),
            json.dumps(dict(grant.reach)),
            grant.expires_at,
        ),
    )
    return done.rowcount == 1


def _in_force(conn: Connection, key_id: str) -> Key:
    row = conn.execute(
        f"SELECT {COLUMNS} FROM ordinal.api_keys WHERE key_id = %s AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now())",
        (key_id,),
    ).fetchone()
    if row is None:
        raise UnknownKey(key_id)
    return key_of(row)


def _told(grant: Grant) -> dict[str, object]:
    return {
        "name": grant.name,
        "caller": grant.caller,
        "channel": grant.channel,
        "roles": grant.roles,
        "scopes": grant.scopes,
        "reach": dict(grant.reach),
        "expires_at": grant.expires_at and grant.expires_at.isoformat(),
    }


def _note(conn: Connection, key_id: str, what: str, actor: str, data: Mapping[str, object]) -> None:
    conn.execute(
        "INSERT INTO ordinal.key_events (key_id, type, actor, data) VALUES (%s, %s, %s, %s)",
        (key_id, what, actor, json.dumps(data)),
    )


def history(
    conn: Connection, key_id: str | None = None
) -> list[tuple[datetime, str, str, str, str]]:
    """What happened to one key or to all: when, to which, what, by whom, and the rest as JSON."""
    return conn.execute(
        "SELECT at, key_id, type, actor, data::text FROM ordinal.key_events"
        " WHERE key_id = coalesce(%s, key_id) ORDER BY event_id",
        (key_id,),
    ).fetchall()
