#!/usr/bin/env bash
# Guess:    a record that a client has read can be sent on with the headers it came with.
# Seen:     a header may have no value; other clients write such, kafka-python reads it as None, and
#           its producer refuses that very list with a TypeError. (An empty value goes through.)
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1 as the first writer, Kafka 4.3.0
# Source:   Kafka's record format: a header's value length of -1 is null.
# Meets us: a dead-letter queue, a mirror or a replay forwards what it read. The record that can't
#           be handled then can't be set aside either, and the channel stands.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
topic orders
topic dead-letters

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import os

from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

server = os.environ["KAFKA"]
shop = Producer({"bootstrap.servers": server})
for headers in ([("coupon", b"")], [("coupon", None)]):
    shop.produce("orders", b"{}", headers=headers)
assert shop.flush(10) == 0

consumer = KafkaConsumer(
    bootstrap_servers=server, auto_offset_reset="earliest", enable_auto_commit=False
)
consumer.assign([TopicPartition("orders", 0)])
records = []
while len(records) < 2:
    records += [record for some in consumer.poll(1000).values() for record in some]
producer = KafkaProducer(bootstrap_servers=server)
ends = []
for record in records:
    try:
        producer.send("dead-letters", record.value, headers=record.headers).get(timeout=10)
        ends.append((record.headers, "sent on"))
    except TypeError as error:
        ends.append((record.headers, f"TypeError: {error}"))
    print(*ends[-1])
assert [end for _, end in ends] == [
    "sent on", "TypeError: All headers items must be (str, bytes) tuples"
]
PY
