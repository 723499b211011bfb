"""The bus: what comes together is committed together, and nobody waits longer than promised."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest

from commands.handling import Answer
from domain.errors import InsufficientStock
from infra.postgres.connections import connect_writer
from infra.write_path.command_bus import (
    BATCH_COMMANDS,
    BATCH_LINES,
    Breaker,
    CommandBus,
    QueuedCommand,
    weight,
)
from infra.write_path.group_commit import LogUnavailable, Writer
from tests.infra.proxy import postgres_proxy
from tests.infra.shop import BIG_CACHE, MARKING, Mark, check_log, context, log_of, order
from tests.infra.shop import writing as writing_on

PATIENCE = 1.8


class Batches:
    """An observer that remembers the size of every batch."""

    def __init__(self) -> None:
        self.commands: list[int] = []
        self.lines: list[int] = []

    def batch_done(self, asks: Sequence[QueuedCommand], seconds: float, now: float) -> None:
        self.commands.append(len(asks))
        self.lines.append(sum(map(weight, asks)))


@asynccontextmanager
async def bus_on(
    conninfo: str,
    *,
    patience: float = PATIENCE,
    queue_limit: int = 10_000,
    batches: Batches | None = None,
) -> AsyncIterator[CommandBus]:
    writer = Writer(lambda: connect_writer(conninfo), MARKING, cache_bytes=BIG_CACHE)
    bus = CommandBus(writer, answer_timeout=patience, queue_limit=queue_limit, observer=batches)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def settled(*asked: Awaitable[Answer]) -> list[Answer | BaseException]:
    """Everybody's answer or refusal."""
    return list(await asyncio.gather(*asked, return_exceptions=True))


def version(answer: Answer | BaseException) -> int:
    assert isinstance(answer, Answer)
    return answer.receipt.version


async def timed(asked: Awaitable[Answer]) -> tuple[float, Answer | BaseException]:
    began = time.monotonic()
    (outcome,) = await settled(asked)
    return time.monotonic() - began, outcome


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_a_lone_command_is_committed_at_once(ordinal_database: str) -> None:
    batches = Batches()

    async def test() -> None:
        async with bus_on(ordinal_database, batches=batches) as bus:
            waits = [await timed(bus.submit(Mark(), context())) for _ in range(60)]
            assert [version(answer) for _, answer in waits] == list(range(1, 61))
            assert bus.position == 60
            assert median(seconds for seconds, _ in waits) < 0.04

    run(test)
    assert batches.commands == [1] * 60


def test_what_comes_together_is_committed_together(ordinal_database: str) -> None:
    batches = Batches()

    async def test() -> None:
        async with bus_on(ordinal_database, batches=batches) as bus:
            answers = await settled(*(bus.submit(Mark(), context()) for _ in range(1_000)))
            assert sorted(map(version, answers)) == list(range(1, 1_001))

    run(test)
    assert sum(batches.commands) == 1_000
    assert len(batches.commands) < 20
    assert max(batches.commands) == BATCH_COMMANDS
    check_log(ordinal_database)


def test_callers_who_keep_coming_together_are_awaited(ordinal_database: str) -> None:
    """Otherwise the first of them is written alone, and the others behind it, again and again."""
    batches = Batches()

    async def caller(bus: CommandBus, pause: float) -> None:
        for _ in range(50):
            await asyncio.sleep(pause)
            await bus.submit(Mark(), context())

    async def test() -> None:
        async with bus_on(ordinal_database, batches=batches) as bus:
            await asyncio.gather(*(caller(bus, number * 0.0003) for number in range(4)))

    run(test)
    assert sum(batches.commands) == 200
    assert len(batches.commands) < 100


def test_a_batch_is_bounded_in_lines_unless_one_command_alone_has_more(
    ordinal_database: str,
) -> None:
    batches = Batches()
    big = order("o", *["no such sku"] * 2_000)
    giant = order("o", *["no such sku"] * (BATCH_LINES + 1))

    async def test() -> None:
        async with bus_on(ordinal_database, batches=batches) as bus:
            asked = [bus.submit(each, context()) for each in [big] * 5 + [giant] + [big] * 5]
            assert all(isinstance(each, Exception) for each in await settled(*asked))

    run(test)
    assert max(batches.lines) == BATCH_LINES + 1
    assert all(lines <= BATCH_LINES for lines in batches.lines if lines != BATCH_LINES + 1)
    assert sum(batches.commands) == 11
    assert max(batches.commands) == 2


def test_each_gets_an_answer_of_its_own(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database) as bus:
            good, refused, broken = await settled(
                bus.submit(Mark(), context()),
                bus.submit(Mark(fails=InsufficientStock()), context()),
                bus.submit(Mark(fails=ZeroDivisionError()), context()),
            )
            assert isinstance(good, Answer)
            assert isinstance(refused, InsufficientStock)
            assert isinstance(broken, ZeroDivisionError)

    run(test)


def test_one_who_gives_up_disturbs_nobody(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database) as bus:
            first = asyncio.create_task(bus.submit(Mark(), context()))
            second = asyncio.create_task(bus.submit(Mark(), context()))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).receipt.position > 0
            assert (await bus.submit(Mark(), context())).receipt.position > 0

    run(test)


def test_nobody_waits_longer_than_promised_and_a_repeat_tells_the_outcome(
    ordinal_database: str,
) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database, patience=0.4) as bus:
            await bus.submit(Mark(), context())
            with psycopg.connect(ordinal_database) as holder:
                holder.execute("SELECT ordinal.append_lock()")
                seconds, outcome = await timed(bus.submit(Mark(), context(1)))
                assert isinstance(outcome, LogUnavailable)
                assert 0.35 < seconds < 0.7
            again = await bus.submit(Mark(), context(1))
            assert again.receipt.version == 2

    run(test)
    assert len(check_log(ordinal_database)) == 2


def test_a_command_that_nobody_awaits_any_more_is_not_carried_out(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database, patience=0.3) as bus:
            await bus.submit(Mark(), context())
            with psycopg.connect(ordinal_database) as holder:
                holder.execute("SELECT ordinal.append_lock()")
                in_batch = asyncio.create_task(timed(bus.submit(Mark(), context())))
                await asyncio.sleep(0.1)
                queued = asyncio.create_task(timed(bus.submit(Mark(), context())))
                outcomes = [await in_batch, await queued]
            assert all(isinstance(outcome, LogUnavailable) for _, outcome in outcomes)

    run(test)
    assert len(check_log(ordinal_database)) == 2


def test_a_full_queue_lets_nobody_in(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database, queue_limit=3, patience=0.5) as bus:
            await bus.submit(Mark(), context())
            with psycopg.connect(ordinal_database) as holder:
                holder.execute("SELECT ordinal.append_lock()")
                first = asyncio.create_task(settled(bus.submit(Mark(), context())))
                await asyncio.sleep(0.1)
                asked = [timed(bus.submit(Mark(), context())) for _ in range(5)]
                waits = [seconds for seconds, _ in await asyncio.gather(*asked)]
                await first
            assert [seconds < 0.1 for seconds in waits] == [False] * 3 + [True] * 2

    run(test)


def test_the_breaker_opens_at_once_and_closes_when_the_log_is_back(
    ordinal_database: str, public_folder: Path
) -> None:
    batches = Batches()

    async def test(conninfo: str, away: Callable[[], None], back: Callable[[], None]) -> None:
        async with bus_on(conninfo, batches=batches) as bus:
            await bus.submit(Mark(), context())
            away()
            assert isinstance((await settled(bus.submit(Mark(), context())))[0], LogUnavailable)
            assert bus.breaker.open
            seconds, outcome = await timed(bus.submit(Mark(), context()))
            assert isinstance(outcome, LogUnavailable)
            assert seconds < 0.05
            back()
            await asyncio.sleep(bus.breaker.retry_after)
            assert (await bus.submit(Mark(), context())).receipt.version == 2
            assert not bus.breaker.open

    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):

        def away() -> None:
            proxy.refuse()
            proxy.cut()

        asyncio.run(test(conninfo, away, proxy.heal))
    assert batches.commands == [1, 1, 1], "one was turned away at the door"


def test_the_breaker_waits_longer_each_time_but_never_long() -> None:
    breaker = Breaker(shortest=1, longest=5)
    states, pauses = [breaker.open], []
    for _ in range(5):
        breaker.failed(LogUnavailable("away"))
        states.append(breaker.open)
        pauses.append(round(breaker.retry_after))
    breaker.succeeded()
    assert [*states, breaker.open] == [False, True, True, True, True, True, False]
    assert [*pauses, breaker.retry_after] == [1, 2, 4, 5, 5, 0]


def test_a_connection_that_swallows_everything_is_cut(
    ordinal_database: str, public_folder: Path
) -> None:
    async def test(conninfo: str, swallow: Callable[[], None], heal: Callable[[], None]) -> None:
        async with bus_on(conninfo, patience=0.5) as bus:
            await bus.submit(Mark(), context())
            swallow()
            seconds, outcome = await timed(bus.submit(Mark(), context(1)))
            assert isinstance(outcome, LogUnavailable)
            assert seconds < 1
            await asyncio.sleep(3)
            heal()
            await until_accepted(bus, 1)

    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):
        asyncio.run(test(conninfo, proxy.swallow, proxy.heal))
    assert len(check_log(ordinal_database)) == 2


async def longest_pause(asked: Awaitable[object]) -> float:
    """Seconds for which the loop did nothing else at a time while this was awaited."""
    task = asyncio.ensure_future(asked)
    moments = [time.monotonic()]
    while not task.done():
        await asyncio.sleep(0.001)
        moments.append(time.monotonic())
    await task
    return max(after - before for before, after in pairwise(moments))


def test_the_loop_has_its_turns_whatever_the_bus_waits_for(
    ordinal_database: str, public_folder: Path
) -> None:
    """The lock that somebody else holds; a connection that is never made."""

    async def test(conninfo: str, cut: Callable[[], None], swallow: Callable[[], None]) -> None:
        async with bus_on(conninfo, patience=0.5) as bus:
            await bus.submit(Mark(), context())
            with psycopg.connect(ordinal_database) as holder:
                holder.execute("SELECT ordinal.append_lock()")
                assert await longest_pause(settled(bus.submit(Mark(), context()))) < 0.25
            await until_accepted(bus, 1)
            swallow()
            cut()
            began = time.monotonic()
            both = settled(bus.submit(Mark(), context()), bus.submit(Mark(), context()))
            assert await longest_pause(both) < 0.25
            assert 0.4 < time.monotonic() - began < 1

    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):
        asyncio.run(test(conninfo, proxy.cut, proxy.swallow))


def test_those_who_are_committed_are_told_so_though_others_fail(
    ordinal_database: str, public_folder: Path
) -> None:
    """The first leads the second to a stream that is not at hand, and it comes too late with it."""

    async def test(conninfo: str, meanwhile: Callable[[], None]) -> None:
        late = Mark(follows=True, meanwhile=meanwhile)
        async with bus_on(conninfo) as bus:
            first, second = await settled(
                bus.submit(Mark(), context()), bus.submit(late, context())
            )
            assert version(first) == 1
            assert isinstance(second, LogUnavailable)

    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):

        def away() -> None:
            proxy.refuse()
            proxy.cut()

        asyncio.run(test(conninfo, away))
    assert len(check_log(ordinal_database)) == 1


async def until_accepted(bus: CommandBus, number: int) -> Answer:
    for _ in range(40):
        (outcome,) = await settled(bus.submit(Mark(), context(number)))
        if isinstance(outcome, Answer):
            return outcome
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {outcome!r}")


def test_stopping_answers_what_is_queued(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database) as bus:
            asked = [asyncio.create_task(bus.submit(Mark(), context())) for _ in range(600)]
            await asyncio.sleep(0)
            await bus.stop()
            answers = [await each for each in asked]
            assert {answer.receipt.version for answer in answers} == set(range(1, 601))
            with pytest.raises(LogUnavailable):
                await bus.submit(Mark(), context())

    run(test)
    assert len(log_of(ordinal_database)) == 600


def test_stopping_leaves_nobody_without_an_answer(ordinal_database: str) -> None:
    """Not even those whose time ran out while the bus was stuck."""

    async def test() -> None:
        async with bus_on(ordinal_database, patience=0.2) as bus:
            await bus.submit(Mark(), context())
            with psycopg.connect(ordinal_database) as holder:
                holder.execute("SELECT ordinal.append_lock()")
                asked = [asyncio.create_task(bus.submit(Mark(), context())) for _ in range(3)]
                await asyncio.sleep(0.19)
                asked.append(asyncio.create_task(bus.submit(Mark(), context())))
                stopping = asyncio.create_task(bus.stop())
                outcomes = await asyncio.wait_for(settled(*asked), 5)
            assert all(isinstance(each, LogUnavailable) for each in outcomes)
            await stopping

    run(test)


def test_a_bus_that_is_not_running_says_so(ordinal_database: str) -> None:
    async def test() -> None:
        with writing_on(ordinal_database) as writer:
            bus = CommandBus(writer, answer_timeout=1, queue_limit=1)
            with pytest.raises(LogUnavailable):
                await bus.submit(Mark(), context())

    run(test)


def test_no_thread_is_left_behind(ordinal_database: str) -> None:
    before = threading.active_count()

    async def test() -> None:
        async with bus_on(ordinal_database) as bus:
            await bus.submit(Mark(), context())

    run(test)
    assert threads_left(before) == 0


def test_stopping_ends_even_a_bus_that_is_stuck(ordinal_database: str, public_folder: Path) -> None:
    async def test(conninfo: str, swallow: Callable[[], None]) -> None:
        async with bus_on(conninfo, patience=0.2) as bus:
            await bus.submit(Mark(), context())
            swallow()
            await settled(bus.submit(Mark(), context()))

    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):
        asyncio.run(test(conninfo, proxy.swallow))
        assert not [each for each in threading.enumerate() if "bus" in each.name]


def threads_left(before: int) -> int:
    deadline = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    return threading.active_count() - before


class Clumsy(Batches):
    """Fails at every batch."""

    def batch_done(self, asks: Sequence[QueuedCommand], seconds: float, now: float) -> None:
        raise RuntimeError("the figures are wrong")


def test_an_observer_that_fails_ends_nothing(ordinal_database: str) -> None:
    async def test() -> None:
        async with bus_on(ordinal_database, batches=Clumsy()) as bus:
            for _ in range(3):
                await bus.submit(Mark(), context())

    run(test)
