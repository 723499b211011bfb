"""What processes of the program have in common, and several of them as one family: started
together, restarted, and ended together.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

STOP_SECONDS = 8.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# A process that lived this long was well; what ended it is not its start.
WELL_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
# What tells a process to end in good order.
STOPS = frozenset({signal.SIGINT, signal.SIGTERM})

log = structlog.get_logger("processes")


def spare_the_collector() -> None:
    """What was imported stays; looking through it again and again cost a third of each order."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def die_with_parent() -> None:
    """A killed parent leaves nobody behind (Linux; elsewhere Ctrl-C reaches the whole group)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """One verb, and when it may be started again."""

    verb: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = SHORTEST_PAUSE
    not_before: float = 0.0


@dataclass(slots=True)
class Family:
    """Keeps verbs of this program running until it is told to stop."""

    verbs: Sequence[tuple[str, ...]]
    environment: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def start(self) -> None:
        self.children = [Child(verb) for verb in self.verbs]
        for child in self.children:
            self._start(child)

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            [sys.executable, "-m", "main", *child.verb],
            env={**os.environ, **self.environment},
            preexec_fn=die_with_parent,
        )
        log.info("process_started", verb=child.verb[0], pid=child.process.pid)

    def watch(self, stop: threading.Event) -> None:
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
            code, child.process = child.process.returncode, None
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
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("process_killed", pid=process.pid)
                process.kill()
                process.wait()
        self.children = []
