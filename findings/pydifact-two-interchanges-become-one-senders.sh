#!/usr/bin/env bash
# Guess:    a file that holds two interchanges is read as two, or refused.
# Seen:     pydifact makes one of them: the orders of the second sender are handed out under the
#           first one's UNB, nothing is raised, and written again the second envelope is gone. Where
#           both number their messages from 1, one interchange then holds message 1 twice.
# Versions: pydifact 0.2.3
# Source:   nerdocs/pydifact issue 73, where such files are said to work fine. ISO 9735 lets
#           interchanges follow each other.
# Meets us: a value-added network puts the night's mail of all partners into one file. An order is
#           then delivered to, and invoiced at, somebody else. Remedy: cut at each UNB first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydifact==0.2.3

"$work/venv/bin/python" -W ignore - <<'PY'
from pydifact.segmentcollection import Interchange

ONE = "UNB+UNOC:3+{0}:14+ORDINAL:14+261129:1200+{1}'UNH+1+ORDERS:D:96A:UN'" \
      "BGM+220+PO-{0}+9'UNT+3+1'UNZ+1+{1}'"
mail = ONE.format("ALPHA", 71) + ONE.format("BETA", 15)
interchange = Interchange.from_str(mail)
orders = [message.segments[0].elements[1] for message in interchange.get_messages()]
numbers = [message.reference_number for message in interchange.get_messages()]
print("sender:", interchange.sender, "control reference:", interchange.control_reference)
print("orders:", orders, "message numbers:", numbers)
assert interchange.sender[0] == "ALPHA"
assert orders == ["PO-ALPHA", "PO-BETA"]
assert numbers == ["1", "1"]
assert interchange.serialize().count("UNB+") == 1
assert "+BETA:" not in interchange.serialize()
PY
