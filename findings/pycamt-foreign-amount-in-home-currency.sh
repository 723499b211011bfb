#!/usr/bin/env bash
# Guess:    of a payment from abroad one is told what was booked on the account, in its currency.
# Seen:     pycamt replaces the entry's amount by the first one in the details, here the instructed
#           108.00 dollars, and leaves the currency: 108.00 EUR, where 100.00 EUR were booked.
# Versions: pycamt 1.1.1
# Source:   ISO 20022 camt.053.001.02: AmtDtls holds the instructed amount beside the booked one.
# Meets us: an order of 100 euros looks overpaid, and 8 euros that never came are refunded. Remedy:
#           the entry's own amount is the truth; each statement must close.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycamt==1.1.1

"$work/venv/bin/python" - <<'PY'
from pycamt.parser import Camt053Parser

STATEMENT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-28T20:00:00</CreDtTm></GrpHdr>
<Stmt><Id>S1</Id><CreDtTm>2026-11-28T20:00:00</CreDtTm>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">0.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-28</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-28</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>W-1001</EndToEndId></Refs>
<AmtDtls><InstdAmt><Amt Ccy="USD">108.00</Amt></InstdAmt>
<TxAmt><Amt Ccy="EUR">100.00</Amt></TxAmt></AmtDtls>
</TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"""
(booking,) = Camt053Parser(STATEMENT).get_transactions()
print("booked 100.00 EUR, told:", booking["Amount"], booking["Currency"])
assert (booking["Amount"], booking["Currency"]) == ("108.00", "EUR")
PY
