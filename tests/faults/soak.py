"""A whole system under lifelike load while a seeded killer is about.

`python -m tests.faults.soak --seconds 600 --seed 7`. In the end everything heals, and every
invariant must hold; the exit code says whether it does.
"""

import argparse
import json
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from rich.console import Console
from rich.table import Table

from infra.audit.findings import Findings
from infra.local import embedded_postgres
from infra.local.kafka_broker import Broker
from infra.store.migrations import migrate
from tests.conftest import keep_logs, public_temporary_folder
from tests.faults.channel import Channel
from tests.faults.http import free_port
from tests.faults.killer import Killer, Part
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.processes import Process, makers
from tests.faults.system import Api, System, system_over

PEOPLE = 4
INTAKES = 2
HEALING_LIMIT = 120.0
# A customer's shop repeats its request for longer than any part is away.
PATIENCE = 300.0
# Log events and uncaught errors that are worth a look, though the invariants may hold.
CONCERNS = {"projector_halted", "batch_failed", "request_failed", "stream_parked"}
RAISED = re.compile(r"[A-Za-z_.]+(Error|Exception|Halted|Unfit|Fenced|Lost|Unavailable|Stream)\b")

console = Console(width=140)


@contextmanager
def whole_system(folder: Path) -> Iterator[tuple[System, Broker]]:
    with ExitStack() as stack:
        conninfo = stack.enter_context(embedded_postgres.running(folder / "postgres"))
        migrate(conninfo)
        broker = stack.enter_context(Broker(folder / "kafka"))
        nursery = stack.enter_context(makers())
        kafka = broker.bootstrap_servers
        logs = folder / "logs"
        logs.mkdir()
        yield stack.enter_context(system_over(nursery, logs, conninfo, kafka=kafka)), broker


def parts_of(system: System, ports: Sequence[int]) -> list[Part]:
    """Every process of the system, each with its crash points."""

    def part(name: str, *verb: str, points: tuple[str, ...] = (), **given: Any) -> Part:
        def start(crash_at: str) -> Process:
            return system.start(*verb, crash_at=crash_at, **given)

        return Part(name, start, points)

    apis = [
        part(f"api {n}", "serve", points=("A1", "A2", "A3"), http_port=port)
        for n, port in enumerate(ports, 1)
    ]
    relay = part("relay", "relay", points=("R1", "R2", "R3", "R4", "R5"))
    projectors = part("projectors", "project", points=("P1", "P2", "P3", "P4"))
    intakes = [
        part(f"intake {n}", "consume", "orders", points=("A1", "A2", "A3"))
        for n in range(1, INTAKES + 1)
    ]
    return [*apis, relay, projectors, *intakes]


def soak(folder: Path, seconds: float, seed: int) -> bool:
    with whole_system(folder) as (system, broker):
        system.open_shop(*SKUS, units=UNITS)
        ports = [free_port(), free_port()]
        parts = parts_of(system, ports)
        first = [part.begin() for part in parts]
        apis = [Api(process, port) for process, port in zip(first, ports, strict=False)]
        channel = Channel(system.kafka, seed=seed)
        load = Load(system, apis, seed=seed, people=PEOPLE, patience=PATIENCE)
        killer = Killer(parts, folder / "postgres", system.conninfo, broker, seed)
        try:
            with channel, load:
                with killer:
                    load.go_on(seconds)
                if killer.raised is not None:
                    raise killer.raised
                load.go_on(2)
            found = system.findings(HEALING_LIMIT)
        finally:
            killer.leave()
        if killer.raised is not None:
            raise killer.raised
        with psycopg.connect(system.conninfo, autocommit=True) as conn:
            channel.verify(conn, found)
        report(system, killer, load, channel, parts, found)
        return found.sound


def report(
    system: System, killer: Killer, load: Load, channel: Channel, parts: Sequence[Part],
    found: Findings,
) -> None:  # fmt: skip
    console.print(deeds_table(killer, parts))
    console.print(findings_table(found))
    console.print(f"answers: {dict(load.statuses)}, the slowest after {load.slowest:.1f} s")
    console.print(
        f"log: {system.head()} positions, {len(system.receipts.bodies)} accepted requests,"
        f" {len(channel.references)} orders over the topic"
    )
    for line, times in concerns(system).most_common(12):
        console.print(f"{times} x {line}", markup=False, highlight=False)


def deeds_table(killer: Killer, parts: Sequence[Part]) -> Table:
    table = Table("part", "deed", "times", title=f"{sum(killer.deeds.values())} deeds")
    for (who, what), times in sorted(killer.deeds.items()):
        table.add_row(who, what, str(times))
    for part in parts:
        for code, times in sorted(part.ends.items()):
            table.add_row(part.name, f"ended with {code}", str(times), style="dim")
    return table


def findings_table(found: Findings) -> Table:
    table = Table("invariant", "checked", "breaches", "first breach")
    for finding in sorted(found.of.values(), key=lambda each: each.invariant):
        table.add_row(
            f"{finding.invariant} {finding.about}",
            str(finding.checked),
            str(finding.breaches),
            finding.breach or "",
            style="red" if finding.breaches else "green",
        )
    return table


def concerns(system: System) -> Counter[str]:
    """Lines of the processes' logs that nobody should have to read."""
    seen: Counter[str] = Counter()
    for process in system.processes:
        for line in process.log.read_text(errors="replace").splitlines():
            if what := concern(line):
                seen[f"{process.name}: {what}"] += 1
    return seen


def concern(line: str) -> str:
    """What is wrong in a line, as far as it does not differ from time to time; mostly nothing."""
    if not line.startswith("{"):
        return line[:140] if RAISED.match(line) else ""
    logged = json.loads(line)
    event = logged.get("event")
    return f"{event} {logged.get('error', '')}"[:140] if event in CONCERNS else ""


def leave(*_: object) -> NoReturn:
    raise SystemExit(130)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill parts of a system under load.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, leave)
    console.print(f"seed {asked.seed}, {asked.seconds:.0f} s")
    began = time.monotonic()
    with public_temporary_folder() as folder:
        sound = soak(folder, asked.seconds, asked.seed)
        if not sound:
            keep_logs(folder)
    verdict = "all invariants hold" if sound else "BROKEN"
    console.print(f"seed {asked.seed}: {verdict} after {time.monotonic() - began:.0f} s")
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
