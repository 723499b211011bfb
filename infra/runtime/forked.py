"""Processes that begin as copies of the one that started them, and share with it what it imported.

Whoever forks has no second thread: a copy would hold the locks of threads that it has not got.
Open files and connections belong to whoever opened them, so a part opens its own.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

STOPS = frozenset({signal.SIGINT, signal.SIGTERM})
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
# Names of processes that Linux shows are this long at most.
NAME_LENGTH = 15
THREADS = Path("/proc/self/task")
# What glibc takes for `M_ARENA_MAX`: with one heap for each thread, what one of them frees no other
# one can use.
M_ARENA_MAX = -8

Work = Callable[[], object]


def can_fork() -> bool:
    """Only on Linux: elsewhere the system's own libraries may not be used after a fork."""
    return sys.platform == "linux" and len(list(THREADS.iterdir())) == 1


def share_what_is_loaded() -> None:
    """Before the first fork: no collector will write to what is there by now, and copy it so."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
        if mallopt:
            mallopt(M_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()


class Forked:
    """A part that runs `work`; its end is told as `subprocess.Popen` tells it."""

    def __init__(self, name: str, work: Work, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("fork")
        arguments = (name, work, environment, os.getpid())
        self._process = context.Process(target=_run, args=arguments, name=name)
        # A stop that comes in between must reach the part's own handlers, not copies of ours.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None) -> int | None:
        """None when it has not ended by then."""
        self._process.join(timeout)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def die_with_parent() -> None:
    """A killed parent leaves nobody behind (Linux; elsewhere Ctrl-C reaches the whole group)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _run(name: str, work: Work, environment: Mapping[str, str], parent: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent()
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[:NAME_LENGTH])
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
    os.environ.update(environment)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    work()
