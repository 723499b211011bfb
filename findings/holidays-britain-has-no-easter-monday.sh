#!/usr/bin/env bash
# Guess:    the calendar of a country holds what is a holiday for most of it.
# Seen:     without a subdivision `holidays` gives only what the whole country shares: GB has no
#           Easter Monday and no summer bank holiday, which England, Wales and Northern Ireland
#           have; Germany has no Corpus Christi, which most of its people have off.
# Versions: holidays 0.109
# Source:   holidays documents subdivisions; that the bare country is the common part is left to
#           see.
# Meets us: an address gives a country, and carriers promise by it: London is promised Easter
#           Monday. Remedy: the warehouse's and the carrier's subdivision as a setting, never the
#           bare country.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet holidays==0.109

"$work/venv/bin/python" - <<'PY'
from datetime import date

import holidays


def where(country, day):
    """Whether the bare country has the day, and which of its parts have it."""
    parts = holidays.country_holidays(country).subdivisions
    having = [part for part in parts if day in holidays.country_holidays(country, subdiv=part)]
    return day in holidays.country_holidays(country), having


easter_monday = where("GB", date(2026, 4, 6))
summer = where("GB", date(2026, 8, 31))
corpus_christi = where("DE", date(2026, 6, 4))
print("Easter Monday in GB:", *easter_monday)
print("31 August in GB:", *summer)
print("Corpus Christi in DE:", *corpus_christi)
assert easter_monday == (False, ["ENG", "NIR", "WLS"])
assert summer == (False, ["ENG", "NIR", "WLS"])
assert not corpus_christi[0]
assert {"BW", "BY", "NW"} <= set(corpus_christi[1])
PY
