#!/usr/bin/env bash
# Guess:    sending None as the value is a tombstone, whatever serializer the producer has.
# Seen:     kafka-python hands None to the value serializer: with the usual JSON one the record
#           holds the four bytes `null`, and compaction keeps what should have been erased. Without
#           a serializer it is a true tombstone; Java's own serializers pass null through.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1 as the reader, Kafka 4.3.0
# Source:   run only.
# Meets us: a person's data is erased from a compacted topic by a tombstone. The erasing call
#           succeeds, and the last state stays for good. Remedy: no serializer, bytes only, and a
#           look with another client.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
topic contacts --config cleanup.policy=compact

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import json
import os

from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaProducer

server = os.environ["KAFKA"]
as_json = KafkaProducer(
    bootstrap_servers=server, value_serializer=lambda value: json.dumps(value).encode()
)
as_json.send("contacts", None, key=b"customer-1").get(timeout=10)
plain = KafkaProducer(bootstrap_servers=server)
plain.send("contacts", None, key=b"customer-2").get(timeout=10)

reader = Consumer({"bootstrap.servers": server, "group.id": "foreign"})
reader.assign([TopicPartition("contacts", 0, 0)])
found = {m.key().decode(): m.value() for m in reader.consume(2, 10)}
reader.close()
print(found)
assert found == {"customer-1": b"null", "customer-2": None}
PY
