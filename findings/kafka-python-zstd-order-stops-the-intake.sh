#!/usr/bin/env bash
# Guess:    a Kafka client reads every codec that a broker can hand out, or at worst says at its
#           start which one it lacks.
# Seen:     without extras kafka-python reads gzip alone. It starts, joins and reads well until the
#           first record in zstd, snappy or lz4; that one raises at each poll, and the position
#           stays in front of it, though the producer was told that all was stored.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1 as the producer, Kafka 4.3.0
# Source:   kafka-python's documentation lists the codecs as optional installs.
# Meets us: whoever makes a channel's topic chooses its codec, and a topic left at
#           compression.type=producer lets each shop choose. One order closes the channel.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
for codec in gzip zstd snappy lz4; do topic "orders.$codec"; done

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import logging
import os

from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition

logging.disable(logging.CRITICAL)
server = os.environ["KAFKA"]
seen = {}
for codec in ("gzip", "zstd", "snappy", "lz4"):
    topic = f"orders.{codec}"
    producer = Producer({"bootstrap.servers": server, "compression.type": codec})
    # Long enough that the codec makes it smaller: librdkafka sends it plain otherwise.
    producer.produce(topic, b'{"reference": "W-1001", "note": "' + b"no doorbell, " * 40 + b'"}')
    assert producer.flush(10) == 0
    consumer = KafkaConsumer(
        bootstrap_servers=server, auto_offset_reset="earliest", enable_auto_commit=False
    )
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    try:
        seen[codec] = f"{sum(map(len, consumer.poll(5000).values()))} order read"
    except Exception as error:
        seen[codec] = f"{type(error).__name__}, position {consumer.position(partition)}"
    print(f"{codec:7}", seen[codec])

assert seen == {
    "gzip": "1 order read",
    "zstd": "UnsupportedCodecError, position 0",
    "snappy": "UnsupportedCodecError, position 0",
    "lz4": "UnsupportedCodecError, position 0",
}, seen
PY
