"""Plain code that waits, on a loop's thread: the loop goes on, and nothing else changes."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from greenlet import getcurrent

from infra.runtime.loop_worker import TURN, LoopWorker, await_line, elsewhere, give_way


class Pipe:
    """A line on which somebody says something some time."""

    def __init__(self) -> None:
        self.line, self._end = os.pipe()

    def say(self) -> None:
        os.write(self._end, b"!")

    def heard(self) -> None:
        assert os.read(self.line, 1) == b"!"

    def close(self) -> None:
        os.close(self.line)
        os.close(self._end)


def carry_out(job: Callable[[], object], beside: Callable[[], None] = lambda: None) -> list[float]:
    """The job as a worker, to its end; the moments at which the loop had its turn meanwhile."""
    ticks: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def whole() -> None:
            try:
                job()
            except Exception as error:
                ended.set_exception(error)
            else:
                ended.set_result(None)

        loop.call_later(0.05, beside)
        worker = LoopWorker(loop, whole)
        worker.go_on()
        while not ended.done():
            ticks.append(time.monotonic())
            await asyncio.sleep(0)
        worker.let_go()
        await ended

    asyncio.run(asyncio.wait_for(run(), 5))
    return ticks


def test_the_loop_goes_on_while_a_worker_awaits_its_line() -> None:
    pipe, threads = Pipe(), []

    def job() -> None:
        for _ in range(2):
            await_line(pipe.line)
            pipe.heard()
            threads.append(threading.get_ident())

    def beside() -> None:
        pipe.say()
        asyncio.get_running_loop().call_later(0.05, pipe.say)

    assert len(carry_out(job, beside)) > 100
    assert threads == [threading.get_ident()] * 2
    pipe.close()


def test_a_line_that_has_room_is_enough_for_one_who_writes() -> None:
    reading, writing = os.pipe()
    carry_out(lambda: await_line(writing, writing=True))
    for end in (reading, writing):
        os.close(end)


def test_nothing_of_a_wait_is_left_in_the_loop() -> None:
    """Otherwise what comes on the line later would wake somebody who rests for another reason."""
    pipe, other = Pipe(), Pipe()
    heard = []

    def job() -> None:
        await_line(pipe.line)
        pipe.heard()
        pipe.say()
        await_line(other.line)
        heard.append("other")

    def beside() -> None:
        pipe.say()
        asyncio.get_running_loop().call_later(0.1, other.say)

    assert len(carry_out(job, beside)) > 100
    assert heard == ["other"]
    for each in (pipe, other):
        each.close()


def test_a_worker_never_touches_the_loops_lines_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """libuv would look at a stack that is not there."""
    touched = []

    def noted(name: str) -> Callable[..., object]:
        real = getattr(asyncio.SelectorEventLoop, name)

        def touch(loop: object, *given: object) -> object:
            touched.append((name, isinstance(getcurrent(), LoopWorker)))
            return real(loop, *given)

        return touch

    names = ("add_reader", "remove_reader", "add_writer", "remove_writer")
    for name in names:
        monkeypatch.setattr(asyncio.SelectorEventLoop, name, noted(name))
    reading, writing = os.pipe()

    def job() -> None:
        for _ in range(3):
            await_line(writing, writing=True)

    carry_out(job)
    own = [(name, inside) for name, inside in touched if name in names[2:] or inside]
    assert own == [("add_writer", False), ("remove_writer", False)] * 3
    for end in (reading, writing):
        os.close(end)


def test_a_line_that_cannot_be_watched_is_the_workers_error() -> None:
    def job() -> None:
        with pytest.raises(OSError, match="descriptor"):
            await_line(9_999)
        pipe = Pipe()
        pipe.say()
        await_line(pipe.line)
        pipe.close()

    carry_out(job)


def test_one_who_works_for_long_gives_way_now_and_then() -> None:
    def job() -> None:
        until = time.monotonic() + 20 * TURN
        while time.monotonic() < until:
            give_way()

    ticks = carry_out(job)
    assert len(ticks) >= 10
    assert max(after - before for before, after in pairwise(ticks)) < 10 * TURN


def test_what_waits_in_its_own_way_does_so_in_another_thread() -> None:
    threads: list[int] = []

    def slow() -> str:
        threads.append(threading.get_ident())
        time.sleep(0.1)
        return "done"

    def job() -> None:
        threads.append(threading.get_ident())
        assert elsewhere(slow) == "done"
        assert isinstance(getcurrent(), LoopWorker)

    assert len(carry_out(job)) > 100
    assert threads[0] == threading.get_ident() != threads[1]


def test_an_error_elsewhere_is_the_workers() -> None:
    def fail() -> None:
        raise LookupError("away")

    with pytest.raises(LookupError, match="away"):
        carry_out(lambda: elsewhere(fail))


def test_without_a_loop_the_same_calls_just_wait() -> None:
    pipe = Pipe()
    threading.Timer(0.1, pipe.say).start()
    began = time.monotonic()
    await_line(pipe.line)
    pipe.heard()
    assert time.monotonic() - began > 0.05
    give_way()
    assert elsewhere(threading.get_ident) == threading.get_ident()
    pipe.close()
