"""How long after a command's answer its effect can be read, at 500 orders a second over HTTP.

Claims: `kafka_p99_ms`, from the answer until the read model `order_status` shows it, with the
relay and the projectors of all read models going through Kafka; `store_p99_ms`, the same with
projectors that read the log itself. When the read model shows it is seen from outside: its
checkpoint in the database is asked for every other millisecond.
"""

import json
import random
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks.machines import (
    READY_SECONDS,
    ROOT,
    await_http,
    folder,
    free_port,
    fresh_store,
    make_key,
    new_writer,
    percentile,
    process,
    report,
    server,
    stock_up,
)
from benchmarks.place_orders import bodies, keyed
from benchmarks.topics import environment, fresh_topics, kafka
from infra.postgres.connections import Connection
from infra.store.event_log import head

RATE = 500
WARM_SECONDS = 3
SECONDS = 15
SKUS = 1_000
# Seconds between two looks at the checkpoint.
GLANCE = 0.002
# Seconds that the last order may take to be seen.
LAST = 30.0
READ_MODEL = "order_status"

Sighting = tuple[float, int]


def sight(conn: Connection) -> Sighting:
    """When the read model was seen, and where it stood."""
    row = conn.execute(
        "SELECT max(position) FROM read.checkpoints WHERE projection = %s AND live", (READ_MODEL,)
    ).fetchone()
    return time.monotonic(), int(row[0]) if row and row[0] is not None else -1


def await_projectors(conn: Connection) -> None:
    deadline = time.monotonic() + READY_SECONDS
    last = head(conn)
    while sight(conn)[1] < last:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{READ_MODEL} stands at {sight(conn)[1]} of {last}")
        time.sleep(0.05)


def watch(conn: Connection, load: "subprocess.Popen[bytes]") -> list[Sighting]:
    """Look until the load has ended and everything is seen; every new position."""
    seen = [sight(conn)]
    ended, last = 0.0, 0
    while not ended or seen[-1][1] < last:
        now = sight(conn)
        if now[1] > seen[-1][1]:
            seen.append(now)
        if not ended and load.poll() is not None:
            ended, last = now[0], head(conn)
        if ended and now[0] > ended + LAST:
            raise TimeoutError(f"{READ_MODEL} stands at {now[1]} of {last}")
        time.sleep(GLANCE)
    return seen


def under_load(conn: Connection, port: int, key: str, place: Path) -> list[float]:
    """Seconds from each answer to the first sight of its position."""
    count = RATE * (WARM_SECONDS + SECONDS)
    requests = keyed(bodies(random.Random(5), count, "visible"), key, "visible")
    asked, answered = place / "asked.json", place / "answered.json"
    asked.write_text(json.dumps({"port": port, "rate": RATE, "requests": requests}))
    with (
        asked.open("rb") as source,
        answered.open("wb") as target,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.steady"], stdin=source, stdout=target, cwd=ROOT
        ) as load,
    ):
        seen = watch(conn, load)
    if load.returncode:
        raise RuntimeError("the load failed")
    return delays(json.loads(answered.read_bytes()), seen)


def delays(answers: Sequence[Sighting], seen: Sequence[Sighting]) -> list[float]:
    begin = min(moment for moment, _ in answers) + WARM_SECONDS
    positions = [position for _, position in seen]
    return [
        max(0.0, seen[bisect_left(positions, position)][0] - moment)
        for moment, position in answers
        if moment >= begin
    ]


def measured(postgres: str, servers: str | None) -> list[float]:
    """With a broker through Kafka, without one through the store's own feed."""
    conninfo = fresh_store(postgres, "ordinal_bench")
    writer = new_writer(conninfo)
    stock_up(writer, SKUS, 10_000_000)
    writer.close()
    key, port = make_key(conninfo), free_port()
    given = {"ORDINAL_DATABASE_URL": conninfo, "ORDINAL_HTTP_PORT": str(port)}
    verbs = ["serve", "project"]
    if servers is not None:
        given |= environment(fresh_topics(conninfo, servers, "visible"))
        verbs.append("relay")
    with folder() as place, ExitStack() as stack:
        for verb in verbs:
            log = place / f"{verb}.log"
            stack.enter_context(process("-m", "main", verb, environment=given, log=log))
        conn = stack.enter_context(psycopg.connect(conninfo, autocommit=True))
        await_http(port)
        await_projectors(conn)
        return under_load(conn, port, key, place)


def main() -> None:
    with server() as postgres:
        store = measured(postgres, None)
        with kafka() as servers:
            through = measured(postgres, servers)
    shares = (("p50", 0.5), ("p99", 0.99))
    figures = {
        f"{name}_{word}_ms": percentile(seen, share) * 1000
        for name, seen in (("kafka", through), ("store", store))
        for word, share in shares
    }
    report(
        [
            ("orders/s", f"{RATE}"),
            ("through Kafka, p50 / p99 ms",
             f"{figures['kafka_p50_ms']:.1f} / {figures['kafka_p99_ms']:.1f}"),
            ("from the store, p50 / p99 ms",
             f"{figures['store_p50_ms']:.1f} / {figures['store_p99_ms']:.1f}"),
        ],
        figures,
    )  # fmt: skip


if __name__ == "__main__":
    main()
