#!/usr/bin/env bash
# Guess:    the service string advice is looked for where the standard puts it, in front of UNB.
# Seen:     where there is none, pydifact takes the letters UNA behind an apostrophe anywhere in the
#           file for it, and reads the whole file by whatever six characters follow. This Italian
#           delivery note ("from one o'clock on") makes it raise, far from the cause. With a UNA in
#           front the same text is read well.
# Versions: pydifact 0.2.3
# Source:   nerdocs/pydifact pull requests 76 and 77, which let a file begin before its UNA. The
#           apostrophe in the text is released (?') as ISO 9735 wants it.
# Meets us: a partner whose files were read well for years sends one that "is no EDIFACT". Remedy:
#           put a UNA in front of every interchange that has none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydifact==0.2.3

"$work/venv/bin/python" -W ignore - <<'PY'
from pydifact.segmentcollection import Interchange

order = (
    "UNB+UNOC:3+SHOP:14+ORDINAL:14+261129:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO-1+9'"
    "FTX+DEL+++CONSEGNA DALL?'UNA ALLE TRE, SUONARE'UNT+4+1'UNZ+1+1'"
)


def text_of(file):
    try:
        read = Interchange.from_str(file)
        return next(s.elements[3] for s in read.segments if s.tag == "FTX")
    except Exception as error:
        return type(error).__name__


bare, advised = text_of(order), text_of("UNA:+.? '" + order)
print("without UNA:", bare)
print("with UNA:   ", advised)
assert bare in ("IndexError", "EDISyntaxError"), bare
assert advised == "CONSEGNA DALL'UNA ALLE TRE, SUONARE"
PY
