"""The rows of an online-retail file, and the invoices that they make up.

A row is `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country`. The
rows of an invoice follow each other. Times name no zone and are taken as UTC, which is what the
shop's clocks show in winter. Customers are numbers that some program wrote as decimals
(`17850.0`). Stock codes keep their case: `85123a` is not `85123A`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers.amounts import minor_units
from consumers.consumer import Unreadable
from consumers.files.countries import COUNTRIES
from consumers.files.file_lines import FileLine, Group, Read, UnreadableFile, cells_of, groups
from domain.errors import Invalid
from domain.values import MAX_LINES, MAX_QUANTITY, check_sku, check_text

CURRENCY = "GBP"
HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
# Money without stock, in either case: postage and carriage, manual entries and discounts, samples,
# fees and charges, donations, bad debt and corrections of the books. Gift vouchers (`gift_0001_…`)
# are not among them: they are printed, kept and counted like other goods.
CHARGES = frozenset(
    {
        "POST",
        "DOT",
        "C2",
        "C3",
        "M",
        "D",
        "S",
        "BANK CHARGES",
        "AMAZONFEE",
        "CRUK",
        "B",
        "ADJUST",
        "ADJUST2",
    }
)
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


@dataclass(slots=True)
class Row:
    """One line that can be understood."""

    line: FileLine
    invoice: str
    code: str
    description: str
    quantity: int
    at: datetime
    price: int
    customer: str | None
    country: str

    @property
    def cancels(self) -> bool:
        return self.invoice.startswith("C")

    @property
    def charge(self) -> bool:
        return self.code.upper() in CHARGES


def invoices(lines: Iterator[FileLine]) -> Iterator[Group[Row]]:
    """The invoices of a file; raises UnreadableFile when it is in another format."""
    _check_header(next(lines, None))
    return groups(map(_read, lines), MAX_LINES)


def _check_header(line: FileLine | None) -> None:
    try:
        header = cells_of(line) if line else []
    except Unreadable as why:
        raise UnreadableFile(f"The header: {why}.") from None
    if header != HEADER:
        raise UnreadableFile(f"The header is not {','.join(HEADER)}.")


def _read(line: FileLine) -> Read[Row]:
    number = None
    try:
        cells = cells_of(line)
        if cells == HEADER:
            raise Unreadable("the header again")
        if len(cells) != len(HEADER):
            raise Unreadable(f"the line has not {len(HEADER)} columns")
        number = cells[0] or None
        row = _row(line, cells)
    except Unreadable as why:
        return Read(line, number, why=str(why))
    return Read(line, number, row)


def _row(line: FileLine, cells: list[str]) -> Row:
    invoice, code, description, quantity, at, price, customer, country = cells
    _check_names(invoice, code, description.strip(), customer)
    return Row(
        line=line,
        invoice=invoice,
        code=code,
        description=description.strip(),
        quantity=_quantity(quantity, cancels=invoice.startswith("C")),
        at=_moment(at),
        price=_price(price),
        customer=customer.removesuffix(".0") or None,
        country=_country(country),
    )


def _check_names(invoice: str, code: str, description: str, customer: str) -> None:
    try:
        check_text(invoice, "InvoiceNo")
        check_sku(code, "StockCode")
        if description:
            check_text(description, "Description")
        if customer:
            check_text(customer, "CustomerID")
    except Invalid as why:
        raise Unreadable(f"{why.details['field']}: {why}") from None
    if invoice.startswith("A"):
        raise Unreadable("a bad-debt entry, which concerns no order")


def _quantity(text: str, cancels: bool) -> int:
    if not WHOLE_NUMBER.fullmatch(text):
        raise Unreadable("Quantity is no whole number")
    quantity = int(text)
    if not 0 < abs(quantity) <= MAX_QUANTITY:
        raise Unreadable("Quantity is 0 or beyond every measure")
    if cancels and quantity > 0:
        raise Unreadable("a cancellation of a negative number of units")
    return quantity


def _moment(text: str) -> datetime:
    try:
        if MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise Unreadable("InvoiceDate is no date and time")


def _price(text: str) -> int:
    try:
        price = minor_units(text, CURRENCY)
    except Unreadable:
        raise Unreadable("UnitPrice is no decimal number of whole pence") from None
    if price < 0:
        raise Unreadable("UnitPrice is negative")
    return price


def _country(name: str) -> str:
    if name not in COUNTRIES:
        raise Unreadable("Country is not known")
    return COUNTRIES[name]
