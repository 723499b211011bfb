#!/usr/bin/env bash
# Guess:    two decoders with the same types read the same body to the same values, or one refuses.
# Seen:     both accept, and differ: a Decimal written as a JSON number goes through a float in
#           pydantic (12345678901234567.89 loses its cents) and is exact in msgspec; a seventh digit
#           of a second is rounded by msgspec and cut by pydantic; bytes are base64 for msgspec and
#           the text itself for pydantic. "NaN" is a Decimal to msgspec alone.
# Versions: msgspec 0.23.0, pydantic 2.14.4
# Source:   each documents its own conversions; run side by side.
# Meets us: an edge that decodes fast with the one and explains refusals with the other stores
#           another amount than it shows. Remedy: decode none of these types natively there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet msgspec==0.23.0 pydantic==2.14.4

"$work/venv/bin/python" - <<'PY'
from datetime import datetime
from decimal import Decimal

import msgspec
import pydantic


def both(kind, value):
    """What msgspec and pydantic make of one JSON value of this type."""
    found = []
    for read in (
        lambda: msgspec.json.decode(value, type=kind),
        lambda: pydantic.TypeAdapter(kind).validate_json(value),
    ):
        try:
            found.append(read())
        except (msgspec.ValidationError, pydantic.ValidationError):
            found.append("refused")
    return [v.isoformat()[:26] if isinstance(v, datetime) else v for v in found]


CASES = {
    "12345678901234567.89": Decimal,
    '"12345678901234567.89"': Decimal,
    '"NaN"': Decimal,
    '"2026-11-29T12:00:00.1234567Z"': datetime,
    '"T3JkaW5hbA=="': bytes,
}
seen = {value: both(kind, value) for value, kind in CASES.items()}
for value, (by_msgspec, by_pydantic) in seen.items():
    print(f"{value}: msgspec {by_msgspec!r}, pydantic {by_pydantic!r}")
exact = Decimal("12345678901234567.89")
assert seen["12345678901234567.89"] == [exact, Decimal("12345678901234568")]
assert seen['"12345678901234567.89"'] == [exact, exact]
assert str(seen['"NaN"'][0]) == "NaN"
assert seen['"NaN"'][1] == "refused"
assert seen['"2026-11-29T12:00:00.1234567Z"'] == [
    "2026-11-29T12:00:00.123457", "2026-11-29T12:00:00.123456"
]
assert seen['"T3JkaW5hbA=="'] == [b"Ordinal", b"T3JkaW5hbA=="]
PY
