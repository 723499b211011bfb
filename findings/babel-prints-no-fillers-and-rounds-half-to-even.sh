#!/usr/bin/env bash
# Guess:    a formatter prints the amount it is given, with the decimals of ISO 4217.
# Seen:     Babel goes by daily use: HUF, COP, IDR and others (two decimals in ISO 4217) are rounded
#           to whole units, and IQD (three) as well; and it rounds half to even: 1234.50 HUF is
#           printed as 1,234 and 1235.50 as 1,236.
# Versions: Babel 2.19.0, iso4217 1.16.20260101
# Source:   CLDR's supplemental currency data gives digits of its own; ISO 4217's list one gives 2.
# Meets us: the sum at the foot of the document isn't the sum of its lines, nor what is charged.
#           Remedy: print the decimals of the order's own currency.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet babel==2.19.0 iso4217==1.16.20260101

"$work/venv/bin/python" - <<'PY'
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from iso4217 import Currency

decimals = {
    code: (Currency(code).exponent, get_currency_precision(code))
    for code in ("EUR", "HUF", "COP", "IDR", "IQD")
}
printed = [
    format_currency(Decimal(amount), "HUF", locale="en").replace("\xa0", " ")
    for amount in ("1234.50", "1235.50", "1234.56")
]
print("decimals by ISO 4217 and by Babel:", decimals)
print("1234.50, 1235.50 and 1234.56 HUF:", *printed, sep="  ")
assert decimals == {"EUR": (2, 2), "HUF": (2, 0), "COP": (2, 0), "IDR": (2, 0), "IQD": (3, 0)}
assert [text[-5:] for text in printed] == ["1,234", "1,236", "1,235"]
PY
