"""Named places where a fault test makes the process die, as a power cut would.

`ORDINAL_CRASH_AT=R3:2` kills it on the second pass of the point R3.
"""

import os
import signal
import threading
from functools import cache

VARIABLE = "ORDINAL_CRASH_AT"

_lock = threading.Lock()


class _Point:
    """The chosen point and how many passes are left until it strikes."""

    def __init__(self, name: str, passes: int) -> None:
        self.name = name
        self.left = passes

    def passed(self) -> None:
        with _lock:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@cache
def _chosen() -> _Point | None:
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    name, _, nth = value.partition(":")
    return _Point(name, int(nth or 1))


def crash_point(name: str) -> None:
    """Die here when the environment says so. The environment is read once, at the first call."""
    point = _chosen()
    if point is not None and point.name == name:
        point.passed()
