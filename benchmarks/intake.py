"""Orders from a topic, against kafka-python reading the same messages and doing nothing.

Claims: `ratio`, three-line orders a second that `ordinal consume orders` takes from a topic of
four partitions, from the first committed offset to the last (decided, with stock, answers and
offsets in the same durable transactions) ÷ messages a second by a bare consumer.
"""

import json
import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
from kafka import KafkaProducer

from benchmarks.machines import (
    ROOT,
    folder,
    fresh_store,
    median,
    new_writer,
    process,
    report,
    server,
    stock_up,
)
from benchmarks.topics import environment, fresh_topics, kafka
from consumers.channels import orders
from infra.kafka.clients import connection
from infra.kafka.topics import topic_name
from infra.runtime.settings import Settings

SKUS = 1_000
ROUNDS = 3
ORDERS = 30_000
LIMIT = 60.0
# Seconds between two looks at the offsets.
GLANCE = 0.005


def order(dice: random.Random, reference: str) -> bytes:
    lines = [
        {"sku": f"SKU-{sku}", "title": f"Title of SKU-{sku}", "quantity": 1, "unit_price": 1999,
         "tax": 333}
        for sku in dice.sample(range(SKUS), 3)
    ]  # fmt: skip
    body = {
        "reference": reference,
        "customer_id": f"customer-{reference}",
        "country": "GB",
        "currency": "GBP",
        "lines": lines,
        "shipping": {"name": "Ann Other", "city": "Leeds", "postal_code": "LS1 1AA"},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def fill(settings: Settings, prefix: str) -> None:
    """Orders in equal shares over the partitions."""
    dice = random.Random(prefix)
    topic = topic_name(settings, orders.ORDERS.topic)
    with closing(KafkaProducer(**connection(settings), batch_size=262_144, linger_ms=5)) as out:
        for number in range(ORDERS):
            place = number % settings.topic_partitions
            out.send(topic, order(dice, f"{prefix}-{number}"), partition=place)


def taken(settings: Settings, log: Path) -> float:
    """Orders a second from the first committed offset to the last."""
    topic, conninfo = (
        topic_name(settings, orders.ORDERS.topic),
        settings.database_url.get_secret_value(),
    )
    question = "SELECT coalesce(sum(next_offset), 0)::int FROM ordinal.intake_offsets"
    deadline, first, began, done = time.monotonic() + LIMIT, 0, 0.0, 0
    with (
        psycopg.connect(conninfo, autocommit=True) as conn,
        process("-m", "main", "consume", "orders", environment=environment(settings), log=log),
    ):
        while done < ORDERS:
            row = conn.execute(f"{question} WHERE topic = %s", (topic,)).fetchone()
            now, done = time.perf_counter(), row[0] if row else 0
            if done and not first:
                first, began = done, now
            if time.monotonic() > deadline:
                raise TimeoutError(f"{done} of {ORDERS} orders after {LIMIT:.0f} s: see {log}")
            time.sleep(GLANCE)
    return (ORDERS - first) / (now - began)


def read(settings: Settings) -> float:
    asked = {
        "servers": settings.kafka_bootstrap_servers,
        "topic": topic_name(settings, orders.ORDERS.topic),
        "partitions": settings.topic_partitions,
        "messages": ORDERS,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_consumer"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return float(json.loads(done.stdout)["rate"])


def all_accepted(conninfo: str) -> None:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute(
            "SELECT count(*) FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
        ).fetchone()
    if row is None or row[0] != ROUNDS * ORDERS:
        raise RuntimeError(f"{row} orders were placed instead of {ROUNDS * ORDERS}")


def main() -> None:
    ours: list[float] = []
    bare: list[float] = []
    with server() as postgres, folder() as logs, kafka() as servers:
        conninfo = fresh_store(postgres, "ordinal_bench")
        writer = new_writer(conninfo)
        stock_up(writer, SKUS, 10_000_000)
        writer.close()
        for turn in range(ROUNDS):
            settings = fresh_topics(conninfo, servers, f"intake{turn}")
            fill(settings, f"r{turn}")
            ours.append(taken(settings, logs / "intake.log"))
            bare.append(read(settings))
        all_accepted(conninfo)
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    report(
        [
            ("orders/s taken from the topic", f"{median(ours):,.0f}"),
            ("messages/s by a bare consumer", f"{median(bare):,.0f}"),
            ("ratio", f"{ratio:.3f}"),
        ],
        {"ratio": ratio, "orders_per_second": median(ours), "bare_per_second": median(bare)},
    )


if __name__ == "__main__":
    main()
