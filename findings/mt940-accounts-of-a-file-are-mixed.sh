#!/usr/bin/env bash
# Guess:    a file with the statements of two accounts gives two statements, or bookings that know
#           their account.
# Seen:     mt-940 gives one list of bookings in which none names its account; the only account that
#           is told, and the only balances, are the last statement's.
# Versions: mt-940 5.1.1
# Source:   wolph/mt940 issue 102, where a comment tells of a bank's file and its last statement.
# Meets us: euros and dollars of two accounts in one list, under the dollar account's name. Remedy:
#           cut the file at each :20: first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mt-940==5.1.1

"$work/venv/bin/python" - <<'PY'
import mt940

FILE = """:20:S1
:25:10020030/EUR-ACCOUNT
:28C:1/1
:60F:C261127EUR1000,00
:61:2611281128C100,00NTRFW-1001//B1
:62F:C261128EUR1100,00
-
:20:S2
:25:10020030/USD-ACCOUNT
:28C:1/1
:60F:C261127USD5,00
:61:2611281128C50,00NTRFW-1002//B2
:62F:C261128USD55,00
-
"""
bookings = mt940.parse(FILE)
print("bookings:", [str(b.data["amount"]) for b in bookings])
print("accounts told by bookings:", [b.data.get("account_identification") for b in bookings])
print("account told by the file:", bookings.data["account_identification"])
print("closing:", bookings.data["final_closing_balance"])
assert [str(b.data["amount"]) for b in bookings] == ["100.00 EUR", "50.00 USD"]
assert all("account_identification" not in b.data for b in bookings)
assert bookings.data["account_identification"] == "10020030/USD-ACCOUNT"
assert str(bookings.data["final_closing_balance"]).startswith("55.00 USD")
PY
