#!/usr/bin/env bash
# Guess:    text that is sent as an event's data is read as the same text.
# Seen:     in binary mode, under application/json, text is sent bare, without quotes, so "W-1001"
#           and "0042" come back as text, "42" as a number, and "null" as no data at all.
# Versions: cloudevents 2.2.0
# Source:   run only; CloudEvents 1.0, HTTP binding §3.1.2: the body is the data in its content
#           type.
# Meets us: an order number as data works in each test with letters in it. Remedy: data is always an
#           object.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cloudevents==2.2.0

"$work/venv/bin/python" - <<'PY'
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

form = JSONFormat()

def back(data):
    attributes = {"id": "1", "source": "/orders", "type": "order.placed",
                  "datacontenttype": "application/json"}
    return kafka.from_binary(kafka.to_binary(CloudEvent(attributes, data), form), form).get_data()

seen = {text: back(text) for text in ("W-1001", "0042", "42", "null")}
for text, data in seen.items():
    print(f"Python: {text!r} comes back as {data!r}")
assert seen == {"W-1001": "W-1001", "0042": "0042", "42": 42, "null": None}
PY
