#!/usr/bin/env bash
# Guess:    a record that the broker refuses fails alone; the next one, or one to another topic,
#           goes through the same producer as before.
# Seen:     after one refusal kafka-python's producer, as it comes (idempotent), fails every later
#           record to every topic with the first one's error. Java's and librdkafka's idempotent
#           producers write on.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1, Kafka 4.3.0 and its Java client
# Source:   run only; KIP-360 (in Java and librdkafka) lets such a producer recover.
# Meets us: one order with an overlong gift message, and nobody's orders are sent any more, under an
#           error that names an order of an hour ago. Remedy: throw a producer away after any error.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
topic small --config max.message.bytes=2000
topic snapshots --config cleanup.policy=compact
topic other

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import logging
import os

from confluent_kafka import Producer
from kafka import KafkaProducer

logging.disable(logging.CRITICAL)
server = os.environ["KAFKA"]


def python(producer, topic, value, key=b"W-1"):
    try:
        producer.send(topic, value, key=key).get(timeout=10)
        return "stored"
    except Exception as error:
        return type(error).__name__


def librdkafka(producer, topic, value, key=b"W-1"):
    told = []
    producer.produce(topic, value, key=key, on_delivery=lambda error, _: told.append(error))
    assert producer.flush(10) == 0
    return told[0].name() if told[0] else "stored"


def story(send, producer):
    return [
        send(producer, "small", b"order"),
        send(producer, "small", b"x" * 5000),
        send(producer, "small", b"order"),
        send(producer, "other", b"order"),
    ]


too_large = story(python, KafkaProducer(bootstrap_servers=server))
print("kafka-python, too large:", too_large)
producer = KafkaProducer(bootstrap_servers=server)
no_key = [
    python(producer, "snapshots", b"order", key=None),
    python(producer, "snapshots", b"order"),
    python(producer, "other", b"order"),
]
print("kafka-python, no key on a compacted topic:", no_key)
others = story(
    librdkafka, Producer({"bootstrap.servers": server, "enable.idempotence": True})
)
print("librdkafka, too large:", others)
assert too_large == ["stored"] + ["MessageSizeTooLargeError"] * 3
assert no_key == ["InvalidRecordError"] * 3
assert others == ["stored", "MSG_SIZE_TOO_LARGE", "stored", "stored"]
PY

cat >"$work/Story.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Story {
  public static void main(String[] address) {
    var bytes = new ByteArraySerializer();
    try (var producer =
        new KafkaProducer<>(Map.of("bootstrap.servers", (Object) address[0]), bytes, bytes)) {
      for (int size : new int[] {5, 5000, 5}) {
        try {
          producer.send(new ProducerRecord<>("small", "W-1".getBytes(), new byte[size])).get();
          System.out.println("java: stored");
        } catch (Exception error) {
          System.out.println("java: " + error.getCause().getClass().getSimpleName());
        }
      }
    }
  }
}
JAVA
run_java "$work/Story.java" "$KAFKA" | tee "$work/java"
diff "$work/java" - <<'TEXT'
java: stored
java: RecordTooLargeException
java: stored
TEXT
