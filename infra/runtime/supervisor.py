"""What processes of the program have in common, and several of them as one family: started
together, restarted, and ended together.

Where that is possible they are copies of the one that starts them, which has imported for all.
"""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from infra.runtime.forked import STOPS, Forked, can_fork, die_with_parent

__all__ = ["STOPS", "Family", "die_with_parent", "spare_the_collector"]

STOP_SECONDS = 8.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# A process that lived this long was well; what ended it is not its start.
WELL_SECONDS = 30.0

Verb = tuple[str, ...]

log = structlog.get_logger("processes")


def spare_the_collector() -> None:
    """What was imported stays; looking through it again and again cost a third of each order."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


class Stop(Protocol):
    """Whoever may be told to stop."""

    def wait(self, timeout: float) -> bool:
        """Whether it was told, within so many seconds."""
        ...


class Running(Protocol):
    """A process that was started; codes are as those of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int | None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Spawned:
    """A process that begins anew."""

    def __init__(self, verb: Verb, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "main", *verb],
            env={**os.environ, **environment},
            preexec_fn=die_with_parent,
        )
        self.pid = self._process.pid
        self.poll, self.terminate = self._process.poll, self._process.terminate
        self.kill = self._process.kill

    def wait(self, timeout: float) -> int | None:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None


@dataclass(slots=True)
class Child:
    """One verb, and when it may be started again."""

    verb: Verb
    process: Running | None = None
    started: float = 0.0
    pause: float = SHORTEST_PAUSE
    not_before: float = 0.0


@dataclass(slots=True)
class Family:
    """Keeps verbs of this program running until it is told to stop.

    `run` carries out a verb in a copy of this process; without it, every one begins anew.
    """

    verbs: Sequence[Verb]
    environment: Mapping[str, str] = field(default_factory=dict)
    run: Callable[[Verb], object] | None = None
    children: list[Child] = field(default_factory=list)

    def start(self) -> None:
        self.children = [Child(verb) for verb in self.verbs]
        for child in self.children:
            self._start(child)

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = self._launch(child.verb)
        log.info("process_started", verb=child.verb[0], pid=child.process.pid)

    def _launch(self, verb: Verb) -> Running:
        if self.run and can_fork():
            return Forked(" ".join(verb), partial(self.run, verb), self.environment)
        return Spawned(verb, self.environment)

    def watch(self, stop: Stop) -> None:
        """Start again whatever ends by itself, until `stop`; then end all."""
        while not stop.wait(0.1):
            for child in self.children:
                self._look_after(child)
        self.stop()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            well = now - child.started > WELL_SECONDS
            child.pause = SHORTEST_PAUSE if well else min(LONGEST_PAUSE, child.pause * 2)
            child.not_before = now + child.pause
            code, child.process = child.process.poll(), None
            log.error("process_ended", verb=child.verb[0], code=code, again_in=child.pause)
        if child.process is None and now >= child.not_before:
            self._start(child)

    def stop(self) -> None:
        """Ask all, wait, and end those that do not listen."""
        alive = [child.process for child in self.children if child.process is not None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in alive:
            if process.wait(max(0.1, deadline - time.monotonic())) is None:
                log.error("process_killed", pid=process.pid)
                process.kill()
                process.wait(STOP_SECONDS)
        self.children = []
