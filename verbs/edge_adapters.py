"""The machines as the HTTP edge knows them: no error of theirs, nor its words, gets past here."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, lru_cache
from typing import Any, TypeVar

import psycopg
import structlog

from api.ports import Caller, ClockAhead, ContactRead, Seen, Unavailable, in_time
from api.reach import reach_of
from api.scopes import granted
from commands.handling import Answer, Contact, Context
from infra.ops.metrics import Figures
from infra.readmodels.reader import RowReader
from infra.store.api_keys import Key
from infra.store.contacts_vault import Vault
from infra.store.key_ring import KeyRing
from infra.write_path import group_commit
from infra.write_path.command_bus import CommandBus
from infra.write_path.group_commit import LogUnavailable

# Seconds in which a load balancer hears something.
READY_WITHIN = 1.5
REMEMBERED_KEYS = 10_000

T = TypeVar("T")
log = structlog.get_logger("http")


class BusDispatch:
    """The bus as the HTTP edge knows it."""

    def __init__(self, bus: CommandBus) -> None:
        self._bus = bus

    async def __call__(self, command: object, context: Context) -> Answer:
        try:
            return await self._bus.submit(command, context)
        except LogUnavailable as error:
            raise _unavailable(error) from error


class BusSubmit:
    """The same for who does not wait."""

    def __init__(self, bus: CommandBus) -> None:
        self._bus = bus

    def __call__(
        self,
        command: object,
        context: Context,
        done: Callable[[Answer | Exception], None],
        *,
        patient: bool = False,
    ) -> None:
        try:
            awaited = self._bus.queue(command, context, patient=patient)
        except LogUnavailable as error:
            raise _unavailable(error) from error
        awaited.add_done_callback(lambda settled: done(_outcome(settled)))


def _outcome(settled: "asyncio.Future[Answer]") -> Answer | Exception:
    error = settled.exception()
    if error is None:
        return settled.result()
    if isinstance(error, LogUnavailable):
        return _unavailable(error)
    return error if isinstance(error, Exception) else Unavailable()


def _unavailable(error: LogUnavailable) -> Unavailable:
    """The command's own line in the log says why; it may name machines and files."""
    return ClockAhead() if isinstance(error, group_commit.ClockAhead) else Unavailable()


class RingKeys:
    """The key ring as the HTTP edge knows it."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        # By all that a key says: scopes that were taken away are not remembered.
        self._caller_of = lru_cache(REMEMBERED_KEYS)(_caller_of)

    def check(self, secret: str) -> Caller | None:
        key = self._ring.find(secret)
        return None if key is None else self._caller_of(key)


def _caller_of(key: Key) -> Caller:
    scopes, reach = granted(key.roles, key.scopes), reach_of(dict(key.reach))
    return Caller(key.caller, key.channel, scopes, key.name, reach)


class Requests:
    """Counts requests; logs reads for whoever debugs, and what nobody expected always."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._count = cache(lambda *labels: figures.requests.labels(*labels).inc)
        self._log = structlog.get_logger("http").bind()

    def answered(self, seen: Seen) -> None:
        self._count(seen.method, seen.route, str(seen.status))()
        self._figures.request_seconds.observe(seen.seconds)
        self._log.debug("request", route=seen.route, status=seen.status, ms=seen.seconds * 1000)

    def failed(self, seen: Seen, error: Exception) -> None:
        self._log.error("request_failed", route=seen.route, id=seen.request_id, exc_info=error)


class Readiness:
    """Ready when the log can be reached and the read models have caught up."""

    def __init__(self, bus: CommandBus, reader: RowReader) -> None:
        self._bus = bus
        self._reader = reader

    async def ready(self) -> Mapping[str, str]:
        try:
            missing = dict(await in_time(self._reader.missing(), READY_WITHIN))
        except Unavailable:
            missing = {"read_models": "the database gives no answer"}
        if self._bus.breaker.open:
            missing["event_log"] = "the event log is away"
        return missing


class VaultContacts:
    """The vault as the HTTP edge knows it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def of_order(self, read: ContactRead) -> Mapping[str, Contact]:
        return await _told(self._vault.of_order, asdict(read))

    async def reads(
        self, order_id: str | None, before: int, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return await _told(self._vault.reads, order_id, before, limit)


async def _told(ask: Callable[..., T], *arguments: object) -> T:
    try:
        return await asyncio.to_thread(ask, *arguments)
    except psycopg.Error as error:
        log.warning("contacts_away", error=str(error))
        raise Unavailable from error
