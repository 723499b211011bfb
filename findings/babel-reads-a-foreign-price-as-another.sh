#!/usr/bin/env bash
# Guess:    a price that isn't written in the locale's way is refused.
# Seen:     Babel's parse_decimal drops grouping signs wherever they stand: in German "12.50" is
#           1250 and "1,234.50" is 1.23450; in English "1.234,50" is 1.23450. With strict=True the
#           first is refused.
# Versions: Babel 2.19.0
# Source:   Babel documents strict, and that without it numbers are read leniently.
# Meets us: a price list from abroad, a hundred times too dear or a thousand times too cheap, and
#           every single row is a valid number.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet babel==2.19.0

"$work/venv/bin/python" - <<'PY'
from babel.numbers import NumberFormatError, parse_decimal


def read(text, locale, strict):
    try:
        return str(parse_decimal(text, locale=locale, strict=strict))
    except NumberFormatError:
        return "refused"


seen = {
    (text, locale): (read(text, locale, False), read(text, locale, True))
    for text, locale in (("12.50", "de"), ("1,234.50", "de"), ("1.234,50", "en"), ("12,50", "de"))
}
for (text, locale), (lenient, strict) in seen.items():
    print(f"{text} in {locale}: {lenient}, strict: {strict}")
assert [lenient for lenient, _ in seen.values()] == ["1250", "1.23450", "1.23450", "12.50"]
assert seen["12.50", "de"][1] == "refused"
PY
