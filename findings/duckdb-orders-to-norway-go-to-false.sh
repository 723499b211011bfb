#!/usr/bin/env bash
# Guess:    a column of country codes is text.
# Seen:     DuckDB's CSV reader takes a column in which all of the rows it looked at say NO for a
#           BOOLEAN: each order to Norway goes to `false`. With one SE among the first rows it is
#           text; with a SE only far down the whole file is refused at that row. pyarrow's reader
#           leaves NO alone.
# Versions: duckdb 2.0.1, pyarrow 26.0.1
# Source:   run only.
# Meets us: a Norwegian shop's exports. Remedy: read all columns as text (all_varchar), and type
#           them oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 pyarrow==26.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
from pathlib import Path

import duckdb
import pyarrow.csv


def countries(codes):
    rows = "".join(f"W-{number},{code}\n" for number, code in enumerate(codes))
    Path("orders.csv").write_text("reference,country\n" + rows)
    try:
        return [row[0] for row in duckdb.sql("select country from 'orders.csv'").fetchall()][:3]
    except duckdb.ConversionException as error:
        return next(line for line in str(error).splitlines() if "Could not convert" in line)


seen = {
    "NO alone": countries(["NO", "NO"]),
    "NO and SE": countries(["NO", "NO", "SE"]),
    "SE far down": countries(["NO"] * 30_000 + ["SE"]),
}
countries(["NO", "NO"])
arrow = pyarrow.csv.read_csv("orders.csv")["country"].to_pylist()
for file, found in seen.items():
    print(f"{file}: {found}")
print("pyarrow, NO alone:", arrow)
assert seen["NO alone"] == [False, False]
assert seen["NO and SE"] == ["NO", "NO", "SE"]
assert "BOOLEAN" in seen["SE far down"]
assert arrow == ["NO", "NO"]
PY
