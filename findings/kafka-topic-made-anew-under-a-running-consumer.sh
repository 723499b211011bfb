#!/usr/bin/env bash
# Guess:    when a topic is deleted and made again under its name, a running consumer either stops
#           or reads the new topic from its start, since it is another topic with another id.
# Seen:     Java's consumer and kafka-python's (if it was busy with a batch meanwhile) keep the
#           position as a bare number: with five read from the old topic they go on at the sixth
#           record of the new one, and its first five are skipped without a word. Neither of them
#           names the topic's id to whoever polls.
# Versions: kafka-python 3.0.12, Kafka 4.3.0 and its Java client
# Source:   KIP-516 gave topics ids; run for what clients make of them.
# Meets us: a topic is made anew to change its partitions or after a rehearsal. The orders placed
#           first are those nobody ever reads. Remedy: keep a topic's id beside the position, as
#           Ordinal's intake does.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12
start_kafka "$work"

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import logging
import os
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

logging.disable(logging.CRITICAL)
server = os.environ["KAFKA"]
admin = KafkaAdminClient(bootstrap_servers=server)


def make_topic():
    admin.create_topics([NewTopic("orders", 1, 1)])
    time.sleep(1)


def place(names):
    producer = KafkaProducer(bootstrap_servers=server)
    for name in names:
        producer.send("orders", name.encode()).get(timeout=10)
    producer.close()


def read(consumer, seconds):
    values = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        values += [m.value.decode() for some in consumer.poll(200).values() for m in some]
    return values


make_topic()
place(f"old-{number}" for number in range(5))
consumer = KafkaConsumer(
    "orders", bootstrap_servers=server, group_id="python", auto_offset_reset="earliest",
    enable_auto_commit=False, metadata_max_age_ms=2000,
)
before = read(consumer, 6)
admin.delete_topics(["orders"])
time.sleep(2)
make_topic()
place(f"new-{number}" for number in range(8))
after = read(consumer, 10)
print("kafka-python:", before, after)
assert before == [f"old-{number}" for number in range(5)]
assert after == ["new-5", "new-6", "new-7"]
PY

cat >"$work/Anew.java" <<'JAVA'
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class Anew {
  static String server;

  static void make(Admin admin, String topic) throws Exception {
    admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
    Thread.sleep(1000);
  }

  static void place(String topic, String prefix, int count) throws Exception {
    var text = new StringSerializer();
    try (var producer =
        new KafkaProducer<>(Map.of("bootstrap.servers", (Object) server), text, text)) {
      for (int i = 0; i < count; i++) {
        producer.send(new ProducerRecord<>(topic, prefix + i)).get();
      }
    }
  }

  static List<String> read(KafkaConsumer<String, String> consumer, int seconds) {
    var values = new ArrayList<String>();
    long until = System.currentTimeMillis() + seconds * 1000;
    while (System.currentTimeMillis() < until) {
      for (var record : consumer.poll(Duration.ofMillis(200))) values.add(record.value());
    }
    return values;
  }

  public static void main(String[] address) throws Exception {
    server = address[0];
    var admin = Admin.create(Map.of("bootstrap.servers", (Object) server));
    var text = new StringDeserializer();
    var topic = "java-orders";
    make(admin, topic);
    place(topic, "old-", 5);
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", server, "group.id", "java", "auto.offset.reset", "earliest",
        "enable.auto.commit", false, "metadata.max.age.ms", 2000);
    try (var consumer = new KafkaConsumer<>(settings, text, text)) {
      consumer.subscribe(List.of(topic));
      var before = read(consumer, 6);
      admin.deleteTopics(List.of(topic)).all().get();
      Thread.sleep(2000);
      make(admin, topic);
      place(topic, "new-", 8);
      System.out.println("java: " + before + " " + read(consumer, 10));
    }
    admin.close();
  }
}
JAVA
run_java "$work/Anew.java" "$KAFKA" | tee "$work/java"
diff "$work/java" - <<'TEXT'
java: [old-0, old-1, old-2, old-3, old-4] [new-5, new-6, new-7]
TEXT
