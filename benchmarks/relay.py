"""The event log into Kafka, against kafka-python's transactional producer alone.

Claims: `ratio`, events a second that `ordinal relay` publishes of a log that lies ready, as a
consumer sees their transactions committed ÷ the same keys, bytes, headers and partitions by a
bare producer, which has them in memory, in transactions of the size that suits it best.
"""

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
from kafka import TopicPartition

from benchmarks.history import History, play_day
from benchmarks.machines import ROOT, folder, fresh_store, median, process, report, server
from benchmarks.topics import environment, fresh_topics, kafka
from infra.kafka.clients import consumer
from infra.kafka.index_topic import decode_index
from infra.kafka.topics import index_topic
from infra.store.event_log import head

ROUNDS = 3
ORDERS = 1_500
EVENTS = 90_000
TRANSACTIONS = (1_000, 4_000)
LIMIT = 60.0


def relayed(conninfo: str, servers: str, prefix: str, log: Path) -> float:
    """Events a second from the end of the first transaction to the end of the last."""
    settings = fresh_topics(conninfo, servers, prefix)
    with psycopg.connect(conninfo) as conn:
        last = head(conn)
    index = TopicPartition(index_topic(settings).name, 0)
    with (
        closing(consumer(settings, fetch_max_wait_ms=500)) as reader,
        process("-m", "main", "relay", environment=environment(settings), log=log),
    ):
        reader.assign([index])
        reader.seek(index, 0)
        seen: list[tuple[float, int]] = []
        deadline = time.monotonic() + LIMIT
        while not seen or seen[-1][1] < last:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the relay is not done after {LIMIT:.0f} s: see {log}")
            for records in reader.poll(timeout_ms=500).values():
                seen.append((time.perf_counter(), decode_index(records[-1].value).to))
    (began, first), (ended, _) = seen[0], seen[-1]
    return (last - first) / (ended - began)


def produced(conninfo: str, servers: str, prefix: str, transaction: int) -> float:
    asked = {
        "conninfo": conninfo,
        "servers": servers,
        "prefix": prefix,
        "transaction": transaction,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_producer"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return float(json.loads(done.stdout)["rate"])


def measured(conninfo: str, servers: str, logs: Path) -> tuple[list[float], dict[int, list[float]]]:
    """Both sides in turn."""
    ours: list[float] = []
    bare: dict[int, list[float]] = {size: [] for size in TRANSACTIONS}
    for turn in range(ROUNDS):
        ours.append(relayed(conninfo, servers, f"relay{turn}", logs / "relay.log"))
        for size, rates in bare.items():
            rates.append(produced(conninfo, servers, f"bare{turn}-{size}", size))
    return ours, bare


def main() -> None:
    with server() as postgres, folder() as logs, kafka() as servers:
        conninfo = fresh_store(postgres, "ordinal_bench")
        play_day(conninfo, ORDERS)
        History(conninfo).lengthen(EVENTS)
        ours, bare = measured(conninfo, servers, logs)
    best = max(bare.values(), key=median)
    ratio = median([mine / other for mine, other in zip(ours, best, strict=True)])
    report(
        [
            ("events/s by the relay", f"{median(ours):,.0f}"),
            *(
                (f"events/s by a bare producer, {size:,} a transaction", f"{median(rates):,.0f}")
                for size, rates in bare.items()
            ),
            ("ratio to the better one", f"{ratio:.2f}"),
        ],
        {"ratio": ratio, "events_per_second": median(ours), "bare_per_second": median(best)},
    )


if __name__ == "__main__":
    main()
