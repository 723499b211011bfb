"""Loops that are watched while a test makes them hang."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.runtime.watchdog import Watchdog
from tests.infra.running import eventually

INTERVAL = 0.02


class Watched:
    """Counts the pings of every watchdog, and notes that one would have ended the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pings = Counter[str]()
        self.ended = threading.Event()
        self._monkeypatch = monkeypatch
        ping = Watchdog.ping

        def counted(watchdog: Watchdog) -> None:
            self.pings[watchdog._name] += 1
            ping(watchdog)

        monkeypatch.setattr(Watchdog, "ping", counted)
        monkeypatch.setattr("infra.runtime.watchdog.end_process", self.ended.set)
        monkeypatch.setattr("infra.runtime.watchdog.INTERVAL", INTERVAL)
        monkeypatch.setattr("infra.runtime.watchdog.CHECKS", 10**9)

    def await_pings(self, name: str) -> None:
        """With nothing to do it must ping, too."""
        before = self.pings[name]
        eventually(lambda: self.pings[name] > before + 3)

    @contextmanager
    def hanging(self, target: str, answer: object = None) -> Iterator[None]:
        """Whoever calls the target gets its answer only when the block is over."""
        freed = threading.Event()

        def waits(*_: object) -> object:
            freed.wait(60)
            return answer

        with self._monkeypatch.context() as patch:
            patch.setattr(target, waits)
            patch.setattr("infra.runtime.watchdog.CHECKS", 20)
            try:
                yield
            finally:
                freed.set()
