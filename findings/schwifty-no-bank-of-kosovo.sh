#!/usr/bin/env bash
# Guess:    a library that takes a country's IBANs takes the BICs of its banks as well.
# Seen:     schwifty takes IBANs of Kosovo and refuses every BIC there: "invalid country code XK",
#           since XK isn't in ISO 3166. SWIFT and SEPA use it; python-stdnum takes it.
# Versions: schwifty 2026.10.1, python-stdnum 2.2
# Source:   ISO 13616's registry has XK; ISO 3166 leaves it to its users.
# Meets us: a refund to a customer in Kosovo can't be entered, though the same account paid.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet schwifty==2026.10.1 python-stdnum==2.2

"$work/venv/bin/python" - <<'PY'
import schwifty
import stdnum.bic


def taken(make, text):
    try:
        make(text)
        return "taken"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


seen = {
    "schwifty IBAN": taken(schwifty.IBAN, "XK051212012345678906"),
    "schwifty BIC": taken(schwifty.BIC, "PCBKXKPR"),
    "stdnum BIC": taken(stdnum.bic.validate, "PCBKXKPR"),
}
for what, end in seen.items():
    print(f"{what}: {end}")
assert seen["schwifty IBAN"] == seen["stdnum BIC"] == "taken"
assert seen["schwifty BIC"].startswith("InvalidCountryCode")
PY
