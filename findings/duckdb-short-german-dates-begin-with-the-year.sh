#!/usr/bin/env bash
# Guess:    03.04.26 in a file of this year's orders is a day of 2026, or is left as text.
# Seen:     DuckDB's CSV reader takes it for year.month.day: 26 April 2003. Each row is a valid date
#           and nothing is said; only a day above 12 in the middle would have told. With four digits
#           for the year, 03.04.2026 is read day first, 3 April.
# Versions: duckdb 2.0.1
# Source:   run only.
# Meets us: a shop's or carrier's export with short dates: orders of a thousand weeks ago, and
#           reports by month that are empty. Remedy: state the format of each import.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
from datetime import date
from pathlib import Path

import duckdb


def days(*texts, options=""):
    rows = "".join(f"W-{number};{text}\n" for number, text in enumerate(texts))
    Path("orders.csv").write_text("reference;placed_on\n" + rows)
    found = duckdb.sql(f"select placed_on from read_csv('orders.csv'{options})").fetchall()
    return [day for (day,) in found]


short = days("03.04.26", "05.04.26", "28.04.26")
long = days("03.04.2026", "05.04.2026", "28.04.2026")
stated = days("03.04.26", "05.04.26", "28.04.26", options=", dateformat='%d.%m.%y'")
print("03.04.26 05.04.26 28.04.26 are read as", *short)
print("03.04.2026 05.04.2026 28.04.2026 are read as", *long)
print("with dateformat stated:", *stated)
assert short == [date(2003, 4, 26), date(2005, 4, 26), date(2028, 4, 26)]
assert long == stated == [date(2026, 4, 3), date(2026, 4, 5), date(2026, 4, 28)]
PY
