#!/usr/bin/env bash
# Guess:    `multipleOf: 0.01` takes every price in whole cents and refuses the others.
# Seen:     of the 10,000 prices from 0.00 to 99.99 jsonschema (Python) and Ajv (JavaScript) refuse
#           1,363, among them 0.07, 0.14 and 0.29; jsonschema-rs and fastjsonschema none. The two
#           that refuse agree on each of them, so that one confirms the other.
# Versions: jsonschema 4.26.0, jsonschema-rs 0.61.2, fastjsonschema 2.22.3, ajv 8.20.0 (npm)
# Source:   python-jsonschema/jsonschema issue 810, closed as the way of floats; Ajv documents
#           multipleOfPrecision.
# Meets us: a partner validates with another library than we do, and refuses every seventh price.
#           Our schemas have no multipleOf; money is whole minor units.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3
cd "$work"
npm install --silent --no-fund --no-audit ajv@8.20.0 >/dev/null

"$work/venv/bin/python" - <<'PY'
import json
import subprocess

import fastjsonschema
import jsonschema
import jsonschema_rs

SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "number",
          "multipleOf": 0.01}
prices = [f"{cents // 100}.{cents % 100:02}" for cents in range(10_000)]
fast = fastjsonschema.compile(SCHEMA | {"$schema": "http://json-schema.org/draft-07/schema#"})


def by_fast(price):
    try:
        fast(price)
        return True
    except fastjsonschema.JsonSchemaException:
        return False


AJV = """
const Ajv = require('ajv/dist/2020');
const check = new Ajv().compile({ type: 'number', multipleOf: 0.01 });
const prices = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(prices.filter((price) => !check(JSON.parse(price)))));
"""
refused = {
    name: [price for price in prices if not valid(json.loads(price))]
    for name, valid in {
        "jsonschema": jsonschema.Draft202012Validator(SCHEMA).is_valid,
        "jsonschema-rs": jsonschema_rs.validator_for(SCHEMA).is_valid,
        "fastjsonschema": by_fast,
    }.items()
}
node = subprocess.run(
    ["node", "-e", AJV], input=json.dumps(prices), capture_output=True, text=True, check=True
)
refused["ajv"] = json.loads(node.stdout)
for name, some in refused.items():
    print(f"{name}: {len(some)} refused", *some[:4])
assert {name: len(some) for name, some in refused.items()} == {
    "jsonschema": 1363, "jsonschema-rs": 0, "fastjsonschema": 0, "ajv": 1363
}
assert refused["jsonschema"] == refused["ajv"]
PY
