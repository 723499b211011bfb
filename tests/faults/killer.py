"""Ends and stops random parts of a system, and brings them back a little later."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg

from infra.local import embedded_postgres
from infra.local.kafka_broker import Broker
from tests.faults.processes import Process

# Seconds.
SHORTEST_PEACE, LONGEST_PEACE = 0.5, 3.0
LONGEST_ABSENCE = 2.0
LONGEST_STOP = 14.0
STRIKE_LIMIT = 15.0
RESTART_PAUSE = 0.5


@dataclass(slots=True)
class Part:
    """One verb that is to be kept running, and the points where it may kill itself."""

    name: str
    start: Callable[[str], Process]
    points: tuple[str, ...] = ()
    process: Process | None = None
    absent_until: float = 0.0
    ends: Counter[int] = field(default_factory=Counter)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def begin(self, crash_at: str = "") -> Process:
        self.process = self.start(crash_at)
        return self.process

    def look_after(self) -> None:
        """Start it again when it has ended, as an operator's supervisor would."""
        if self.process is not None and not self.process.alive:
            self.ends[self.process.code or 0] += 1
            self.process = None
            self.absent_until = max(self.absent_until, time.monotonic() + RESTART_PAUSE)
        if self.process is None and time.monotonic() > self.absent_until:
            self.begin()


class Killer:
    """Works in a thread for as long as the block lasts, then heals everything.

    Parts that end are started again until `leave`: who began while another was not yet healed may
    end only afterwards.
    """

    def __init__(
        self, parts: list[Part], postgres: Path, conninfo: str, broker: Broker, seed: int
    ) -> None:
        self._parts = parts
        self._postgres = postgres
        self._conninfo = conninfo
        self._broker = broker
        self._dice = Random(f"killer {seed}")
        self._over, self._healed, self._left = (threading.Event() for _ in range(3))
        self._thread = threading.Thread(target=self._run)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._machines: dict[str, threading.Thread] = {}
        self.deeds: Counter[tuple[str, str]] = Counter()
        self.raised: BaseException | None = None

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._healed.wait()

    def leave(self) -> None:
        """Look after nobody any more."""
        self._over.set()
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            next_deed = time.monotonic() + LONGEST_PEACE
            while not self._over.wait(0.1):
                self._keep_house()
                if time.monotonic() > next_deed:
                    self._do_something()
                    peace = self._dice.uniform(SHORTEST_PEACE, LONGEST_PEACE)
                    next_deed = time.monotonic() + peace
            self._heal()
            self._healed.set()
            while not self._left.wait(0.1):
                self._keep_house()
        except BaseException as error:
            self.raised = error
        finally:
            self._healed.set()

    def _keep_house(self) -> None:
        now = time.monotonic()
        due = [deed for deed in self._later if deed[0] <= now]
        self._later = [deed for deed in self._later if deed[0] > now]
        for _, undo in due:
            undo()
        for part in self._parts:
            part.look_after()

    def _heal(self) -> None:
        for _, undo in sorted(self._later, key=lambda deed: deed[0]):
            undo()
        self._later.clear()
        for thread in self._machines.values():
            thread.join()
        for part in self._parts:
            part.absent_until = 0.0
        self._keep_house()

    # -- deeds

    def _do_something(self) -> None:
        part = self._dice.choice(self._parts)
        deeds: list[tuple[float, str, str, Callable[[], None]]] = [
            (5, part.name, "kill -9", lambda: self._kill(part)),
            (3, part.name, "stop", lambda: self._pause(part)),
            (5, part.name, "crash point", lambda: self._crash(part)),
            (1, part.name, "SIGTERM", lambda: self._term(part)),
            (1.5, "postgres", "kill -9", self._kill_postgres),
            (1, "postgres", "stop", self._pause_postgres),
            (1, "postgres", "terminate backends", self._terminate_backends),
            (1, "broker", "kill -9", self._kill_broker),
            (1, "broker", "stop", self._pause_broker),
        ]
        possible = [deed for deed in deeds if not self._is_away(deed[1])]
        weights = [weight for weight, *_ in possible]
        _, who, what, deed = self._dice.choices(possible, weights)[0]
        self.deeds[who, what] += 1
        deed()

    def _is_away(self, machine: str) -> bool:
        known = self._machines.get(machine)
        return known is not None and known.is_alive()

    def _meanwhile(self, machine: str, work: Callable[[], None]) -> None:
        """Bringing a machine back takes seconds in which others may fall."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.raised = error

        self._machines[machine] = threading.Thread(target=run)
        self._machines[machine].start()

    def _after(self, seconds: float, undo: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, undo))

    def _kill(self, part: Part) -> None:
        if part.process is not None:
            part.process.kill()
        part.absent_until = time.monotonic() + self._dice.uniform(0, LONGEST_ABSENCE)

    def _pause(self, part: Part) -> None:
        if part.process is not None:
            part.process.pause()
            self._after(self._dice.uniform(0.5, LONGEST_STOP), part.process.resume)

    def _crash(self, part: Part) -> None:
        """Exchange it for one that kills itself at a named point."""
        if part.process is not None:
            part.process.kill()
        point = self._dice.choice(part.points) if part.points else ""
        doomed = part.begin(f"{point}:{self._dice.randint(1, 20)}" if point else "")
        self._after(STRIKE_LIMIT, lambda: doomed.send(signal.SIGKILL))

    def _term(self, part: Part) -> None:
        if part.process is not None:
            part.process.send(signal.SIGTERM)

    def _kill_postgres(self) -> None:
        absence = self._dice.uniform(0, LONGEST_ABSENCE)

        def restart() -> None:
            self._signal_postgres(signal.SIGKILL)
            time.sleep(absence)
            embedded_postgres.restart(self._postgres)

        self._meanwhile("postgres", restart)

    def _pause_postgres(self) -> None:
        """The postmaster stops, so nobody new gets in."""
        absence = self._dice.uniform(0.5, LONGEST_STOP / 2)

        def stop() -> None:
            self._signal_postgres(signal.SIGSTOP)
            time.sleep(absence)
            self._signal_postgres(signal.SIGCONT)

        self._meanwhile("postgres", stop)

    def _signal_postgres(self, number: signal.Signals) -> None:
        pid = embedded_postgres.postmaster_pid(self._postgres)
        if pid is not None:
            os.kill(pid, number)

    def _terminate_backends(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def _kill_broker(self) -> None:
        absence = self._dice.uniform(0, LONGEST_ABSENCE)

        def restart() -> None:
            self._broker.kill()
            time.sleep(absence)
            self._broker.start()

        self._meanwhile("broker", restart)

    def _pause_broker(self) -> None:
        absence = self._dice.uniform(0.5, LONGEST_STOP)

        def stop() -> None:
            self._broker.pause()
            time.sleep(absence)
            self._broker.resume()

        self._meanwhile("broker", stop)
