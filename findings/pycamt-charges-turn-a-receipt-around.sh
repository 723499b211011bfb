#!/usr/bin/env bash
# Guess:    an entry marked CRDT is money in, also when its details mention the bank's charges.
# Seen:     pycamt takes the first credit/debit mark at any depth of the details, and where these
#           have none of their own that is the charges': a receipt of 100 euros with 1.50 of charges
#           comes out as DBIT, a payment. Without the charges the same entry is CRDT.
# Versions: pycamt 1.1.1
# Source:   ISO 20022 camt.053.001.02: the mark inside of Chrgs belongs to the charge.
# Meets us: the customer who paid from abroad is dunned, and the ledger is off by twice the amount.
#           Remedy: direction and amount from the entry; each statement must close.
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
<AmtDtls><TxAmt><Amt Ccy="EUR">100.00</Amt></TxAmt></AmtDtls>{charges}
</TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"""
CHARGES = '<Chrgs><Amt Ccy="EUR">1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></Chrgs>'
seen = {}
for name, charges in (("without charges", ""), ("with charges", CHARGES)):
    (booking,) = Camt053Parser(STATEMENT.format(charges=charges)).get_transactions()
    seen[name] = (booking["Amount"], booking["CreditDebitIndicator"])
    print(f"{name}: {' '.join(seen[name])}")
assert seen == {"without charges": ("100.00", "CRDT"), "with charges": ("100.00", "DBIT")}
PY
