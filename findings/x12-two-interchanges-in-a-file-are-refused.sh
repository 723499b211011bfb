#!/usr/bin/env bash
# Guess:    a file with two X12 interchanges, one behind the other, is ordinary, and readers that
#           check strictly read both.
# Seen:     ansi-x12 raises at the second ISA, x12-tidy calls it foreign content and fatal, mock-edi
#           hands out the first interchange and says nothing of the second. pyx12 reads both.
# Versions: ansi-x12 0.2.0, x12-tidy 0.1.0, mock-edi 0.9.0, pyx12 4.0.0
# Source:   run only.
# Meets us: mailboxes collect. With the first two a whole night's file is "broken", with the third
#           every order but the first partner's is lost in silence. Remedy: cut at each ISA first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ansi-x12==0.2.0 x12-tidy==0.1.0 mock-edi==0.9.0 pyx12==4.0.0

"$work/venv/bin/python" - <<'PY'
import io

from mockedi import x12 as mock
from pyx12.x12file import X12Reader
from x12 import X12Error, parse_x12_interchange, tokenize_x12
from x12_tidy import tidy


def interchange(number, order):
    return (
        f"ISA*00*          *00*          *ZZ*SHOP           *ZZ*ORDINAL        *261129*1200*U"
        f"*00401*{number:09}*0*P*>~GS*PO*SHOP*ORDINAL*20261129*1200*{number}*X*004010~"
        f"ST*850*0001~BEG*00*SA*{order}**20261129~PO1*1*5*EA*9.99**VP*A0001~CTT*1~SE*5*0001~"
        f"GE*1*{number}~IEA*1*{number:09}~"
    )


def ansi_x12(file):
    try:
        parse_x12_interchange(tokenize_x12(file.encode()))
        return ["one"]
    except X12Error as error:
        return str(error)


def x12_tidy(file):
    return [found.code.value for found in tidy(file.encode()).diagnostics]


def mock_edi(file):
    return [
        segment.elements[2]
        for group in mock.parse(file).groups
        for message in group.messages
        for segment in message.segments
        if segment.tag == "BEG"
    ]


def pyx12(file):
    return [s.get_value("BEG03") for s in X12Reader(io.StringIO(file)) if s.get_seg_id() == "BEG"]


single = interchange(1, "PO-1")
both = single + interchange(2, "PO-2")
seen = {
    reader.__name__: (reader(single), reader(both))
    for reader in (ansi_x12, x12_tidy, mock_edi, pyx12)
}
for reader, (one, two) in seen.items():
    print(f"{reader}: one interchange {one}, two {two}")
assert seen["ansi_x12"][0] == ["one"]
assert "Unexpected segment 'ISA'" in seen["ansi_x12"][1]
assert not seen["x12_tidy"][0]
assert "structure.foreign-content" in seen["x12_tidy"][1]
assert seen["mock_edi"] == (["PO-1"], ["PO-1"])
assert seen["pyx12"] == (["PO-1"], ["PO-1", "PO-2"])
PY
