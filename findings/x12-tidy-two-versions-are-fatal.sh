#!/usr/bin/env bash
# Guess:    the version of the envelope (ISA12) and that of the order in it (GS08) may differ, since
#           they say different things.
# Seen:     x12-tidy calls it fatal: an order in 004030 under a 00401 envelope is refused as a
#           whole, as is 004010 under 00501. ansi-x12 and pyx12 read both without a word.
# Versions: x12-tidy 0.1.0, ansi-x12 0.2.0, pyx12 4.0.0
# Source:   run only; X12's code list has ISA12 as the version of the control segments.
# Meets us: retailers keep an old envelope when they move their orders to a new version. A check in
#           front of the intake turns all of a partner's orders away. Remedy: a warning, per
#           partner.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet x12-tidy==0.1.0 ansi-x12==0.2.0 pyx12==4.0.0

"$work/venv/bin/python" - <<'PY'
import io

from pyx12.x12file import X12Reader
from x12 import parse_x12_interchange, tokenize_x12
from x12_tidy import tidy
from x12_tidy.diagnostics import resolved_severity


def order(envelope, version):
    eleventh = "U" if envelope == "00401" else "^"
    return (
        f"ISA*00*          *00*          *ZZ*SHOP           *ZZ*ORDINAL        *261129*1200"
        f"*{eleventh}*{envelope}*000000001*0*P*>~GS*PO*SHOP*ORDINAL*20261129*1200*1*X*{version}~"
        f"ST*850*0001~BEG*00*SA*PO-1**20261129~PO1*1*5*EA*9.99**VP*A0001~CTT*1~SE*5*0001~GE*1*1~"
        f"IEA*1*000000001~"
    )


seen = {}
for envelope, version in (("00401", "004010"), ("00401", "004030"), ("00501", "004010")):
    text = order(envelope, version)
    found = [
        (resolved_severity(d.code), d.code.value) for d in tidy(text.encode()).diagnostics
    ]
    parse_x12_interchange(tokenize_x12(text.encode()))
    reader = X12Reader(io.StringIO(text))
    assert len(list(reader)) == 9
    assert reader.pop_errors() == []
    seen[envelope, version] = found
    print(f"ISA12 {envelope}, GS08 {version}: x12-tidy {found}; ansi-x12 and pyx12 read it")
assert list(seen.values()) == [[]] + [[("fatal", "gs.version-mismatch")]] * 2
PY
