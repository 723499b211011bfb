"""One command bus a process: callers queue up, one thread commits what has come together.

An idle bus adds no waiting: a lone command is a batch of its own. Where callers came together
lately, the first of them waits a moment for the others. A caller's wait is bounded whatever the
thread is doing, because somebody else keeps the time.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog

from commands.handling import Answer, Context
from infra.batch import Ask, Outcome
from infra.writer import Unavailable, Writer

BATCH_COMMANDS = 256
BATCH_LINES = 5_000
# A smaller batch waits so many seconds until as many have come as there were lately.
COMPANY = 8
COMPANY_SECONDS = 0.002
SWEEP_SECONDS = 0.05
STUCK_SECONDS = 3.0

log = structlog.get_logger("bus")


class BusObserver(Protocol):
    """Who keeps count of what the bus does. Called by the bus thread, after the answers.

    `seconds` is what the batch took, `now` when it was done (monotonic seconds).
    """

    def batch_done(self, asks: Sequence["Pending"], seconds: float, now: float) -> None: ...


@dataclass(slots=True, eq=False)
class Pending(Ask):
    """A queued command, who waits for it, and until when (monotonic seconds)."""

    future: "asyncio.Future[Answer] | None" = None
    queued_at: float = 0.0
    deadline: float = 0.0


def weight(ask: Ask) -> int:
    """Order lines of a command: what a batch is bounded by besides its commands."""
    return len(getattr(ask.command, "lines", ())) or 1


class Breaker:
    """Opens when the log is away, so that callers are told at once; lets a trial through soon."""

    def __init__(self, *, shortest: float = 0.2, longest: float = 2.0) -> None:
        self._shortest, self._longest = shortest, longest
        self._pause = 0.0
        self._until = 0.0

    @property
    def open(self) -> bool:
        return time.monotonic() < self._until

    @property
    def retry_after(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def failed(self) -> None:
        self._pause = min(self._longest, max(self._shortest, self._pause * 2))
        self._until = time.monotonic() + self._pause

    def succeeded(self) -> None:
        self._pause = self._until = 0.0


class CommandBus:
    """The one way in for an API process.

    `submit` raises Unavailable when the command was not answered within `answer_timeout` seconds,
    when the queue is full, or when the log is known to be away.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        answer_timeout: float,
        queue_limit: int,
        observer: BusObserver | None = None,
    ) -> None:
        self._writer = writer
        self._answer_timeout = answer_timeout
        self._queue_limit = queue_limit
        self._observer = observer
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._left: Pending | None = None
        self._waiting: deque[Pending] = deque()
        self._stopping = False
        self._began: float | None = None
        # How many callers there were at a time lately, on average.
        self._crowd = 1.0
        self._untold: tuple[list[Pending], float, float] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="command-bus", daemon=True)
        self._watchdog = threading.Thread(target=self._watch, name="bus-watchdog", daemon=True)
        self.breaker = Breaker()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sweeper = asyncio.create_task(self._sweep())
        self._thread.start()
        self._watchdog.start()

    async def stop(self) -> None:
        """Answer what is queued, then end."""
        self._stopping = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, 5)
        await asyncio.to_thread(self._watchdog.join, 1)
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for pending in self._waiting:
            self._settle(pending, Unavailable("the bus has stopped"))
        self._writer.close()

    async def submit(self, command: object, context: Context) -> Answer:
        if self._loop is None or self._stopping:
            raise Unavailable("the bus is not running")
        if self._queue.qsize() >= self._queue_limit or self.breaker.open:
            raise Unavailable("the event log is away or too busy")
        now = time.monotonic()
        pending = Pending(
            command,
            context,
            future=self._loop.create_future(),
            queued_at=now,
            deadline=now + self._answer_timeout,
        )
        self._waiting.append(pending)
        self._queue.put(pending)
        assert pending.future is not None
        return await pending.future

    @property
    def queued(self) -> int:
        return self._queue.qsize()

    @property
    def position(self) -> int:
        """The last position that this bus wrote."""
        return self._writer.position

    # -- on the event loop

    async def _sweep(self) -> None:
        """Tell those whose time is over that the outcome is unknown."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            while self._waiting and (_over(self._waiting[0]) or self._waiting[0].deadline <= now):
                self._settle(self._waiting.popleft(), Unavailable("no answer in time"))

    def _answer(self, batch: Sequence[Pending]) -> None:
        for pending in batch:
            self._settle(pending, pending.outcome or Unavailable("no outcome"))

    def _settle(self, pending: Pending, outcome: Outcome) -> None:
        future = pending.future
        if future is None or future.done():
            return
        if isinstance(outcome, Answer):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    # -- on the bus thread

    def _run(self) -> None:
        while True:
            first = self._left or self._queue.get()
            self._left = None
            if first is None:
                self._tell()
                return
            batch = self._drain(first)
            if batch:
                self._carry_out(batch)
            else:
                self._tell()

    def _drain(self, first: Pending) -> list[Pending]:
        """What has queued up and is still awaited, within the bounds of a batch."""
        batch: list[Pending] = []
        lines, now = 0, time.monotonic()
        expected, patience = min(COMPANY, round(self._crowd)), now + COMPANY_SECONDS
        pending: Pending | None = first
        while pending is not None:
            lines += weight(pending)
            if batch and (lines > BATCH_LINES or len(batch) == BATCH_COMMANDS):
                self._left = pending
                break
            if pending.deadline > now:
                batch.append(pending)
            pending = self._next(patience if len(batch) < expected else 0.0)
        return batch

    def _next(self, until: float) -> Pending | None:
        """The next that has queued up by then; the word to stop stays behind all others."""
        try:
            pending = self._queue.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            return None
        if pending is None:
            self._queue.put(None)
        return pending

    def _carry_out(self, batch: list[Pending]) -> None:
        self._began = began = time.monotonic()
        try:
            self._writer.write(batch, meanwhile=self._tell)
            self.breaker.succeeded()
        except Unavailable as error:
            self._fail(batch, error)
        except Exception as error:
            log.exception("batch_failed", commands=len(batch))
            self._fail(batch, Unavailable(f"unexpected: {error}"))
        self._began = None
        self._crowd += (len(batch) + self._queue.qsize() - self._crowd) / 8
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._answer, batch)
        self._tell()
        self._untold = (batch, began, time.monotonic())
        if self._queue.empty():
            self._tell()

    def _tell(self) -> None:
        """Whoever keeps count must not keep the next batch from being written.

        So that is done while the database commits the next one, if there is a next one.
        """
        told, self._untold = self._untold, None
        if told is None or self._observer is None:
            return
        batch, began, done = told
        try:
            self._observer.batch_done(batch, done - began, done)
        except Exception:
            log.exception("observer_failed", commands=len(batch))

    def _fail(self, batch: Sequence[Pending], error: Unavailable) -> None:
        self.breaker.failed()
        for pending in batch:
            pending.outcome = pending.outcome or error

    # -- on the watchdog's thread

    def _watch(self) -> None:
        """Cut a connection that swallows everything; no server-side timeout reaches us there."""
        while self._thread.is_alive():
            time.sleep(0.25)
            began = self._began
            if began is not None and time.monotonic() - began > STUCK_SECONDS:
                self._writer.cut()


def _over(pending: Pending) -> bool:
    return pending.future is None or pending.future.done()
