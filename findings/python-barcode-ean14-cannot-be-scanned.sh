#!/usr/bin/env bash
# Guess:    the "ean14" of a barcode library is the bar code that stands on cartons (ITF-14, or
#           GS1-128 with application identifier 01), and a scanner reads it.
# Seen:     python-barcode stretches the scheme of EAN-13 by one digit. No such symbol exists, and
#           nothing is read; the EAN-13 and ITF of the same library are read at once.
# Versions: python-barcode 0.16.1, read back by zxing-cpp 3.1.1
# Source:   WhyNotHugo/python-barcode issue 103, open; GS1 has a GTIN-14 borne by ITF-14, GS1-128 or
#           GS1 DataMatrix.
# Meets us: every carton of a shipment has a label that looks right and that no dock door reads.
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


def scanned(kind, digits):
    image = io.BytesIO()
    barcode.get(kind, digits, writer=ImageWriter()).write(image, options={"module_width": 0.4})
    return [found.text for found in zxingcpp.read_barcodes(Image.open(image))]


seen = {
    (kind, digits): scanned(kind, digits)
    for kind, digits in (
        ("ean13", "950110153000"), ("itf", "19501101530000"),
        ("ean14", "1950110153000"), ("ean14", "2061414100041"),
    )
}
for (kind, digits), found in seen.items():
    print(f"{kind} {digits}: {found}")
assert list(seen.values()) == [["9501101530003"], ["19501101530000"], [], []]
PY
