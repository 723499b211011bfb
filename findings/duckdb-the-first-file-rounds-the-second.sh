#!/usr/bin/env bash
# Guess:    two Parquet files whose column differs in type are widened to the common type, or
#           refused when they are read as one.
# Seen:     DuckDB takes the first file's type and converts the others to it: quantities that were
#           whole numbers in January make February's 1.5 a 2 and 2.5 a 2, without a word. The other
#           way round the same two files are read well, and union_by_name=true widens. pyarrow
#           refuses. A column that only the second file has is left out just as quietly.
# Versions: duckdb 2.0.1, pyarrow 26.0.1
# Source:   DuckDB documents that the first file decides on the schema; not that values are rounded.
# Meets us: the first order sold by the metre changes the type of an export's column, and the year's
#           sum of units is wrong by halves. Remedy: write one schema for good, and assert it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 pyarrow==26.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
import duckdb
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

january = pyarrow.table({"units": [3, 4]})
february = pyarrow.table({"units": [1.5, 2.5], "unit": ["m", "m"]})
pyarrow.parquet.write_table(january, "2026-01.parquet")
pyarrow.parquet.write_table(february, "2026-02.parquet")
files = ["2026-01.parquet", "2026-02.parquet"]


def rows(files, more=""):
    return duckdb.sql(f"select units from read_parquet({files}{more})").fetchall()


in_order = [units for (units,) in rows(files)]
by_name = [units for (units,) in rows(files, ", union_by_name=true")]
columns = duckdb.sql(f"from read_parquet({files})").columns
try:
    pyarrow.dataset.dataset(files).to_table()
    refusal = None
except pyarrow.ArrowInvalid as error:
    refusal = str(error)
print("written:", [3, 4, 1.5, 2.5])
print("DuckDB:", in_order, "columns", columns)
print("DuckDB, union_by_name:", by_name)
print("pyarrow:", refusal)
assert in_order == [3, 4, 2, 2]
assert columns == ["units"]
assert by_name == [3, 4, 1.5, 2.5]
assert refusal
PY
