#!/usr/bin/env bash
# Guess:    a consumer that has read all and commits "last record's offset + 1" has a lag of 0.
# Seen:     on a topic written in transactions the end offset counts the commit markers, which no
#           consumer is handed: the lag stays 1 for ever by Kafka's own tool as well. Committing the
#           consumer's position, which steps over markers, gives 0. So does an end offset that
#           differs by more than one from a count of records.
# Versions: kafka-python 3.0.12, Kafka 4.3.0 and its kafka-consumer-groups tool
# Source:   run only; that markers take offsets stands in Kafka's design notes.
# Meets us: an alert on lag > 0 never ends, and "all of it was read" computed from records is never
#           true. Lag and completeness come from positions.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12
start_kafka "$work"
topic events

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import os

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

server = os.environ["KAFKA"]
producer = KafkaProducer(bootstrap_servers=server, transactional_id="relay")
producer.init_transactions()
for _ in range(3):
    producer.begin_transaction()
    producer.send("events", b"{}")
    producer.commit_transaction()

partition = TopicPartition("events", 0)
for group in ("by-record", "by-position"):
    consumer = KafkaConsumer(
        bootstrap_servers=server, group_id=group, isolation_level="read_committed",
        auto_offset_reset="earliest", enable_auto_commit=False,
    )
    consumer.assign([partition])
    records = []
    while consumer.position(partition) < consumer.end_offsets([partition])[partition]:
        records += consumer.poll(1000).get(partition, [])
    assert len(records) == 3
    done = {
        "by-record": records[-1].offset + 1,
        "by-position": consumer.position(partition),
    }[group]
    consumer.commit({partition: OffsetAndMetadata(done, "", -1)})
    consumer.close()
    print(f"{group}: 3 records read, committed {done}")
PY

groups=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
for group in by-record by-position; do
  run_java $groups --bootstrap-server "$KAFKA" --describe --group $group 2>/dev/null |
    awk '$2 == "events" { print $1, "end", $5, "lag", $6 }' | tee -a "$work/lags"
done
diff "$work/lags" - <<'TEXT'
by-record end 6 lag 1
by-position end 6 lag 0
TEXT
