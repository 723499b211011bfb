#!/usr/bin/env bash
# Guess:    field 86 adds to what field 61 said about a booking.
# Seen:     when the German structured field 86 bears any SEPA keyword (SVWZ+, EREF+), mt-940 sets
#           every keyword it knows, those that are missing to None, and the reference which field 61
#           gave is gone: customer_reference is None. With free text in 86, or structured text
#           without a keyword, it stays.
# Versions: mt-940 5.1.1
# Source:   run only.
# Meets us: a payment whose order number stands in field 61 alone matches no order, for customers of
#           some banks only. Remedy: read the reference from the raw field 61.
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
:61:2611281128C100,00NTRFW-1001//B77
{}:62F:C261128EUR1100,00
-
"""
DETAILS = {
    "none": "",
    "free text": ":86:Thank you\n",
    "structured": ":86:166?00GUTSCHRIFT?20Thank you?32Erika Example\n",
    "structured, SVWZ+": ":86:166?00GUTSCHRIFT?20SVWZ+Thank you?32Erika Example\n",
}
seen = {
    kind: mt940.parse(STATEMENT.format(field))[0].data["customer_reference"]
    for kind, field in DETAILS.items()
}
for kind, reference in seen.items():
    print(f"field 86 {kind}: customer_reference {reference}")
assert seen == {
    "none": "W-1001", "free text": "W-1001", "structured": "W-1001", "structured, SVWZ+": None
}
PY
