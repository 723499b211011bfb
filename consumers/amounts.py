"""Decimal amounts, as files and foreign channels write them, in minor units."""

import re
from decimal import Decimal

from consumers.consumer import Unreadable

# ISO 4217 currencies that have other than two digits behind the point.
WHOLE = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF")
THOUSANDTHS = re.compile("BHD|IQD|JOD|KWD|LYD|OMR|TND")
DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


def exponent_of(currency: str) -> int:
    if WHOLE.fullmatch(currency):
        return 0
    return 3 if THOUSANDTHS.fullmatch(currency) else 2


def minor_units(amount: str, currency: str) -> int:
    """`2.5` GBP is 250. Raises Unreadable for what is no plain decimal or finer than the money."""
    if not DECIMAL.fullmatch(amount):
        raise Unreadable(f"{amount[:40]!r} is no decimal amount.")
    exponent = exponent_of(currency)
    minor = Decimal(amount).scaleb(exponent)
    if minor != minor.to_integral_value():
        raise Unreadable(f"{amount[:40]} has more than {exponent} decimals.")
    return int(minor)
