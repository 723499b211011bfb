#!/usr/bin/env bash
# Guess:    a scan's `.text` is the data of the bar code.
# Seen:     for GS1 codes zxing-cpp's text has brackets around each identifier that the label
#           doesn't hold, and none of the separators; for a UPC-A it has a thirteenth digit in
#           front, and calls it EAN-13. A hand scanner sends neither.
# Versions: zxing-cpp 3.1.1, python-barcode 0.16.1 as the printer
# Source:   run only; a UPC-A is an EAN-13 that begins with 0.
# Meets us: the number in the catalogue is found by the hand scanner and not by the camera, or the
#           other way round. Remedy: compare item codes as GTIN-14, messages by their bytes.
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

GS = "\x1d"


def scanned(kind, data):
    image = io.BytesIO()
    barcode.get(kind, data, writer=ImageWriter()).write(image, options={"module_width": 0.4})
    (found,) = zxingcpp.read_barcodes(Image.open(image))
    return found.text, found.bytes, str(found.format)


gs1 = scanned("gs1_128", "010950110153000310LOT-1")
upc = scanned("upca", "036000291452")
print("GS1-128:", gs1)
print("UPC-A 036000291452:", upc)
assert gs1[:2] == ("(01)09501101530003(10)LOT-1", b"010950110153000310LOT-1")
assert upc == ("0036000291452", b"0036000291452", "EAN-13")
PY
