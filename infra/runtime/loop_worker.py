"""Code that waits, on the thread of an event loop.

The write path is plain code that waits for its lines. In a thread beside an event loop it would
fight the loop for the interpreter lock at every wait of either, which costs a third of what such a
process can do. A worker runs on a stack of its own (a greenlet) in the loop's thread instead: where
it waits, the loop goes on, and the loop's callback goes on with it. Called by anybody else, the
functions here just wait.
"""

import asyncio
import select
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
# How long the loop may be kept from its other work, where the worker can give way (seconds).
TURN = 0.005


class Readiness(NamedTuple):
    """What a worker rests for: something to read on this descriptor; with `writing`, or room."""

    descriptor: int
    writing: bool


class LoopWorker(greenlet):
    """A function that a loop's thread runs bit by bit.

    Whoever lets it rest sees to it that exactly one callback goes on with it. Lines are watched by
    the loop's side, never by the worker itself: libuv keeps a list of events on the loop's stack,
    which is elsewhere while the worker is at work, and looks at it when a line comes or goes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, job: Callable[[], None]) -> None:
        super().__init__(job)
        self.loop = loop
        self._since = 0.0
        # Its own thread: it must not queue up behind others who wait for a dead server.
        self._helper = ThreadPoolExecutor(1, "elsewhere")

    def go_on(self) -> None:
        """From the loop: let it work until it rests again."""
        self.parent = getcurrent()
        self._since = time.monotonic()
        line = self.switch()
        while line is not None:
            try:
                self._watch(line)
                return
            except (OSError, RuntimeError, ValueError) as error:
                line = self.throw(error)

    def rest(self, line: Readiness | None = None) -> None:
        """From the worker: give the thread back to the loop, until something comes on this line."""
        parent = self.parent
        assert parent is not None
        parent.switch(line)

    def give_way(self) -> None:
        if time.monotonic() - self._since > TURN:
            self.loop.call_soon(self.go_on)
            self.rest()

    def elsewhere(self, call: Callable[[], T]) -> T:
        done = self.loop.run_in_executor(self._helper, call)
        done.add_done_callback(lambda _: self.go_on())
        self.rest()
        return done.result()

    def let_go(self) -> None:
        """It has ended, or is not wanted any more: keep no thread for it."""
        self._helper.shutdown(wait=False)

    def _watch(self, line: Readiness) -> None:
        self.loop.add_reader(line.descriptor, self._ready, line)
        if line.writing:
            self.loop.add_writer(line.descriptor, self._ready, line)

    def _ready(self, line: Readiness) -> None:
        self.loop.remove_reader(line.descriptor)
        if line.writing:
            self.loop.remove_writer(line.descriptor)
        self.go_on()


def await_line(line: int, *, writing: bool = False, limit: float | None = None) -> bool:
    """Wait until there is something to read on this descriptor; with `writing`, or room.

    False when nothing came in `limit` seconds; in a loop its own side watches over that.
    """
    worker = getcurrent()
    if isinstance(worker, LoopWorker):
        worker.rest(Readiness(line, writing))
        return True
    poll = select.poll()
    poll.register(line, select.POLLIN | (select.POLLOUT if writing else 0))
    return bool(poll.poll(None if limit is None else limit * 1000))


def give_way() -> None:
    """Let the loop do its other work, if it has waited for long."""
    worker = getcurrent()
    if isinstance(worker, LoopWorker):
        worker.give_way()


def elsewhere(call: Callable[[], T]) -> T:
    """What this returns or raises; it waits in a way that no loop knows, so not in its thread."""
    worker = getcurrent()
    return worker.elsewhere(call) if isinstance(worker, LoopWorker) else call()
