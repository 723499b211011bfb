#!/usr/bin/env bash
# Guess:    the payer's name is the payer's name.
# Seen:     mt-940 puts subfield ?31, the payer's account, in front of ?32, the name, without a
#           blank between: applicant_name is "DE0212…2051Erika Example". No field holds the account.
# Versions: mt-940 5.1.1
# Source:   the German banks' structured field 86: ?30 bank, ?31 account, ?32 and ?33 name.
# Meets us: matching a payment to an order by name never succeeds, and a bank account is printed
#           wherever the name is, which is personal data where nobody looks for it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mt-940==5.1.1

"$work/venv/bin/python" - <<'PY'
import mt940

STATEMENT = """:20:S1
:25:10020030/1234567
:28C:1/1
:60F:C261127EUR1000,00
:61:2611281128C100,00NTRFNONREF//B77
:86:166?00GUTSCHRIFT?20SVWZ+Order W-1001?30BANKDEFFXXX
?31DE02120300000000202051?32Erika Exam?33ple
:62F:C261128EUR1100,00
-
"""
booking = mt940.parse(STATEMENT)[0].data
print("name:", booking["applicant_name"], "| bank:", booking["applicant_bin"])
assert booking["applicant_name"] == "DE02120300000000202051Erika Example"
assert [k for k, v in booking.items() if v == "DE02120300000000202051"] == []
PY
