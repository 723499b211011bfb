"""One pool of connections, of which each kind of question has a share.

However many reports and lists are asked for, a look-up finds a connection, and so does `/ready`.
Every wait is bounded: for one's turn, for a connection, for the answer.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from psycopg.sql import SQL, Composed
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from infra.postgres.connections import parameters
from projections.projection import AnswerTooSlow, DatabaseAway, TooManyAsk

Values = Mapping[str, object]
AsyncConnection = psycopg.AsyncConnection[Any]
ROLE = "ordinal_writer"
# Seconds.
TURN_LIMIT = 1.0
CONNECTION_LIMIT = 1.0
CHECK_INTERVAL = 0.4
# A server that can be reached has cancelled the statement by then.
PATIENCE = 1.15

log = structlog.get_logger("reader")


@dataclass(frozen=True, slots=True)
class Share:
    """How many at a time, and the seconds that the database may work for each."""

    name: str
    connections: int
    seconds: float


LOOK_UP = Share("look-ups", 4, 1.4)
LIST = Share("lists", 4, 1.4)
REPORT = Share("reports", 2, 5.0)
SHARES = (LOOK_UP, LIST, REPORT)
SIZE = sum(share.connections for share in SHARES)


class _Silent(psycopg.OperationalError):
    """The server gave no answer and no refusal; another connection would not help."""


class ReadPool:
    """Raises DatabaseAway, AnswerTooSlow and TooManyAsk, each in time, and no words of libpq's."""

    def __init__(self, conninfo: str) -> None:
        self._turns = {share: asyncio.Semaphore(share.connections) for share in SHARES}
        milliseconds = int(LOOK_UP.seconds * 1000)
        self._pool = AsyncConnectionPool(
            kwargs={
                **parameters(conninfo, ROLE, statement_timeout=milliseconds),
                "autocommit": True,
                "application_name": "ordinal reader",
            },
            min_size=2,
            max_size=SIZE,
            timeout=CONNECTION_LIMIT,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close()

    async def rows(
        self, statement: SQL | Composed, values: Values, share: Share
    ) -> list[tuple[Any, ...]]:
        if share.seconds <= LOOK_UP.seconds:
            return await self._in_turn(statement, values, share)
        work = asyncio.create_task(self._in_turn(statement, values, share))
        try:
            while not (await asyncio.wait({work}, timeout=CHECK_INTERVAL))[0]:
                # One that works for long and one that is gone look alike from here.
                await self._in_turn(SQL("SELECT 1"), {}, LOOK_UP)
        except DatabaseAway:
            # It ends by itself: what gives no answer would not answer to being cancelled either.
            work.add_done_callback(_forget)
            raise
        return work.result()

    async def _in_turn(
        self, statement: SQL | Composed, values: Values, share: Share
    ) -> list[tuple[Any, ...]]:
        try:
            async with self._turn(share):
                return await self._again_if_lost(statement, values, share)
        except psycopg.errors.QueryCanceled as error:
            raise AnswerTooSlow from error
        except psycopg.OperationalError as error:
            log.warning("database_away", error=str(error).strip())
            raise DatabaseAway from error

    @asynccontextmanager
    async def _turn(self, share: Share) -> AsyncIterator[None]:
        turns = self._turns[share]
        try:
            await asyncio.wait_for(turns.acquire(), TURN_LIMIT)
        except TimeoutError:
            # Look-ups are over in no time, unless nobody answers them.
            raise (DatabaseAway if share is LOOK_UP else TooManyAsk) from None
        try:
            yield
        finally:
            turns.release()

    async def _again_if_lost(
        self, statement: SQL | Composed, values: Values, share: Share
    ) -> list[tuple[Any, ...]]:
        try:
            return await self._once(statement, values, share)
        except (psycopg.errors.QueryCanceled, PoolTimeout, _Silent):
            raise
        except psycopg.OperationalError:
            # The server was started anew: none of the connections at hand may be any good.
            await self._pool.drain()
            return await self._once(statement, values, share)

    async def _once(
        self, statement: SQL | Composed, values: Values, share: Share
    ) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as conn, _heard(conn, share.seconds * PATIENCE):
            if share.seconds <= LOOK_UP.seconds:
                cursor = await conn.execute(statement, values, prepare=True, binary=True)
                return await cursor.fetchall()
            async with conn.transaction():
                limit = SQL("SET LOCAL statement_timeout = {}").format(int(share.seconds * 1000))
                await conn.execute(limit)
                cursor = await conn.execute(statement, values, prepare=True, binary=True)
                return await cursor.fetchall()


@asynccontextmanager
async def _heard(conn: AsyncConnection, seconds: float) -> AsyncIterator[None]:
    """Break the connection when nothing has come by then. Raises _Silent."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, _cut, conn)
    try:
        yield
    except psycopg.OperationalError as error:
        if loop.time() >= timer.when():
            raise _Silent(str(error)) from error
        raise
    finally:
        timer.cancel()


def _cut(conn: AsyncConnection) -> None:
    """A cancelled wait would ask the server first."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _forget(work: asyncio.Task[Any]) -> None:
    """Whoever waited has been told."""
    if not work.cancelled():
        work.exception()
