#!/usr/bin/env bash
# Guess:    an exact decimal of half a cent is rounded alike by the tools of one data pipeline.
# Seen:     0.125 to cents: DuckDB's round() and cast of a DECIMAL give 0.13; pyarrow's round() of
#           the same decimal gives 0.12; pyarrow's cast refuses, and unsafe it cuts 0.129 to 0.12.
#           In DuckDB itself 2.5 as DECIMAL becomes the integer 3, and as DOUBLE 2.
# Versions: duckdb 2.0.1, pyarrow 26.0.1
# Source:   pyarrow documents half_to_even as the default of round_mode; run for the rest.
# Meets us: the same report, once by SQL and once by Arrow, differs by a cent for each line of tax.
#           Remedy: whole minor units, rounded once, where they were agreed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 pyarrow==26.0.1

"$work/venv/bin/python" - <<'PY'
from decimal import Decimal

import duckdb
import pyarrow
import pyarrow.compute

amounts = pyarrow.array([Decimal("0.125"), Decimal("0.129")])
cents = pyarrow.decimal128(10, 2)
try:
    amounts.cast(cents)
    refused = False
except pyarrow.ArrowInvalid:
    refused = True
tax = "0.125::decimal(10, 3)"
duck = duckdb.sql(f"select round({tax}, 2), {tax}::decimal(10, 2)").fetchall()[0]
whole = duckdb.sql("select 2.5::decimal(10, 1)::int, 2.5::double::int").fetchall()[0]
arrow = pyarrow.compute.round(amounts, 2)[0].as_py()
cut = amounts.cast(cents, safe=False).to_pylist()
print("DuckDB round and cast of 0.125:", *duck)
print("pyarrow round of 0.125:", arrow)
print("pyarrow cast refuses:", refused, "| unsafe, of 0.125 and 0.129:", *cut)
print("DuckDB's integer of 2.5 as DECIMAL and as DOUBLE:", *whole)
assert duck == (Decimal("0.13"), Decimal("0.13"))
assert arrow == Decimal("0.12")
assert refused
assert cut == [Decimal("0.12"), Decimal("0.12")]
assert whole == (3, 2)
PY
