#!/usr/bin/env bash
# Guess:    equal keys share a partition, whatever client wrote them.
# Seen:     Java and kafka-python agree (murmur2); librdkafka as it comes puts most of the same keys
#           elsewhere (crc32), and spreads records with an EMPTY key over all partitions, where the
#           other two take an empty key as a key like any other. With partitioner=murmur2_random it
#           agrees on keys that are not empty.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1, Kafka 4.3.0 and its Java client
# Source:   librdkafka's table of settings lists its partitioners.
# Meets us: an order placed by a Java shop and cancelled by a job in Python or C: two partitions, no
#           order between them. Remedy: never rely on where a channel's record lies.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
topic orders --partitions 8

cat >"$work/Keys.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Keys {
  public static void main(String[] address) throws Exception {
    var text = new StringSerializer();
    try (var producer =
        new KafkaProducer<>(Map.of("bootstrap.servers", (Object) address[0]), text, text)) {
      for (int i = 0; i <= 100; i++) {
        var key = i == 100 ? "" : "W-" + i;
        var sent = producer.send(new ProducerRecord<>("orders", key, "v")).get();
        System.out.println(sent.partition());
      }
    }
  }
}
JAVA
run_java "$work/Keys.java" "$KAFKA" >"$work/java"

KAFKA=$KAFKA JAVA=$work/java "$work/venv/bin/python" - <<'PY'
import os
import time
from pathlib import Path

from confluent_kafka import Producer
from kafka import KafkaProducer

server = os.environ["KAFKA"]
keys = [f"W-{number}".encode() for number in range(100)] + [b""]


def librdkafka(key, **settings):
    producer = made.setdefault(
        str(settings), Producer({"bootstrap.servers": server, **settings})
    )
    partitions = []
    producer.produce(
        "orders", b"v", key=key, on_delivery=lambda _, m: partitions.append(m.partition())
    )
    producer.flush(10)
    return partitions[0]


made = {}
producer = KafkaProducer(bootstrap_servers=server)
python = [producer.send("orders", b"v", key=key).get(10).partition for key in keys]
java = list(map(int, Path(os.environ["JAVA"]).read_text().split()))
crc = [librdkafka(key) for key in keys[:-1]]
murmur = [librdkafka(key, partitioner="murmur2_random") for key in keys[:-1]]
same = sum(map(int.__eq__, java, crc))
empty = set()
for _ in range(60):
    time.sleep(0.02)
    empty.add(librdkafka(b""))
print(f"of 101 keys, kafka-python and Java agree on {sum(map(int.__eq__, java, python))}")
print(f"of 100 keys, librdkafka agrees with Java on {same}; with murmur2_random on"
      f" {sum(map(int.__eq__, java, murmur))}")
print(f"the empty key: Java one partition, librdkafka {len(empty)} of 8")
assert java == python
assert java[:-1] == murmur
assert same < 50
assert len(empty) > 1
PY
