"""The other side of `intake`: kafka-python alone, reading the same topic and doing nothing.

It reads the topic again and again; the first pass warms up. Settings come on standard input, the
figures go to standard output. What was fetched before a pass's first answer is no gift: records are
unpacked by the poll that returns them, and one pass over 200,000 messages shows the same rate as
several over 30,000. Other sizes of polls and fetches change it by no more than the noise.
"""

import json
import statistics
import sys
import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition

PASSES = 5


def consume(reader: Any, messages: int) -> float:
    """Messages a second of one pass, counted from its first answer."""
    reader.seek_to_beginning()
    first = seen = 0
    began = time.perf_counter()
    while seen < messages:
        seen += sum(len(records) for records in reader.poll(timeout_ms=200).values())
        if seen and not first:
            began, first = time.perf_counter(), seen
    return (seen - first) / (time.perf_counter() - began)


def main() -> None:
    asked = json.load(sys.stdin)
    reader = KafkaConsumer(
        bootstrap_servers=asked["servers"],
        isolation_level="read_committed",
        enable_auto_commit=False,
        fetch_max_wait_ms=10,
        max_poll_records=1_000,
        metrics_enabled=False,
    )
    reader.assign([TopicPartition(asked["topic"], n) for n in range(asked["partitions"])])
    rates = [consume(reader, asked["messages"]) for _ in range(PASSES)]
    reader.close()
    json.dump({"rate": statistics.median(rates[1:])}, sys.stdout)


if __name__ == "__main__":
    main()
