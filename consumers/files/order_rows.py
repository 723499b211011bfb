"""The rows of a CSV file of orders: each is a line, and repeats the head of its order.

No amount is read without its unit: `unit_price_minor` holds whole minor units (2000 pence), and a
column called `unit_price` is read only when it was said what it holds, minor units or major ones
(20.00 pounds).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from consumers.amounts import minor_units
from consumers.channels.orders import OrderMessageLine
from consumers.consumer import Unreadable
from consumers.files.file_lines import Bad, FileLine, UnreadableFile
from consumers.files.groups import Read
from consumers.files.tables import Table
from domain.currencies import check_currency
from domain.errors import Invalid
from domain.values import LineKind, PaymentMode, ShortagePolicy

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,16}", re.ASCII)


@dataclass(slots=True)
class OrderRow:
    """A row: what it says of its order, and its line."""

    line: FileLine
    head: dict[str, Any]
    item: OrderMessageLine

    def bad(self, why: str, code: str = Invalid.code) -> Bad:
        head, item = self.head, self.item
        value = item.quantity * item.unit_price - item.discount + item.tax
        told = (head["reference"], item.sku, item.quantity, Decimal(value), head["currency"])
        return Bad(self.line, why, code, *told)


def _text(value: str) -> str:
    return value


def _whole(value: str) -> int:
    if not WHOLE_NUMBER.fullmatch(value):
        raise Unreadable("no whole number")
    return int(value)


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise Unreadable("no date and time") from None


def _one_of(words: object) -> Callable[[str], str]:
    known = get_args(words)

    def word(value: str) -> str:
        if value not in known:
            raise Unreadable(f"none of {', '.join(known)}")
        return value

    return word


LINE: Mapping[str, Callable[[str], object]] = {
    "sku": _text,
    "quantity": _whole,
    "unit_price": _whole,
    "title": _text,
    "tax": _whole,
    "discount": _whole,
    "kind": _one_of(LineKind),
}
HEAD: Mapping[str, Callable[[str], object]] = {
    "reference": _text,
    "currency": _text,
    "country": _text,
    "customer_id": _text,
    "postal_area": _text,
    "total": _whole,
    "payment_mode": _one_of(PaymentMode),
    "shortage_policy": _one_of(ShortagePolicy),
    "priority": _whole,
    "ship_method": _text,
    "promised_by": _moment,
    "preferred_location": _text,
    "ordered_at": _moment,
}
COLUMNS = {**HEAD, **LINE}
AMOUNTS = ("unit_price", "tax", "discount", "total")
MINOR = "_minor"
# Every name that a column may have.
KNOWN = {name: name for name in [*COLUMNS, *(f"{amount}{MINOR}" for amount in AMOUNTS)]}
REQUIRED = ("reference", "sku", "quantity", "currency", "country")

Amounts = Literal["minor", "major"]
"""What stands in columns of amounts whose names do not say it."""


def unit_of(table: Table, amounts: Amounts | None) -> None:
    """Raises UnreadableFile when it can't be told what an amount of this file is."""
    plain = [name for name in AMOUNTS if name in table.columns]
    both = [name for name in plain if f"{name}{MINOR}" in table.columns]
    if both:
        raise UnreadableFile(f"The header names {both[0]} and {both[0]}{MINOR}: one of them.")
    if plain and amounts is None:
        raise UnreadableFile(
            f"The unit of {', '.join(plain)} is not said: call the column {plain[0]}{MINOR} if it"
            " holds whole pence or cents (2000), or say that all amounts are minor units (2000)"
            " or major ones (20.00): --amounts minor, --amounts major."
        )
    if not {"unit_price", f"unit_price{MINOR}"} & set(table.columns):
        raise UnreadableFile(f"The header lacks unit_price{MINOR}, or unit_price with --amounts.")


class Reader:
    """Reads the rows under one header."""

    def __init__(self, table: Table, amounts: Amounts | None = None) -> None:
        unit_of(table, amounts)
        self._table = table
        self._major = amounts == "major"

    def read(self, line: FileLine) -> Read[OrderRow]:
        said: Mapping[str, str] = {}
        try:
            cells = self._table.cells(line)
            named = zip(self._table.columns, cells, strict=True)
            said = {name: cell for name, cell in named if cell}
            row = self._row(line, said)
        except Unreadable as why:
            key, sku = said.get("reference"), said.get("sku")
            return Read(line, key, bad=Bad(line, str(why), reference=key, sku=sku))
        return Read(line, said["reference"], row)

    def _row(self, line: FileLine, said: Mapping[str, str]) -> OrderRow:
        for column in REQUIRED:
            if column not in said:
                raise Unreadable(f"{column}: missing")
        values = dict(self._value(column, said) for column in said)
        if "unit_price" not in values:
            raise Unreadable("unit_price: missing")
        item: dict[str, Any] = {name: values[name] for name in LINE if name in values}
        head = {name: values[name] for name in HEAD if name in values}
        return OrderRow(line, head, OrderMessageLine(**item))

    def _value(self, column: str, said: Mapping[str, str]) -> tuple[str, object]:
        name = column.removesuffix(MINOR)
        try:
            if self._major and column in AMOUNTS:
                return name, _major(said[column], said["currency"])
            return name, COLUMNS[name](said[column])
        except Unreadable as why:
            raise Unreadable(f"{column}: {why}") from None


def _major(amount: str, currency: str) -> int:
    try:
        check_currency(currency, None)
    except Invalid as why:
        raise Unreadable(str(why)) from None
    return minor_units(amount, currency)
