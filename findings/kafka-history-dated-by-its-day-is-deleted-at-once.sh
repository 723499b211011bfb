#!/usr/bin/env bash
# Guess:    retention counts from when a record was written: what is sent now stays for seven days.
# Seen:     it counts from the record's own timestamp. History that is sent with the day it happened
#           is acknowledged, readable for a moment, and gone at the next round of cleaning (every
#           five minutes as it comes; every half second here); one record of today among them rolls
#           along unharmed.
# Versions: kafka-python 3.0.12, Kafka 4.3.0 (retention.ms of seven days, as it comes)
# Source:   run only; Kafka goes by the largest timestamp of a segment.
# Meets us: an import of last year's orders whose records bear the order's date: every send says
#           "stored", and a follower who comes ten minutes later finds an empty topic.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12
start_kafka "$work" log.initial.task.delay.ms=0 log.retention.check.interval.ms=500
topic history
topic today

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import os
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

server = os.environ["KAFKA"]
producer = KafkaProducer(bootstrap_servers=server)
consumer = KafkaConsumer(bootstrap_servers=server)
last_year = int((time.time() - 365 * 86_400) * 1000)


def send(topic, count, **dated):
    last = [producer.send(topic, b"{}", **dated).get(timeout=10).offset for _ in range(count)][-1]
    return f"{topic}: {count} stored, the last at offset {last}"


def bounds(topic):
    partition = TopicPartition(topic, 0)
    return (
        consumer.beginning_offsets([partition])[partition],
        consumer.end_offsets([partition])[partition],
    )


print(send("history", 100, timestamp_ms=last_year))
print(send("today", 100))
until = time.monotonic() + 40
while bounds("history") != (100, 100) and time.monotonic() < until:
    time.sleep(0.5)
for topic in ("history", "today"):
    print(f"{topic}, seconds later: offsets from, to {bounds(topic)}")
assert bounds("history") == (100, 100)
assert bounds("today") == (0, 100)
PY
