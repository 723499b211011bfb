#!/usr/bin/env bash
# Guess:    letters that plain Code 39 can't hold are refused, as they are by other makers.
# Seen:     Zint draws small letters as capitals: "w-1001a" is scanned as "W-1001A". Code 128 and
#           EXCODE39 of the same library keep them.
# Versions: zint-bindings 1.2.2, read back by zxing-cpp 3.1.1
# Source:   run only.
# Meets us: references that differ in case alone (channels make such) share one label, and a look-up
#           that minds the case finds neither. Remedy: Code 128, and scan labels back in a test.
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


def scanned(symbology, text):
    symbol = zint.Symbol()
    symbol.symbology, symbol.scale, symbol.outfile = symbology, 3, "label.png"
    symbol.encode(text)
    symbol.print()
    (found,) = zxingcpp.read_barcodes(Image.open("label.png").convert("L"))
    return found.text


seen = {
    kind: scanned(getattr(zint.Symbology, kind), "w-1001a")
    for kind in ("CODE39", "EXCODE39", "CODE128")
}
for kind, text in seen.items():
    print(f"{kind} w-1001a: scanned {text}")
assert seen["CODE39"] == "W-1001A"
assert seen["CODE128"] == "w-1001a"
PY
