"""The rows of a CSV file of orders: each is a line, and repeats the head of its order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from consumers.channels.orders import OrderMessageLine
from consumers.consumer import Unreadable
from consumers.files.file_lines import FileLine, Read, UnreadableFile, cells_of
from domain.values import LineKind, PaymentMode, ShortagePolicy

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,16}", re.ASCII)


@dataclass(slots=True)
class OrderRow:
    """A row: what it says of its order, and its line."""

    line: FileLine
    head: dict[str, Any]
    item: OrderMessageLine


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
REQUIRED = ("reference", "sku", "quantity", "unit_price", "currency", "country")


def reader(header: list[str]) -> Callable[[FileLine], Read[OrderRow]]:
    """Reads rows under this header; raises UnreadableFile when it is none."""
    unknown = [column for column in header if column not in COLUMNS]
    missing = [column for column in REQUIRED if column not in header]
    if unknown or len(set(header)) != len(header):
        raise UnreadableFile(f"The header names unknown columns, or one twice: {header}.")
    if missing:
        raise UnreadableFile(f"The header lacks {', '.join(missing)}.")
    return lambda line: _read(header, line)


def _read(header: list[str], line: FileLine) -> Read[OrderRow]:
    key = None
    try:
        cells = cells_of(line)
        if cells == header:
            raise Unreadable("the header again")
        if len(cells) != len(header):
            raise Unreadable(f"the line has not {len(header)} columns")
        said = {column: cell for column, cell in zip(header, cells, strict=True) if cell}
        key = said.get("reference")
        row = _row(line, said)
    except Unreadable as why:
        return Read(line, key, why=str(why))
    return Read(line, key, row)


def _row(line: FileLine, said: Mapping[str, str]) -> OrderRow:
    for column in REQUIRED:
        if column not in said:
            raise Unreadable(f"{column}: missing")
    item: dict[str, Any] = {column: _value(column, said) for column in LINE if column in said}
    head = {column: _value(column, said) for column in HEAD if column in said}
    return OrderRow(line, head, OrderMessageLine(**item))


def _value(column: str, said: Mapping[str, str]) -> object:
    try:
        return COLUMNS[column](said[column])
    except Unreadable as why:
        raise Unreadable(f"{column}: {why}") from None
