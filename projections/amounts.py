"""Amounts of money: integers of minor units, their parts, and how people write them."""

from domain.currencies import digits_of


def part_of(total: int, whole: int, before: int, units: int) -> int:
    """What these units of a line are worth in minor units, `before` of them being valued already.

    Rounded cumulatively, so that the parts of a line always add up to its total.
    """
    return total * (before + units) // whole - total * before // whole


def money(amount: int, currency: str) -> str:
    """An amount of minor units as people write it: 4256, GBP -> 42.56 GBP."""
    digits = digits_of(currency)
    sign, units = "-" if amount < 0 else "", str(abs(amount)).rjust(digits + 1, "0")
    major, minor = (units[:-digits], f".{units[-digits:]}") if digits else (units, "")
    return f"{sign}{major}{minor} {currency}"
