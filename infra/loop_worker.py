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
from typing import TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
# How long the loop may be kept from its other work, where the worker can give way (seconds).
TURN = 0.005


class LoopWorker(greenlet):
    """A function that a loop's thread runs bit by bit.

    Whoever lets it rest sees to it that exactly one callback goes on with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, job: Callable[[], None]) -> None:
        super().__init__(job)
        self.loop = loop
        self._since = 0.0

    def go_on(self) -> None:
        """From the loop: let it work until it rests again."""
        self.parent = getcurrent()
        self._since = time.monotonic()
        self.switch()

    def rest(self) -> None:
        """From the worker: give the thread back to the loop."""
        parent = self.parent
        assert parent is not None
        parent.switch()

    def await_line(self, line: int, *, writing: bool) -> None:
        self.loop.add_reader(line, self.go_on)
        if writing:
            self.loop.add_writer(line, self.go_on)
        try:
            self.rest()
        finally:
            self.loop.remove_reader(line)
            if writing:
                self.loop.remove_writer(line)

    def give_way(self) -> None:
        if time.monotonic() - self._since > TURN:
            self.loop.call_soon(self.go_on)
            self.rest()

    def elsewhere(self, call: Callable[[], T]) -> T:
        done = self.loop.run_in_executor(None, call)
        done.add_done_callback(lambda _: self.go_on())
        self.rest()
        return done.result()


def await_line(line: int, *, writing: bool = False) -> None:
    """Wait until there is something to read on this descriptor; with `writing`, or room."""
    worker = getcurrent()
    if isinstance(worker, LoopWorker):
        worker.await_line(line, writing=writing)
        return
    poll = select.poll()
    poll.register(line, select.POLLIN | (select.POLLOUT if writing else 0))
    poll.poll()


def give_way() -> None:
    """Let the loop do its other work, if it has waited for long."""
    worker = getcurrent()
    if isinstance(worker, LoopWorker):
        worker.give_way()


def elsewhere(call: Callable[[], T]) -> T:
    """What this returns or raises; it waits in a way that no loop knows, so not in its thread."""
    worker = getcurrent()
    return worker.elsewhere(call) if isinstance(worker, LoopWorker) else call()
