#!/usr/bin/env bash
# Guess:    data of an event whose content type is application/json goes out as JSON.
# Seen:     in binary mode cloudevents writes JSON for a dictionary alone. A list, of order lines
#           say, goes out as Python prints it, with single quotes, None and True, under the header
#           application/json; its own reader hands that back as one text. Structured mode writes the
#           same list as JSON.
# Versions: cloudevents 2.2.0
# Source:   run only; CloudEvents 1.0 takes any JSON value for data.
# Meets us: each follower in another language fails at the first event, while a test in Python that
#           compares texts passes. Remedy: data is always an object.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cloudevents==2.2.0

"$work/venv/bin/python" - <<'PY'
import json

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

ATTRIBUTES = {"id": "1", "source": "/orders", "type": "order.placed",
              "datacontenttype": "application/json"}
lines = [{"sku": "A0001", "gift": True, "note": None}]
as_list = CloudEvent(attributes=ATTRIBUTES, data=lines)
as_object = CloudEvent(attributes=ATTRIBUTES, data={"lines": lines})
form = JSONFormat()
sent = kafka.to_binary(as_list, form)
print("list, Kafka: ", sent.value.decode())
print("list, HTTP:  ", http.to_binary(as_list, form).body.decode())
print("list, structured:", kafka.to_structured(as_list, form).value.decode()[-56:])
print("object, Kafka:", kafka.to_binary(as_object, form).value.decode())
assert sent.headers["content-type"] == b"application/json"
assert sent.value == http.to_binary(as_list, form).body == str(lines).encode()
assert kafka.from_binary(sent, form).get_data() == str(lines)
assert json.loads(kafka.to_structured(as_list, form).value)["data"] == lines
assert json.loads(kafka.to_binary(as_object, form).value) == {"lines": lines}
PY
