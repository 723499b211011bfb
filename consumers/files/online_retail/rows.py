"""The rows of an online-retail file, and the invoices that they make up.

A row is `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country`, in
any order; the names that the second edition of the data gives them are known, too. Other invoices
may stand between the rows of one, as long as its rows are of the same half hour. Customers are
numbers that some program wrote as decimals (`17850.0`). Stock codes keep their case: `85123a` is
not `85123A`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from consumers.amounts import DECIMAL, minor_units
from consumers.consumer import Unreadable
from consumers.files.countries import COUNTRIES
from consumers.files.file_lines import Bad, FileLine, UnreadableFile
from consumers.files.groups import Group, Read, groups
from consumers.files.local_times import LocalTimes, TwoDates
from consumers.files.tables import Table, read_table
from domain.currencies import digits_of
from domain.errors import Invalid
from domain.values import LONGEST_TEXT, MAX_LINES, MAX_QUANTITY, check_sku, check_text

CURRENCY = "GBP"
HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
COLUMNS = {name: name for name in HEADER} | {"Invoice": "InvoiceNo", "Price": "UnitPrice"}
HALF_AN_HOUR = timedelta(minutes=30)
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

    def bad(self, why: str, code: str = Invalid.code) -> Bad:
        return Bad(
            *(self.line, why, code, self.invoice, self.code, self.quantity),
            value=Decimal(self.quantity * self.price),
            currency=CURRENCY,
        )

    @property
    def cancels(self) -> bool:
        return self.invoice.startswith("C")

    @property
    def charge(self) -> bool:
        return self.code.upper() in CHARGES


def invoices(lines: Iterator[FileLine], times: LocalTimes | None = None) -> Iterator[Group[Row]]:
    """The invoices of a file; raises UnreadableFile when it is in another format."""
    table = read_table(lines, COLUMNS, HEADER)
    reader = Reader(table, times or LocalTimes())
    return groups(map(reader.read, table.rows(lines)), MAX_LINES, _of_one_sale)


def _of_one_sale(one: Row, other: Row) -> bool:
    return abs(one.at - other.at) <= HALF_AN_HOUR


class Reader:
    """Reads the rows under one header."""

    def __init__(self, table: Table, times: LocalTimes) -> None:
        self._table = table
        self._times = times
        self._places = tuple(table.columns.index(name) for name in HEADER)
        self._first = True

    def read(self, line: FileLine) -> Read[Row]:
        """Raises UnreadableFile when already the first row's date can be read in two ways."""
        number, cells, first = None, [""] * len(HEADER), self._first
        self._first = False
        try:
            said = self._table.cells(line)
            cells = [said[place] for place in self._places]
            number = cells[0] or None
            row = self._row(line, cells)
        except Unreadable as why:
            if first and isinstance(why, TwoDates):
                raise UnreadableFile(f"{str(why)[:1].upper()}{str(why)[1:]}.") from None
            return Read(line, number, bad=_bad(line, str(why), cells))
        return Read(line, number, row)

    def _row(self, line: FileLine, cells: list[str]) -> Row:
        invoice, code, description, quantity, at, price, customer, country = cells
        _check_names(invoice, code, description, customer)
        return Row(
            line=line,
            invoice=invoice,
            code=code,
            description=description,
            quantity=_quantity(quantity, cancels=invoice.startswith("C")),
            at=self._times.moment(at, "InvoiceDate"),
            price=_price(price),
            customer=customer.removesuffix(".0") or None,
            country=_country(country),
        )


def _bad(line: FileLine, why: str, cells: list[str]) -> Bad:
    """With what can be told of a line that cannot be carried out."""
    number, sku, _, quantity, _, price, *_ = cells
    units = int(quantity) if WHOLE_NUMBER.fullmatch(quantity) else None
    value = None
    if units is not None and DECIMAL.fullmatch(price):
        value = units * Decimal(price).scaleb(digits_of(CURRENCY))
    number, sku = number[:LONGEST_TEXT], sku[:LONGEST_TEXT]
    return Bad(line, why, Invalid.code, number or None, sku or None, units, value, CURRENCY)


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
