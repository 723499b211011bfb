"""Looks at stored offsets all the while: afterwards nobody could tell that one went back."""

import threading
from types import TracebackType
from typing import Self

import psycopg

from infra.audit.verify import Findings
from tests.infra.running import eventually

INTERVAL = 0.1
_STANDINGS = (
    "SELECT projection || ' g' || generation, position FROM read.checkpoints UNION ALL"
    " SELECT topic || '/' || partition, next_offset FROM ordinal.intake_offsets"
)


class Watch:
    """Notes the first offset that fell."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._highest: dict[str, int] = {}
        self.looks = 0
        self._fallen: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

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

    def settle(self) -> None:
        """Waits until everything that stands now was seen: the look under way may be older."""
        looks = self.looks
        eventually(lambda: self.looks > looks + 1)

    def report(self, findings: Findings) -> None:
        finding = findings.begin("I10", "stored offsets never go back")
        finding.checked += self.looks
        for fall in self._fallen:
            finding.blame(fall)

    def _run(self) -> None:
        while not self._over.is_set():
            # A database that is away shows nothing, and changes nothing.
            try:
                self._follow()
            except psycopg.Error:
                self._over.wait(INTERVAL)

    def _follow(self) -> None:
        with psycopg.connect(
            self._conninfo, autocommit=True, connect_timeout=2, options="-c statement_timeout=2000"
        ) as conn:
            while not self._over.wait(INTERVAL):
                self._look(conn)

    def _look(self, conn: psycopg.Connection[tuple[str, int]]) -> None:
        for name, position in conn.execute(_STANDINGS).fetchall():
            if position < self._highest.get(name, 0):
                self._fallen.append(f"{name} fell from {self._highest[name]} to {position}")
            self._highest[name] = position
        self.looks += 1
