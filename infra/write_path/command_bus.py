"""One command bus a process: callers queue up, and what has come together is committed together.

An idle bus adds no waiting: a lone command is a batch of its own. Where callers came together
lately, the first of them waits a moment for the others. It works in the event loop's own thread,
which goes on with its callers wherever the bus waits; so a caller's wait is bounded whatever the
bus is waiting for.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from commands.handling import Answer, Context
from infra.runtime.loop_worker import LoopWorker
from infra.write_path.append_batch import CommandRequest, Outcome
from infra.write_path.group_commit import ClockAhead, LogUnavailable, Writer

BATCH_COMMANDS = 256
BATCH_LINES = 5_000
# Patient commands of a batch: at most so many alone, with impatient ones, and at least.
PATIENT_ALONE, PATIENT_BESIDE, PATIENT_AT_LEAST = 128, 64, 32
# A smaller batch waits so many seconds until as many have come as there were lately.
TARGET_BATCH = 16
GROUPING_DELAY = 0.002
SWEEP_SECONDS = 0.05
STUCK_SECONDS = 3.0
STOPPING_SECONDS = 5.0

log = structlog.get_logger("bus")


class BusObserver(Protocol):
    """Who keeps count of what the bus does. Called after the answers.

    `seconds` is what the batch took, `now` when it was done (monotonic seconds).
    """

    def batch_done(self, asks: Sequence["QueuedCommand"], seconds: float, now: float) -> None: ...


@dataclass(slots=True, eq=False)
class QueuedCommand(CommandRequest):
    """A queued command, who waits for it, and until when (monotonic seconds)."""

    future: "asyncio.Future[Answer] | None" = None
    queued_at: float = 0.0
    deadline: float = 0.0


def weight(ask: CommandRequest) -> int:
    """Order lines of a command: what a batch is bounded by besides its commands."""
    return len(getattr(ask.command, "lines", ())) or 1


class Breaker:
    """Opens when the log is away, so that callers are told at once; lets a trial through soon."""

    def __init__(self, *, shortest: float = 0.2, longest: float = 2.0) -> None:
        self._shortest, self._longest = shortest, longest
        self._pause = 0.0
        self._until = 0.0
        self._reason = LogUnavailable()

    @property
    def open(self) -> bool:
        return time.monotonic() < self._until

    @property
    def retry_after(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def refusal(self) -> LogUnavailable:
        """What a caller is told: a wrong clock, or else that the log is away."""
        if isinstance(self._reason, ClockAhead):
            return ClockAhead(str(self._reason))
        return LogUnavailable("the event log is away or too busy")

    def failed(self, reason: LogUnavailable) -> None:
        self._reason = reason
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
        self._queue: deque[QueuedCommand] = deque()
        self._patient: deque[QueuedCommand] = deque()
        self._waiting: deque[QueuedCommand] = deque()
        self._stopping = False
        self._began: float | None = None
        # Commands of the batch at work that are not patient.
        self._impatient = 0
        # How many callers there were at a time lately, on average.
        self._recent_concurrency = 1.0
        self._untold: tuple[list[QueuedCommand], float, float] | None = None
        self._worker: LoopWorker | None = None
        self._ended: asyncio.Future[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None
        # Whether it rests, until so many have queued up.
        self._resting = False
        self._enough = 1
        self.breaker = Breaker()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._worker = LoopWorker(loop, self._run)
        self._sweeper = asyncio.create_task(self._sweep())
        self._worker.go_on()

    async def stop(self) -> None:
        """Answer what is queued, then end."""
        self._stopping = True
        if self._ended is not None:
            self._wake()
            await asyncio.wait([self._ended], timeout=STOPPING_SECONDS)
        if self._worker is not None:
            self._worker.let_go()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for pending in self._waiting:
            self._settle(pending, LogUnavailable("the bus has stopped"))
        self._writer.close()

    async def submit(self, command: object, context: Context) -> Answer:
        return await self.queue(command, context)

    def queue(
        self, command: object, context: Context, *, patient: bool = False
    ) -> "asyncio.Future[Answer]":
        """From the loop's thread; raises like `submit`, and the rest comes by the future.

        Patient commands come behind the others, in an order of their own.
        """
        worker = self._worker
        if worker is None or self._stopping:
            raise LogUnavailable("the bus is not running")
        if self.breaker.open:
            raise self.breaker.refusal()
        if len(self._queue) >= self._queue_limit:
            raise LogUnavailable("the event log is away or too busy")
        now = time.monotonic()
        future: asyncio.Future[Answer] = worker.loop.create_future()
        pending = QueuedCommand(
            command, context, future=future, queued_at=now, deadline=now + self._answer_timeout
        )
        self._waiting.append(pending)
        (self._patient if patient else self._queue).append(pending)
        if patient or len(self._queue) >= self._enough:
            self._wake()
        return future

    @property
    def queued(self) -> int:
        return len(self._queue) + len(self._patient)

    @property
    def position(self) -> int:
        """The last position that this bus wrote."""
        return self._writer.position

    async def _sweep(self) -> None:
        """Tell those whose time is over that the outcome is unknown.

        And cut a connection that swallows everything; no server-side timeout reaches us there.
        """
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            if self._began is not None and now - self._began > STUCK_SECONDS:
                self._writer.cut()
            while self._waiting and (_over(self._waiting[0]) or self._waiting[0].deadline <= now):
                self._settle(self._waiting.popleft(), LogUnavailable("no answer in time"))

    def _answer(self, batch: Sequence[QueuedCommand]) -> None:
        for pending in batch:
            self._settle(pending, pending.outcome or LogUnavailable("no outcome"))

    def _settle(self, pending: QueuedCommand, outcome: Outcome) -> None:
        future = pending.future
        if future is None or future.done():
            return
        if isinstance(outcome, Answer):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    # -- resting

    def _wake(self) -> None:
        if self._resting and self._worker is not None:
            self._resting = False
            self._worker.loop.call_soon(self._worker.go_on)

    def _rest(self, worker: LoopWorker, enough: int, seconds: float | None = None) -> None:
        """Until so many have queued up, or so much time is over."""
        self._resting, self._enough = True, enough
        timer = None if seconds is None else worker.loop.call_later(seconds, self._wake)
        worker.rest()
        if timer is not None:
            timer.cancel()

    # -- the worker's

    def _run(self) -> None:
        worker, ended = self._worker, self._ended
        assert worker is not None
        assert ended is not None
        while self._queue or self._patient or not self._stopping:
            expected = 1 if self._stopping else min(TARGET_BATCH, round(self._recent_concurrency))
            if not self._queue and not self._patient:
                self._tell()
                self._rest(worker, 1)
            if len(self._queue) < expected and not self._patient:
                self._rest(worker, expected, GROUPING_DELAY)
            batch = self._drain()
            if batch:
                self._carry_out(batch)
        self._tell()
        ended.set_result(None)

    def _drain(self) -> list[QueuedCommand]:
        """What has queued up and is still awaited, within the bounds of a batch."""
        kept = PATIENT_AT_LEAST if self._patient else 0
        batch = _taken(self._queue, BATCH_COMMANDS - kept, BATCH_LINES, [])
        self._impatient = len(batch)
        if not self._patient:
            return batch
        most = len(batch) + (PATIENT_BESIDE if batch else PATIENT_ALONE)
        room = BATCH_LINES - sum(map(weight, batch))
        return _taken(self._patient, min(most, BATCH_COMMANDS), room, batch)

    def _carry_out(self, batch: list[QueuedCommand]) -> None:
        self._began = began = time.monotonic()
        try:
            self._writer.write(batch, meanwhile=self._tell)
            self.breaker.succeeded()
        except LogUnavailable as error:
            self._fail(batch, error)
        except Exception as error:
            log.exception("batch_failed", commands=len(batch))
            self._fail(batch, LogUnavailable(f"unexpected: {error}"))
        self._began = None
        self._recent_concurrency += (
            self._impatient + len(self._queue) - self._recent_concurrency
        ) / 8
        self._answer(batch)
        self._tell()
        self._untold = (batch, began, time.monotonic())

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

    def _fail(self, batch: Sequence[QueuedCommand], error: LogUnavailable) -> None:
        self.breaker.failed(error)
        if isinstance(error, ClockAhead):
            log.error("clock_refused", why=str(error))
        for pending in batch:
            pending.outcome = pending.outcome or error


def _taken(
    queue: deque[QueuedCommand], most: int, lines: int, taken: list[QueuedCommand]
) -> list[QueuedCommand]:
    """These and the next ones that are still awaited: within the bounds, but for one alone."""
    now = time.monotonic()
    while queue and len(taken) < most:
        lines -= weight(queue[0])
        if taken and lines < 0:
            break
        pending = queue.popleft()
        if pending.deadline > now:
            taken.append(pending)
    return taken


def _over(pending: QueuedCommand) -> bool:
    return pending.future is None or pending.future.done()
