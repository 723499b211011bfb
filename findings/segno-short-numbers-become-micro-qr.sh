#!/usr/bin/env bash
# Guess:    segno.make() makes a QR code.
# Seen:     of a short text, such as an order number, it makes a Micro QR code, another symbol with
#           one corner mark instead of three, which common readers don't know; of a longer text a QR
#           code. So the shop's test with a link works, and the label with a number does not.
# Versions: segno 1.6.6, read back by opencv-python-headless 5.0.0.93 and zxing-cpp 3.1.1
# Source:   segno documents make() as choosing by itself, make_qr() as QR only.
# Meets us: pick lists and return slips bear short numbers, and are scanned with telephones.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet segno==1.6.6 opencv-python-headless==5.0.0.93 \
  zxing-cpp==3.1.1 pillow==13.0.0

"$work/venv/bin/python" - <<'PY'
import io

import cv2
import numpy
import segno
import zxingcpp
from PIL import Image


def read(code):
    """The symbol's name, what OpenCV reads, and what ZXing reads."""
    image = io.BytesIO()
    code.save(image, kind="png", scale=8, border=4)
    pixels = cv2.imdecode(numpy.frombuffer(image.getvalue(), numpy.uint8), cv2.IMREAD_GRAYSCALE)
    opencv = cv2.QRCodeDetector().detectAndDecode(pixels)[0]
    zxing = [found.text for found in zxingcpp.read_barcodes(Image.open(image))]
    return code.designator, opencv, zxing


number, link = "W-1001", "https://shop.example/orders/W-1001"
seen = {
    "make, number": read(segno.make(number)),
    "make_qr, number": read(segno.make_qr(number)),
    "make, link": read(segno.make(link)),
}
for kind, found in seen.items():
    print(f"{kind}: {found}")
assert seen["make, number"] == ("M2-L", "", [number])
assert seen["make_qr, number"][1:] == (number, [number])
assert seen["make, link"][1:] == (link, [link])
PY
