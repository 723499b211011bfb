#!/usr/bin/env bash
# Guess:    a record's timestamp is the sender's own affair: one may date it by the business, for
#           example by the day for which delivery was promised.
# Seen:     more than an hour ahead of the broker's clock is refused, on a topic and a broker that
#           nobody configured; in the past anything goes.
# Versions: confluent-kafka 2.16.1, Kafka 4.3.0 (message.timestamp.after.max.ms; before 4.0 the same
#           record was taken)
# Source:   Kafka's notes on upgrading to 4.0; KIP-1030.
# Meets us: preorders and promised dates lie in the future. Business dates stand in the payload, and
#           a record's time is the moment it was recorded.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh"
work=$(mktemp -d)
trap 'stop_kafka; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet confluent-kafka==2.16.1
start_kafka "$work"
topic promises

KAFKA=$KAFKA "$work/venv/bin/python" - <<'PY'
import os
import time

from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": os.environ["KAFKA"]})
seen = {}
for hours in (-24 * 365, 0.5, 2, 24 * 3):
    when = int((time.time() + hours * 3600) * 1000)
    producer.produce(
        "promises", b"{}", timestamp=when,
        on_delivery=lambda error, _: seen.update({hours: error.name() if error else "stored"}),
    )
    producer.flush(10)
    print(f"{hours:+8} hours: {seen[hours]}")
assert seen == {
    -24 * 365: "stored", 0.5: "stored", 2: "INVALID_TIMESTAMP", 72: "INVALID_TIMESTAMP"
}, seen
PY
