#!/usr/bin/env bash
# Guess:    an event that was sent without the optional attribute `time` is read without one.
# Seen:     cloudevents gives it the moment of reading, with nothing to tell it from a sent one: the
#           same message, read twice, is two events of different times, and sent on it bears the
#           invented one for good. The Node package does the same.
# Versions: cloudevents 2.2.0 (Python), cloudevents 10.0.0 (npm)
# Source:   CloudEvents 1.0: time is optional; run for what the readers do.
# Meets us: orders of a channel that sends no time are dated by our restarts and replays, and look
#           new after each. Remedy: look for the header ce_time oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cloudevents==2.2.0
cd "$work"
npm install --silent --no-fund --no-audit cloudevents@10.0.0 >/dev/null

"$work/venv/bin/python" - <<'PY'
import time

from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat

message = kafka.KafkaMessage(
    headers={"ce_id": b"1", "ce_source": b"/shop", "ce_type": b"order.placed",
             "ce_specversion": b"1.0", "content-type": b"application/json"},
    key=b"W-1001", value=b'{"reference": "W-1001"}',
)
form = JSONFormat()
first = kafka.from_binary(message, form)
time.sleep(1.1)
second = kafka.from_binary(message, form)
print("Python, read:", first.get_time(), "and", second.get_time())
print("Python, sent on:", kafka.to_binary(second, form).headers["ce_time"].decode())
assert (second.get_time() - first.get_time()).total_seconds() > 1
assert b"ce_time" not in b"".join(name.encode() for name in message.headers)
assert "ce_time" in kafka.to_binary(second, form).headers
PY
node - <<'JS'
const { HTTP } = require('cloudevents');
const headers = { 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order.placed',
  'ce-specversion': '1.0', 'content-type': 'application/json' };
const read = () => HTTP.toEvent({ headers, body: '{"reference":"W-1001"}' }).time;
const first = read();
setTimeout(() => {
  const second = read();
  console.log('Node, read:', first, 'and', second);
  process.exit(first && second && first !== second ? 0 : 1);
}, 1100);
JS
