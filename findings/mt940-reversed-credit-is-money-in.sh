#!/usr/bin/env bash
# Guess:    the sign of a booking's amount says whether money came or went, since the library turns
#           a debit (D) negative.
# Seen:     mt-940 does so for D alone. RC, the reversal of a credit, takes money off the account,
#           and its amount is positive; so is RD, rightly. The sum of the amounts then misses the
#           closing balance by twice the reversal.
# Versions: mt-940 5.1.1
# Source:   SWIFT's field 61, subfield 3: RC reverses a credit, so it is a debit entry.
# Meets us: a customer's payment that the bank takes back is counted as a second payment, and the
#           goods go out. Remedy: sign by the mark, and check opening + bookings = closing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mt-940==5.1.1

"$work/venv/bin/python" - <<'PY'
from decimal import Decimal

import mt940

STATEMENT = """:20:S1
:25:10020030/1234567
:28C:1/1
:60F:C261127EUR1000,00
:61:2611271127C250,00NTRFW-1001//B1
:61:2611281128RC250,00NRTIW-1001//B2
:61:2611281128D40,00NTRFSUPPLIER//B3
:61:2611281128RD40,00NRTISUPPLIER//B4
:62F:C261128EUR1000,00
-
"""
bookings = mt940.parse(STATEMENT)
amounts = {b.data["status"]: b.data["amount"].amount for b in bookings}
opening = bookings.data["final_opening_balance"].amount.amount
closing = bookings.data["final_closing_balance"].amount.amount
print({mark: str(amount) for mark, amount in amounts.items()})
print("opening", opening, "+ amounts", sum(amounts.values()), "against closing", closing)
assert amounts == {
    "C": Decimal("250.00"), "RC": Decimal("250.00"), "D": Decimal("-40.00"), "RD": Decimal("40.00")
}
assert opening + sum(amounts.values()) == closing + 500
PY
