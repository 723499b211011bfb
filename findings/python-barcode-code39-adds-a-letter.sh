#!/usr/bin/env bash
# Guess:    what is put into a bar code is what a scanner reads out.
# Seen:     python-barcode's Code 39 adds a check character unless told not to, and scanners, which
#           don't expect one there, hand it out as text: "W-1001" is scanned as "W-1001R". Its Code
#           128 hands out what went in.
# Versions: python-barcode 0.16.1, read back by zxing-cpp 3.1.1
# Source:   python-barcode documents add_checksum=True; Code 39's check character is optional.
# Meets us: no order is found by its label, or, where numbers end in letters, another one is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-barcode==0.16.1 pillow==13.0.0 zxing-cpp==3.1.1

"$work/venv/bin/python" - <<'PY'
import io

import barcode
import zxingcpp
from barcode.writer import ImageWriter
from PIL import Image


def scanned(made):
    image = io.BytesIO()
    made.write(image)
    return [found.text for found in zxingcpp.read_barcodes(Image.open(image))]


code39, code128 = barcode.get_barcode_class("code39"), barcode.get_barcode_class("code128")
seen = {
    "code39": scanned(code39("W-1001", writer=ImageWriter())),
    "code39, add_checksum=False": scanned(
        code39("W-1001", writer=ImageWriter(), add_checksum=False)
    ),
    "code128": scanned(code128("W-1001", writer=ImageWriter())),
}
for kind, found in seen.items():
    print(f"{kind}: {found}")
assert list(seen.values()) == [["W-1001R"], ["W-1001"], ["W-1001"]]
PY
