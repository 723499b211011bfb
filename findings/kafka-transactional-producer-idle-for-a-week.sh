#!/usr/bin/env bash
# Guess:    a transactional producer that had nothing to send for a while sends its next transaction
#           as it sent the last.
# Seen:     the broker forgets an idle transactional id (transactional.id.expiration.ms, seven days
#           as it comes; two seconds here). Then librdkafka loses one transaction, to be repeated by
#           the caller, and works again; in kafka-python that transaction can be neither committed
#           nor aborted, and the producer never works again. A merely idempotent producer, whose id
#           was forgotten as well, notices nothing.
# Versions: kafka-python 3.0.12, confluent-kafka 2.16.1, Kafka 4.3.0
# Source:   Kafka's broker settings describe the expiry; not what clients make of it.
# Meets us: a shop closed from Christmas to New Year: its first order of the year is the one whose
#           event doesn't go out, while connections, heartbeats and lag look well.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kafka-python==3.0.12 confluent-kafka==2.16.1
start_kafka "$work" \
  transactional.id.expiration.ms=2000 \
  transaction.remove.expired.transaction.cleanup.interval.ms=500 \
  producer.id.expiration.ms=2000 producer.id.expiration.check.interval.ms=500
topic events

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import logging
import os
import time

from confluent_kafka import Producer
from kafka import KafkaProducer

logging.disable(logging.CRITICAL)
server = os.environ["KAFKA"]


def end_of(producer, send):
    try:
        producer.begin_transaction()
        send()
        producer.commit_transaction()
        return "committed"
    except Exception:
        try:
            producer.abort_transaction()
            return "aborted"
        except Exception:
            return "neither commits nor aborts"


python = KafkaProducer(bootstrap_servers=server, transactional_id="python")
librdkafka = Producer(
    {"bootstrap.servers": server, "transactional.id": "librdkafka", "log_level": 0}
)
plain = KafkaProducer(bootstrap_servers=server)
python.init_transactions()
librdkafka.init_transactions()
ends = {"kafka-python": [], "librdkafka": [], "kafka-python, idempotent only": []}
for pause in (0, 10, 0):
    time.sleep(pause)
    ends["kafka-python"].append(
        end_of(python, lambda: python.send("events", b"x").get(timeout=10))
    )
    ends["librdkafka"].append(end_of(librdkafka, lambda: librdkafka.produce("events", b"x")))
    plain.send("events", b"x").get(timeout=10)
    ends["kafka-python, idempotent only"].append("stored")
for client, what in ends.items():
    print(f"{client}: {what}")
assert ends == {
    "kafka-python": ["committed"] + ["neither commits nor aborts"] * 2,
    "librdkafka": ["committed", "aborted", "committed"],
    "kafka-python, idempotent only": ["stored"] * 3,
}
PY
