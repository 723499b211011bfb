#!/usr/bin/env bash
# Guess:    the first hit of a fuzzy search for a country is the country that a customer meant, and
#           an exact name wins.
# Seen:     pycountry's search_fuzzy puts North Korea first for "Korea", Nigeria for "Niger" (an
#           exact name), American Samoa for "America", Algeria for the EU's code "EL" and Serbia for
#           "Kosovo"; "Turkey" and "Ivory Coast" aren't found.
# Versions: pycountry 26.2.16
# Source:   run only; its documentation calls the result sorted by relevance.
# Meets us: an address in free text from a file or a form: the parcel is refused by an embargo check
#           or flies to Lagos. Remedy: an own table of names, and a person for the rest.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycountry==26.2.16

"$work/venv/bin/python" - <<'PY'
import pycountry


def first(name):
    try:
        return pycountry.countries.search_fuzzy(name)[0].alpha_2
    except LookupError:
        return None


names = ("Germany", "England", "Korea", "Niger", "America", "EL", "Kosovo", "Turkey", "Ivory Coast")
seen = {name: first(name) for name in names}
exact = pycountry.countries.lookup("Niger").alpha_2
print(seen, "| looked up exactly: Niger", exact)
assert seen == {
    "Germany": "DE", "England": "GB", "Korea": "KP", "Niger": "NG", "America": "AS", "EL": "DZ",
    "Kosovo": "RS", "Turkey": None, "Ivory Coast": None,
}
assert exact == "NE"
PY
