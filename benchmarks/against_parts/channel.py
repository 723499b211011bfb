"""A build's topics from outside: what a channel sends, and what it is told."""

import time
from collections.abc import Sequence
from contextlib import closing

from kafka import KafkaConsumer, KafkaProducer

from benchmarks.against_parts.rounds import Failed
from benchmarks.against_parts.store import Store

# Seconds without any new answer after which none is expected.
SILENCE = 60.0


def send(store: Store, values: Sequence[bytes]) -> None:
    """Orders in equal shares over the partitions of the intake topic."""
    topic = store.topic(store.dialect.intake_topic)
    with closing(
        KafkaProducer(bootstrap_servers=store.servers, batch_size=262_144, linger_ms=5)
    ) as out:
        partitions = sorted(out.partitions_for(topic))
        for number, value in enumerate(values):
            out.send(topic, value, partition=partitions[number % len(partitions)])


def await_answers(store: Store, count: int) -> None:
    """Until so many orders were answered in all; raises Failed unless all are accepted."""
    with closing(
        KafkaConsumer(
            store.topic(store.dialect.results_topic),
            bootstrap_servers=store.servers,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
    ) as answers:
        found, heard = 0, time.monotonic()
        while found < count:
            polled = answers.poll(timeout_ms=500, max_records=5_000)
            values = [record.value for records in polled.values() for record in records]
            refused = [value for value in values if not store.dialect.taken(value)]
            if refused:
                raise Failed(f"{store.name} did not take an order: {refused[0]!r}")
            found, heard = found + len(values), time.monotonic() if values else heard
            if time.monotonic() > heard + SILENCE:
                raise Failed(f"{store.name} answered {found} of {count}:\n{store.last_words()}")
