"""Keys as the HTTP edge knows them; they take a login that may make keys."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import structlog

from api.ports import Unavailable
from api.problems import Forbidden, UnknownKey
from infra.postgres.connections import Connection
from infra.store import api_keys

T = TypeVar("T")
log = structlog.get_logger("keys")


class StoredKeys:
    """Each call has a session of its own: they are few."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    async def create(self, grant: Mapping[str, Any], actor: str) -> tuple[str, str]:
        given = api_keys.Grant(**grant)
        return _made(await self._do(lambda conn: api_keys.create(conn, given, actor=actor)))

    async def rotate(self, key_id: str, overlap_hours: int, actor: str) -> tuple[str, str]:
        overlap = timedelta(hours=overlap_hours)
        return _made(
            await self._do(lambda conn: api_keys.rotate(conn, key_id, overlap=overlap, actor=actor))
        )

    async def revoke(self, key_id: str, actor: str) -> None:
        await self._do(lambda conn: api_keys.revoke(conn, key_id, actor=actor))

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        return [_shown(key) for key in await self._do(api_keys.listed)]

    async def _do(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._done, work)

    def _done(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._connect() as conn:
                return work(conn)
        except api_keys.UnknownKey as error:
            raise UnknownKey from error
        except psycopg.Error as error:
            if "permission denied to set role" in str(error):
                raise Forbidden(
                    "This server's login at the database may not manage keys."
                ) from error
            log.warning("keys_away", error=str(error).strip())
            raise Unavailable from error


def _made(secret: str) -> tuple[str, str]:
    return api_keys.id_of(secret), secret


def _shown(key: api_keys.Key) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "caller": key.caller,
        "channel": key.channel,
        "roles": list(key.roles),
        "scopes": list(key.scopes),
        "reach": {by: list(values) for by, values in key.reach},
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked": key.revoked,
    }
