"""Decimal amounts, as files and foreign channels write them, in minor units."""

import re
from decimal import Decimal

from consumers.consumer import Unreadable
from domain.currencies import digits_of

DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


def minor_units(amount: str, currency: str) -> int:
    """`2.5` GBP is 250. Raises Unreadable for what is no plain decimal or finer than the money."""
    if not DECIMAL.fullmatch(amount):
        raise Unreadable(f"{amount[:40]!r} is no decimal amount.")
    exponent = digits_of(currency)
    minor = Decimal(amount).scaleb(exponent)
    if minor != minor.to_integral_value():
        raise Unreadable(f"{amount[:40]} has more than {exponent} decimals.")
    return int(minor)
