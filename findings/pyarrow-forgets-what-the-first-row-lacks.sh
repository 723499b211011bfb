#!/usr/bin/env bash
# Guess:    a table made of a list of dictionaries has a column for every key.
# Seen:     pyarrow takes the first dictionary's keys; what only later rows have is dropped without
#           a warning. The first order without a refund makes all refunds disappear.
# Versions: pyarrow 26.0.1
# Source:   from_pylist's documentation: the schema is inferred from the first row.
# Meets us: exports of events or orders with optional fields. Remedy: build every table with an
#           explicit schema.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1

"$work/venv/bin/python" -W error - <<'PY'
import pyarrow

rows = [{"order": "W-1", "paid": 2000}, {"order": "W-2", "paid": 2000, "refunded": 500}]
forward = pyarrow.Table.from_pylist(rows)
backward = pyarrow.Table.from_pylist(rows[::-1])
print("columns:", forward.column_names, "| the other way round:", backward.column_names)
assert forward.column_names == ["order", "paid"]
assert backward.column_names == ["order", "paid", "refunded"]
PY
