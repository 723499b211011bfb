#!/usr/bin/env bash
# Guess:    the sum of a BIGINT column of cents is a whole number in the Parquet file.
# Seen:     DuckDB's sum of BIGINT is a HUGEINT, Parquet has none, and the file's column is DOUBLE:
#           9007199254740995 arrives as ...996. With sum(...)::BIGINT it is INT64.
# Versions: duckdb 2.0.1, pyarrow 26.0.1 as the reader
# Source:   run only; Parquet has no integer of 128 bits.
# Meets us: revenue in minor units becomes a float in whatever reads the export, prints as 1.0e+07
#           and no longer compares equal. Remedy: cast each sum, and assert the file's schema.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 pyarrow==26.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
import duckdb
import pyarrow.parquet

duckdb.sql("create table orders as from (values (9007199254740993::bigint), (2)) as t(cents)")
duckdb.sql("copy (select sum(cents) as s from orders) to 'sum.parquet'")
duckdb.sql("copy (select sum(cents)::bigint as s from orders) to 'cast.parquet'")
seen = {}
for name in ("sum", "cast"):
    table = pyarrow.parquet.read_table(f"{name}.parquet")
    seen[name] = str(table.schema.field("s").type), table["s"][0].as_py()
    print(f"{name}:", *seen[name])
assert seen == {"sum": ("double", 9007199254740996.0), "cast": ("int64", 9007199254740995)}
PY
