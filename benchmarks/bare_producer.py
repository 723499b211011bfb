"""The other side of `relay`: kafka-python alone, sending the same messages in transactions.

Keys, bytes, headers and partitions are made before the clock runs. The first transaction is not
counted, as with the relay. Settings come on standard input, the figures go to standard output.
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing

from kafka import KafkaProducer

from benchmarks.topics import fresh_topics
from infra.kafka.clients import connection
from infra.kafka.transactional_producer import Message
from infra.relay.outbox_reader import Source, connect
from infra.runtime.settings import Settings


def messages(conninfo: str, settings: Settings) -> list[Message]:
    """The whole log as the relay would send it."""
    found: list[Message] = []
    position = 0
    with closing(connect(conninfo)) as conn:
        source = Source(conn, settings)
        while part := source.events(position, 2_000):
            found += [message for _, message in part]
            position = part[-1][0]
    return found


def produce(settings: Settings, chunks: Sequence[Sequence[Message]]) -> float:
    """Seconds from the end of the first transaction to the end of the last."""
    producer = KafkaProducer(
        **connection(settings),
        transactional_id=f"{settings.topic_prefix}.bare",
        acks="all",
        retry_backoff_ms=5,
        linger_ms=0,
        batch_size=262_144,
        metrics_enabled=False,
    )
    producer.init_transactions()
    began = time.perf_counter()
    for number, chunk in enumerate(chunks):
        producer.begin_transaction()
        for place, key, value, headers in chunk:
            producer.send(place.topic, value, key, headers, place.partition)
        producer.commit_transaction()
        if number == 0:
            began = time.perf_counter()
    seconds = time.perf_counter() - began
    producer.close()
    return seconds


def main() -> None:
    asked = json.load(sys.stdin)
    settings = fresh_topics(asked["conninfo"], asked["servers"], asked["prefix"])
    ready, size = messages(asked["conninfo"], settings), asked["transaction"]
    chunks = [ready[start : start + size] for start in range(0, len(ready), size)]
    # Every message at hand would be looked through again and again.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    seconds = produce(settings, chunks)
    json.dump({"rate": (len(ready) - len(chunks[0])) / seconds}, sys.stdout)


if __name__ == "__main__":
    main()
