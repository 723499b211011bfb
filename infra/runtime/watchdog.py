"""Ending a process whose work hangs, so that whoever looks after processes starts it again."""

import faulthandler
import os
import threading
from types import TracebackType
from typing import Self

import structlog

# Seconds between two glances, and after how many without a beat the work hangs: five minutes, the
# time after which a Kafka group, too, gives up a member that does not poll. Every wait inside a
# piece of work is bounded by seconds.
INTERVAL = 15.0
CHECKS = 20
# The exit code of a process that found a fault in itself (sysexits: EX_SOFTWARE).
HUNG = 70

log = structlog.get_logger("pulse")


def end_process() -> None:
    """At once: an orderly end would have to wait for what hangs. The log and the offsets are the
    database's, so that nothing is lost by it.
    """
    faulthandler.dump_traceback(all_threads=True)
    os._exit(HUNG)


class Watchdog:
    """To be told of every round of a loop while it is entered.

    Glances are counted, not seconds: a process that was stopped as a whole, or a machine that
    slept, has missed no beat.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pings = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"pulse of {name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def ping(self) -> None:
        self._pings += 1

    def _watch(self) -> None:
        seen, still = self._pings, 0
        while not self._over.wait(INTERVAL):
            still = still + 1 if self._pings == seen else 0
            seen = self._pings
            if still >= CHECKS:
                log.critical("work_hangs", work=self._name, seconds=round(CHECKS * INTERVAL))
                end_process()
                return
