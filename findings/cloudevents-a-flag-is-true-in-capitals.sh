#!/usr/bin/env bash
# Guess:    an extension attribute of type Boolean travels as `true` or `false`, as CloudEvents 1.0
#           defines their text form.
# Seen:     in binary mode cloudevents writes Python's "True" and "False" into the header, over
#           Kafka and HTTP; structured mode writes true. Its own reader hands back the text "False",
#           which counts as true wherever a Boolean is expected.
# Versions: cloudevents 2.2.0
# Source:   CloudEvents 1.0, type system: a Boolean's canonical text is `true` or `false`.
# Meets us: a follower that passes over test orders by the attribute passes over none, or all.
#           Remedy: flags in the data, or as text written by the sender.
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

form = JSONFormat()
event = CloudEvent({"id": "1", "source": "/orders", "type": "order.placed", "testing": False}, {})
sent = kafka.to_binary(event, form)
over_http = {name.lower(): value for name, value in http.to_binary(event, form).headers.items()}
structured = json.loads(kafka.to_structured(event, form).value)
back = kafka.from_binary(sent, form).get_extension("testing")
print("Kafka:", sent.headers["ce_testing"], "| HTTP:", over_http["ce-testing"])
print("structured:", structured["testing"], "| read back:", repr(back), "| as a truth:", bool(back))
assert sent.headers["ce_testing"] == b"False"
assert over_http["ce-testing"] == "False"
assert structured["testing"] is False
assert back == "False"
PY
