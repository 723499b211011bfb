#!/usr/bin/env bash
# Guess:    Zint's EANX takes a number with its check digit, as it takes 13 digits for an EAN-13,
#           and UPCA takes 12; so 8 digits are an EAN-8.
# Seen:     8 digits are filled up to 12 with zeros and given a second check digit: the EAN-8
#           96385074 is drawn as the EAN-13 0000963850742, another sound number. An EAN-8 is drawn
#           only from its first 7 digits.
# Versions: zint-bindings 1.2.2, read back by zxing-cpp 3.1.1
# Source:   run only; Zint has a second symbology, EANX_CHK, that expects the check digit.
# Meets us: small articles bear EAN-8. The shelf label is scanned well and belongs to nothing, or to
#           somebody else's article. Remedy: EANX_CHK, and scan labels back in a test.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet zint-bindings==1.2.2 zxing-cpp==3.1.1 pillow==13.0.0
cd "$work"

"$work/venv/bin/python" - <<'PY'
import zint
import zxingcpp
from PIL import Image


def scanned(symbology, digits):
    symbol = zint.Symbol()
    symbol.symbology, symbol.scale, symbol.outfile = symbology, 3, "label.png"
    symbol.encode(digits)
    symbol.print()
    (found,) = zxingcpp.read_barcodes(Image.open("label.png").convert("L"))
    return found.text, str(found.format)


EANX, EANX_CHK = zint.Symbology.EANX, zint.Symbology.EANX_CHK
seen = {
    "EANX 9501101530003": scanned(EANX, "9501101530003"),
    "EANX 9638507": scanned(EANX, "9638507"),
    "EANX 96385074": scanned(EANX, "96385074"),
    "EANX_CHK 96385074": scanned(EANX_CHK, "96385074"),
}
for drawn, (text, kind) in seen.items():
    print(f"{drawn}: scanned {text} ({kind})")
assert list(seen.values()) == [
    ("9501101530003", "EAN-13"), ("96385074", "EAN-8"),
    ("0000963850742", "EAN-13"), ("96385074", "EAN-8"),
]
PY
