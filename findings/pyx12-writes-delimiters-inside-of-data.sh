#!/usr/bin/env bash
# Guess:    a writer of X12 refuses a value that contains a delimiter, since X12 has no escape.
# Seen:     pyx12 writes it as it is: a "*" in an item's text moves all that stands behind it by one
#           element. The file is sound to its own reader, which then sees another item.
# Versions: pyx12 4.0.0
# Source:   run only; X12.6 keeps delimiters out of data, which leaves it to the writer.
# Meets us: "2*4 timber" in a catalogue, and the supplier reads "2" as text and the rest as the next
#           field. Remedy: refuse such a value before it is written.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyx12==4.0.0

"$work/venv/bin/python" - <<'PY'
import io

from pyx12.segment import Segment
from pyx12.x12file import X12Reader, X12Writer

ISA = "ISA*00*          *00*          *ZZ*SHOP           *ZZ*ORDINAL        *261129*1200*U" \
      "*00401*000000001*0*P*>"


def written(text):
    out = io.StringIO()
    writer = X12Writer(out, "~", "*", ">", "\n")
    for raw in (ISA, "GS*PO*SHOP*ORDINAL*20261129*1200*1*X*004010", "ST*850*0001",
                "BEG*00*SA*PO-1**20261129", "PO1*1*5*EA*9.99**VP*A0001"):
        writer.Write(Segment(raw, "~", "*", ">"))
    item = Segment("PID*F****x", "~", "*", ">")
    item.set("05", text)
    writer.Write(item)
    writer.Close()
    return out.getvalue()


def item_of(file):
    reader = X12Reader(io.StringIO(file))
    texts = [s.get_value("PID05") for s in reader if s.get_seg_id() == "PID"]
    errors = reader.pop_errors()
    reader.cleanup()
    return texts, errors + reader.pop_errors()


plain, starred = item_of(written("2x4 timber")), item_of(written("2*4 timber"))
print("2x4 timber:", *plain)
print("2*4 timber:", *starred)
assert plain == (["2x4 timber"], [])
assert starred == (["2"], [])
PY
