#!/usr/bin/env bash
# Guess:    an interchange of syntax 4 that declares a repetition sign in its UNA is read with its
#           repetitions apart, or refused.
# Seen:     pydifact leaves the sign in the data: of the two item codes in PIA, "A1:SA*B2:SA", it
#           makes one composite with the parts A1, "SA*B2" and SA. The first code's qualifier is
#           none that exists, the second code is gone, and nothing is raised.
# Versions: pydifact 0.2.3
# Source:   run only; ISO 9735 syntax 4 has the repetition separator in UNA's fifth place.
# Meets us: a partner moves to syntax 4, and its orders name unknown items from that day on. Remedy:
#           refuse syntax 4 by UNB, or split by UNA oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydifact==0.2.3

"$work/venv/bin/python" -W ignore - <<'PY'
from pydifact.segmentcollection import Interchange

ORDER = (
    "UNA:+.?*'UNB+UNOC:4+SHOP:14+ORDINAL:14+20261129:1200+1'UNH+1+ORDERS:D:01B:UN'"
    "BGM+220+PO-1+9'LIN+1'PIA+1+A1:SA*B2:SA'UNT+5+1'UNZ+1+1'"
)
read = Interchange.from_str(ORDER)
codes = next(segment.elements[1:] for segment in read.segments if segment.tag == "PIA")
print("PIA+1+A1:SA*B2:SA is read as", codes)
assert codes == [["A1", "SA*B2", "SA"]]
PY
