#!/usr/bin/env bash
# Guess:    a year for which a calendar has no data is an error, or at least a warning.
# Seen:     it is a year without holidays: Sri Lanka has 25 in 2026 and none in 2027 or 2028, and
#           Labour Day 2028 counts as a working day.
# Versions: holidays 0.109
# Source:   holidays keeps start_year and end_year on each country; asking beyond them says nothing.
# Meets us: in December, promises for January are computed from an empty calendar. Remedy: refuse a
#           year beyond end_year.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet holidays==0.109

"$work/venv/bin/python" -W error - <<'PY'
from datetime import date

import holidays

seen = {year: len(holidays.country_holidays("LK", years=year)) for year in (2025, 2026, 2027, 2028)}
sri_lanka = holidays.country_holidays("LK")
working = sri_lanka.is_working_day(date(2026, 5, 1)), sri_lanka.is_working_day(date(2028, 5, 1))
print("holidays by year:", seen, "| end_year:", sri_lanka.end_year)
print("1 May a working day: 2026", working[0], "2028", working[1])
assert seen[2026] > 20
assert seen[2028] == 0
assert working == (False, True)
PY
