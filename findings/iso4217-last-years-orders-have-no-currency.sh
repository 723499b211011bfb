#!/usr/bin/env bash
# Guess:    a library of currencies knows those in which last year's orders were paid.
# Seen:     iso4217 and pycountry hold what is current on the day of their list: BGN (Bulgaria until
#           the end of 2025), HRK, ANG and SLL are gone, with their decimals, and nothing says that
#           they ever were. Babel still knows them.
# Versions: iso4217 1.16.20260101, pycountry 26.2.16, Babel 2.19.0
# Source:   ISO 4217 moves withdrawn codes into its list three, which neither library reads.
# Meets us: replaying, refunding or exporting an order of 2025 fails after an update of a library.
#           Remedy: a dated table of one's own (domain/currencies.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet iso4217==1.16.20260101 pycountry==26.2.16 babel==2.19.0

"$work/venv/bin/python" - <<'PY'
import pycountry
from babel.numbers import is_currency
from iso4217 import Currency

current = {currency.code for currency in Currency}
seen = {
    code: (code in current, pycountry.currencies.get(alpha_3=code) is not None, is_currency(code))
    for code in ("EUR", "BGN", "HRK", "ANG", "SLL")
}
for code, (iso, country, babel) in seen.items():
    print(f"{code}: iso4217 {iso}, pycountry {country}, Babel {babel}")
assert seen == {"EUR": (True, True, True)} | {
    code: (False, False, True) for code in ("BGN", "HRK", "ANG", "SLL")
}
PY
