#!/usr/bin/env bash
# Guess:    a character that Code 128 can't hold makes the drawing fail.
# Seen:     reportlab leaves the character out and draws the bars of the rest: an order number typed
#           with an en dash, "W–1001", is scanned as "W1001", a sound and different number.
# Versions: reportlab 5.1.0, read back by zxing-cpp 3.1.1
# Source:   run only.
# Meets us: a parcel whose label names another order. Remedy: check for ASCII first, and scan labels
#           back in a test.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet reportlab==5.1.0 zxing-cpp==3.1.1 pillow==13.0.0

"$work/venv/bin/python" - <<'PY'
import zxingcpp
from PIL import Image, ImageDraw
from reportlab.graphics.barcode.code128 import Code128


def scanned(text):
    """What a scanner reads of the bars that reportlab draws for this text."""
    bars = []
    barcode = Code128(text, barWidth=1, barHeight=60)
    barcode.rect = lambda x, y, width, height: bars.append((x, width))
    barcode.draw()
    image = Image.new("L", (1200, 140), 255)
    pencil = ImageDraw.Draw(image)
    for x, width in bars:
        pencil.rectangle([40 + 3 * x, 20, 40 + 3 * (x + width) - 1, 120], fill=0)
    return [found.text for found in zxingcpp.read_barcodes(image)]


seen = {text: scanned(text) for text in ("W-1001", "W–1001", "MÜNCHEN-7")}
for text, found in seen.items():
    print(f"drawn {text!r}, scanned {found}")
assert seen == {"W-1001": ["W-1001"], "W–1001": ["W1001"], "MÜNCHEN-7": ["MNCHEN-7"]}
PY
