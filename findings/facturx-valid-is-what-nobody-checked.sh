#!/usr/bin/env bash
# Guess:    a call that checks an invoice by the official rules returns True for sound ones, and
#           raises when it can't check.
# Seen:     factur-x hands the work to a separate service; when none answers, it writes a line to
#           the log and returns True, here for an invoice without an amount, a seller or a buyer.
#           saxon_server_raise_if_http_error=True makes it raise.
# Versions: factur-x 7.8
# Source:   the docstring of xml_check_schematron says so of that argument, which is off as it
#           comes.
# Meets us: the service is down for a night, and each invoice of the night is marked as validated.
#           Remedy: run the rules oneself, and keep one invoice in the tests that must be refused.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet factur-x==7.8

"$work/venv/bin/python" - <<'PY'
import logging

import facturx

logging.disable(logging.CRITICAL)
URN = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE = f"""<Invoice xmlns="{URN}Invoice-2" xmlns:cbc="{URN}CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>R-1</cbc:ID>
<cbc:IssueDate>2026-11-29</cbc:IssueDate></Invoice>"""

# Nothing listens on port 1.
nobody = "http://127.0.0.1:1/transform"
answer = facturx.xml_check_schematron(
    INVOICE.encode(), flavor="ubl-2.1-invoice", saxon_server_url=nobody
)
try:
    facturx.xml_check_schematron(
        INVOICE.encode(), flavor="ubl-2.1-invoice", saxon_server_url=nobody,
        saxon_server_raise_if_http_error=True,
    )
    asked = "no error"
except Exception as error:
    asked = type(error).__name__
print("as it comes:", answer, "| asked to raise:", asked)
assert answer is True
assert asked != "no error"
PY
