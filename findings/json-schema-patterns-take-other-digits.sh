#!/usr/bin/env bash
# Guess:    a pattern means the same to every validator of JSON Schema.
# Seen:     for jsonschema (Python) `\d` takes Arabic-Indic digits; for jsonschema-rs and Ajv it
#           takes ASCII ones alone. A date-time without an offset is one to Python's checker with
#           formats switched on, and none to the Rust one.
# Versions: jsonschema 4.26.0, jsonschema-rs 0.61.2, ajv 8.20.0 (npm)
# Source:   JSON Schema, core §6.4, recommends ECMA-262, whose \d is ASCII; RFC 3339 wants an
#           offset.
# Meets us: an order that one side of a channel sends as sound, the other refuses; and a telephone's
#           Arabic keyboard makes such digits. Remedy: say [0-9], and show examples to all three.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jsonschema==4.26.0 jsonschema-rs==0.61.2
cd "$work"
npm install --silent --no-fund --no-audit ajv@8.20.0 >/dev/null

"$work/venv/bin/python" - >seen <<'PY'
import jsonschema
import jsonschema_rs


def both(schema, value):
    python = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    rust = jsonschema_rs.validator_for(schema, validate_formats=True)
    return python.is_valid(value), rust.is_valid(value)


print("digits", *both({"type": "string", "pattern": r"^\d+$"}, "١٢٣"))
print("[0-9]", *both({"type": "string", "pattern": "^[0-9]+$"}, "١٢٣"))
print("no offset", *both({"type": "string", "format": "date-time"}, "2026-11-29T12:00:00"))
PY
node >>seen <<'JS'
const Ajv = require('ajv/dist/2020');
console.log('ajv digits', new Ajv().compile({ type: 'string', pattern: '^\\d+$' })('١٢٣'));
JS
cat seen
diff seen - <<'TEXT'
digits True False
[0-9] False False
no offset True False
ajv digits false
TEXT
