"""All read models anew from a million events, against reading the log and doing nothing.

Claims: `ratio`, events a second of `ordinal rebuild all`, from its start as a process to its
end, the indexes and the change-over included ÷ a bare read of the log in order, in batches.
`memory_growth`, the most memory that its processes ever held at a million events ÷ at a quarter
of it: it does not grow with the log.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psycopg

from benchmarks.history import History, play_day
from benchmarks.machines import ROOT, folder, fresh_store, median, report, server
from infra.store.event_log import COLUMNS, TABLE

ROUNDS = 5
ORDERS = 1_500
FEW = 250_000
MANY = 1_000_000
# Events that a bare read asks for at a time: the fastest of the sizes that were tried.
BATCH = 2_000
# Seconds between two looks at the memory; what is looked at is itself a high-water mark.
GLANCE = 0.05


class Run(NamedTuple):
    """One rebuild: its seconds, and the bytes that its processes held at most."""

    seconds: float
    peak: int


def rebuilt(conninfo: str, log: Path) -> Run:
    """Build everything anew; drop what was read before, off the clock."""
    began = time.perf_counter()
    peaks: dict[int, int] = {}
    with log.open("ab") as out, verb(conninfo, out.fileno(), "rebuild", "all") as started:
        while started.poll() is None:
            for pid in family(started.pid):
                peaks[pid] = max(peaks.get(pid, 0), high_water(pid))
            time.sleep(GLANCE)
        seconds = time.perf_counter() - began
    if started.returncode:
        raise RuntimeError(f"the rebuild failed: see {log}\n{log.read_text()[-2_000:]}")
    with log.open("ab") as out, verb(conninfo, out.fileno(), "rebuild", "--drop-old", "all"):
        pass
    with psycopg.connect(conninfo, autocommit=True) as conn:
        # What the server would do by itself soon, and then during the bare read.
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")
    return Run(seconds, sum(peaks.values()))


def verb(conninfo: str, out: int, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "main", *words],
        env={**os.environ, "ORDINAL_DATABASE_URL": conninfo},
        cwd=ROOT,
        stdout=out,
        stderr=out,
    )


def family(pid: int) -> list[int]:
    """A process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return [pid]
    return [pid, *map(int, children.split())]


def high_water(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    _, _, found = status.partition("VmHWM:")
    return int(found.split()[0]) * 1024 if found else 0


def read(conninfo: str) -> float:
    """Seconds to have every event once, in order, in the form in which it is stored."""
    began = time.perf_counter()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        cursor, position = conn.cursor(binary=True), 0
        statement = (
            f"SELECT {COLUMNS} FROM {TABLE} WHERE notification_id > %s"
            " ORDER BY notification_id LIMIT %s"
        )
        while rows := cursor.execute(statement, (position, BATCH)).fetchall():
            position = rows[-1][0]
    return time.perf_counter() - began


def main() -> None:
    with server() as postgres, folder() as logs:
        conninfo = fresh_store(postgres, "ordinal_bench")
        play_day(conninfo, ORDERS)
        history = History(conninfo)
        history.lengthen(FEW)
        few = rebuilt(conninfo, logs / "rebuild.log")
        history.lengthen(MANY)
        rounds = [(rebuilt(conninfo, logs / "rebuild.log"), read(conninfo)) for _ in range(ROUNDS)]
    ratio = median([bare / ours.seconds for ours, bare in rounds])
    peak = max(ours.peak for ours, _ in rounds)
    rate = history.events / median([ours.seconds for ours, _ in rounds])
    report(
        [
            ("events", f"{history.events:,}"),
            ("events/s rebuilt", f"{rate:,.0f}"),
            ("events/s just read", f"{history.events / median([bare for _, bare in rounds]):,.0f}"),
            ("ratio", f"{ratio:.3f}"),
            (f"memory at {FEW:,} events, MB", f"{few.peak / 1e6:.0f}"),
            (f"memory at {MANY:,} events, MB", f"{peak / 1e6:.0f}"),
        ],
        {"ratio": ratio, "memory_growth": peak / few.peak, "events_per_second": rate},
    )


if __name__ == "__main__":
    main()
