#!/usr/bin/env bash
# Guess:    a German calendar understands a German date, or refuses text that can be read two ways.
# Seen:     `holidays` takes text and reads it month first, whatever the country: 03.10.2026, German
#           Unity Day, is no holiday, and 10/03/2026 is one. Nothing is raised, save where the first
#           number is above 12: there it reads the day first after all.
# Versions: holidays 0.109
# Source:   holidays documents that strings are parsed by dateutil.
# Meets us: a promised delivery day from a file's text column lands on a holiday. Remedy: give a
#           calendar dates only, in the warehouse's zone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet holidays==0.109

"$work/venv/bin/python" - <<'PY'
from datetime import date

import holidays

germany = holidays.country_holidays("DE")
seen = {
    day: germany.get(day)
    for day in (date(2026, 10, 3), "2026-10-03", "03.10.2026", "10/03/2026", "25.12.2026")
}
for day, name in seen.items():
    print(f"{day!s}: {name}")
assert list(seen.values()) == [
    "German Unity Day", "German Unity Day", None, "German Unity Day", "Christmas Day"
]
PY
