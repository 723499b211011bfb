"""Python's collector in a process that keeps much and must not pause.

Everything that the cache keeps is looked through by a pass over the oldest generation: a quarter
of a second, once in some 50,000 orders. Here what outlives a pass over the young is looked at by no
short pass again, and the long one waits until nobody asks for anything. What was there before the
start is frozen for good: a pass writes to all that it looks at, and forked processes share it.
"""

import gc
import time

import structlog

# Containers that were made and not freed again, until the young are looked through.
YOUNG = 2_000
NEVER = 2**31 - 1
# Seconds of rest before the long pass, and between two of them, unless there is no rest at all.
QUIET_SECONDS = 3.0
BETWEEN_SECONDS = 60.0
AT_LATEST_SECONDS = 3_600.0

log = structlog.get_logger("garbage")


class SteadyCollector:
    """Collects in short passes. A cycle that outlived one is freed at the next rest."""

    def __init__(self) -> None:
        self._kept = False
        self._busy_at = self._all_at = time.monotonic()
        self._before = gc.get_threshold()

    def start(self) -> None:
        """What was made until now stays, and is not looked at again."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, NEVER, NEVER)
        gc.callbacks.append(self._passed)

    def stop(self) -> None:
        gc.callbacks.remove(self._passed)
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def tick(self, now: float, *, busy: bool) -> bool:
        """To be called now and then (monotonic seconds); whether it looked through everything."""
        if busy:
            self._busy_at = now
        rested = now - self._busy_at >= QUIET_SECONDS and now - self._all_at >= BETWEEN_SECONDS
        if not self._kept or not (rested or now - self._all_at >= AT_LATEST_SECONDS):
            return False
        self._look_through_all()
        self._all_at, self._kept = now, False
        return True

    def _passed(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 0:
            self._kept = True

    def _look_through_all(self) -> None:
        began = time.perf_counter()
        freed = gc.collect()
        log.debug("garbage_collected", freed=freed, seconds=round(time.perf_counter() - began, 3))
