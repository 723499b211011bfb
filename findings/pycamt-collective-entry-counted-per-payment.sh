#!/usr/bin/env bash
# Guess:    a collective entry is either one booking of the whole, or several that add up to it.
# Seen:     pycamt makes one booking for each payment in it, and where the bank gives no single
#           amounts (it need not) each has the WHOLE amount: three customers' 60.00 become 180.00.
# Versions: pycamt 1.1.1
# Source:   ISO 20022 camt.053.001.02: amounts of the details are optional, the entry's is not.
# Meets us: three orders of 20 euros are each taken for paid three times over. Remedy: bookings of
#           an entry must add up to it, or it goes to a person.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycamt==1.1.1

"$work/venv/bin/python" - <<'PY'
from decimal import Decimal

from pycamt.parser import Camt053Parser

PAYMENTS = "".join(
    f"<TxDtls><Refs><EndToEndId>W-100{number}</EndToEndId></Refs></TxDtls>" for number in (1, 2, 3)
)
STATEMENT = f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-28T20:00:00</CreDtTm></GrpHdr>
<Stmt><Id>S1</Id><CreDtTm>2026-11-28T20:00:00</CreDtTm>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">0.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-28</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">60.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-28</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">60.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BkTxCd><Prtry><Cd>NMSC</Cd></Prtry></BkTxCd>
<NtryDtls><Btch><NbOfTxs>3</NbOfTxs></Btch>{PAYMENTS}</NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""
bookings = Camt053Parser(STATEMENT).get_transactions()
told = {booking["EndToEndId"]: booking["Amount"] for booking in bookings}
print("booked 60.00, told:", told, "in all", sum(map(Decimal, told.values())))
assert told == {"W-1001": "60.00", "W-1002": "60.00", "W-1003": "60.00"}
PY
