#!/usr/bin/env bash
# Guess:    a transaction that was aborted cleanly is over; the producer begins the next one and
#           commits it.
# Seen:     when a record of the aborted transaction was refused, the NEXT transaction fails too
#           (out-of-order sequence) in librdkafka; the one after it works. In kafka-python the next
#           one fails, can't be aborted either, and the producer never works again. Java is well.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1, Kafka 4.3.0 and its Java client
# Source:   run only.
# Meets us: a relay that parks the poisonous event, aborts and goes on would park its innocent
#           neighbours as well. Remedy: a new producer after every abort, as Ordinal's relay makes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work"
topic events --config max.message.bytes=2000

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import logging
import os

from confluent_kafka import Producer
from kafka import KafkaProducer

logging.disable(logging.CRITICAL)
server = os.environ["KAFKA"]


def story(producer, send):
    """What becomes of four transactions, the second of which holds a record that is refused."""
    producer.init_transactions()
    ends = []
    for size in (5, 5000, 5, 5):
        try:
            producer.begin_transaction()
            send(producer, b"x" * size)
            producer.commit_transaction()
            ends.append("committed")
        except Exception:
            try:
                producer.abort_transaction()
                ends.append("aborted")
            except Exception:
                ends.append("neither commits nor aborts")
    return ends


def send_python(producer, value):
    producer.send("events", value, key=b"W-1").get(timeout=10)


def send_librdkafka(producer, value):
    producer.produce("events", value, key=b"W-1")
    producer.flush(10)


python = story(
    KafkaProducer(bootstrap_servers=server, transactional_id="python"), send_python
)
librdkafka = story(
    Producer({"bootstrap.servers": server, "transactional.id": "librdkafka", "log_level": 0}),
    send_librdkafka,
)
print("kafka-python:", python)
print("librdkafka:  ", librdkafka)
assert python == ["committed", "aborted"] + ["neither commits nor aborts"] * 2
assert librdkafka == ["committed", "aborted", "aborted", "committed"]
PY

cat >"$work/Story.java" <<'JAVA'
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Story {
  public static void main(String[] address) {
    var bytes = new ByteArraySerializer();
    Map<String, Object> settings =
        Map.of("bootstrap.servers", address[0], "transactional.id", "java");
    var ends = new ArrayList<String>();
    try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
      producer.initTransactions();
      for (int size : new int[] {5, 5000, 5, 5}) {
        try {
          producer.beginTransaction();
          producer.send(new ProducerRecord<>("events", "W-1".getBytes(), new byte[size])).get();
          producer.commitTransaction();
          ends.add("committed");
        } catch (Exception error) {
          producer.abortTransaction();
          ends.add("aborted");
        }
      }
    }
    System.out.println("java: " + ends);
  }
}
JAVA
run_java "$work/Story.java" "$KAFKA" | tee "$work/java"
grep -qx 'java: \[committed, aborted, committed, committed\]' "$work/java"
