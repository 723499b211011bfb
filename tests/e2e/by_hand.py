"""What read models must say about the gift shop's file, worked out from its text alone.

Units are single things here: each is put on a list when it is sold, and struck off it when it is
cancelled. Nothing of the importer is used.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.consumers.gift_shop import COUNTRY, GOOD, HEADER, NOT_GOODS, told

CHANNEL = "online-retail"
Text = dict[str, str]


@dataclass(slots=True)
class Line:
    """One line of an order, and how many of its units were cancelled on which day."""

    sku: str
    units: int
    pence: int
    cancelled: Counter[str] = field(default_factory=Counter)

    @property
    def goods(self) -> bool:
        return self.sku.upper() not in NOT_GOODS

    @property
    def gone(self) -> int:
        return self.cancelled.total()

    @property
    def open(self) -> int:
        return self.units - self.gone if self.goods else 0


@dataclass(slots=True)
class Sale:
    """One order. A buyer without a number is nobody."""

    reference: str
    buyer: str | None
    country: str
    at: str
    lines: list[Line] = field(default_factory=list)

    @property
    def day(self) -> str:
        return self.at[:10]


@dataclass(slots=True)
class Books:
    """The shop's books after the whole file."""

    sales: dict[str, Sale] = field(default_factory=dict)
    on_hand: Counter[str] = field(default_factory=Counter)
    sold: dict[tuple[str, str], list[tuple[Sale, Line]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def sell(self, row: Text) -> None:
        sale = self.sales.setdefault(row["InvoiceNo"], sale_of(row))
        line = Line(row["StockCode"], int(row["Quantity"]), pence(row))
        sale.lines.append(line)
        if sale.buyer:
            self.sold[sale.buyer, line.sku] += [(sale, line)] * line.units

    def cancel(self, row: Text) -> None:
        units = self.sold[buyer(row), row["StockCode"]]
        wanted = -int(row["Quantity"])
        if len(units) >= wanted:
            for _, line in units[:wanted]:
                line.cancelled[row["InvoiceDate"][:10]] += 1
            del units[:wanted]

    def correct(self, sku: str, units: int) -> None:
        self.on_hand[sku] = max(0, self.on_hand[sku] + units)


def books(*, sales_only: bool = False) -> Books:
    """Sales only is what a channel sends that knows neither cancellations nor corrections."""
    found, orders = Books(), {number: list(lines) for number, lines in told().orders.items()}
    for row in csv.DictReader(io.StringIO(f"{HEADER}\n{GOOD}")):
        sku, units = row["StockCode"], int(row["Quantity"])
        lines = orders.get(row["InvoiceNo"])
        if lines and lines[0] == (sku, units, pence(row)):
            del lines[0]
            found.sell(row)
        elif cancels(row) and not sales_only:
            found.cancel(row)
        elif corrects(row):
            found.correct(sku, 0 if sales_only else units)
    return found


def cancels(row: Text) -> bool:
    return row["InvoiceNo"].startswith("C") and bool(buyer(row))


def corrects(row: Text) -> bool:
    number, sku = row["InvoiceNo"], row["StockCode"]
    return "700020" <= number < "700030" and sku.upper() not in NOT_GOODS


def sale_of(row: Text) -> Sale:
    at = row["InvoiceDate"].replace(" ", "T") + "+00:00"
    country = COUNTRY.get(row["Country"], "")
    return Sale(row["InvoiceNo"], buyer(row) or None, country, at)


def buyer(row: Text) -> str:
    return row["CustomerID"].removesuffix(".0")


def pence(row: Text) -> int:
    return round(float(row["UnitPrice"]) * 100)


# -- the rows of the read models, as SQL shows them


def order_rows(books: Books) -> set[tuple[object, ...]]:
    """Of order_status: who, where, when, and what of it is still wanted."""
    return {
        (
            *(sale.reference, sale.buyer, sale.country, sale.at, len(sale.lines)),
            sum(line.units for line in sale.lines if line.goods),
            sum(line.gone for line in sale.lines if line.goods),
            sum(line.open for line in sale.lines),
            sum(line.units * line.pence for line in sale.lines),
            sum(line.gone * line.pence for line in sale.lines),
        )
        for sale in books.sales.values()
    }


def line_rows(books: Books) -> set[tuple[object, ...]]:
    """Of order_line: each line of each order."""
    return {
        (sale.reference, number, line.sku, line.units, line.gone, line.open)
        for sale in books.sales.values()
        for number, line in enumerate(sale.lines, start=1)
    }


def stock_rows(books: Books) -> set[tuple[object, ...]]:
    """Of inventory: each sku that was sold or corrected. Nothing is there for those who wait."""
    waiting = Counter(dict.fromkeys(books.on_hand, 0))
    for _, line in _lines(books):
        if line.goods:
            waiting[line.sku] += line.open
    return {(sku, books.on_hand[sku], units, books.on_hand[sku]) for sku, units in waiting.items()}


def day_rows(books: Books) -> set[tuple[object, ...]]:
    """Of report_daily: a cancellation counts on its own day and in its order's country."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for sale, line in _lines(books):
        for day, facts in _facts(sale, line):
            sums[day, sale.country] += facts
    for sale in books.sales.values():
        sums[sale.day, sale.country]["orders"] += 1
    return {
        (*key, *(found[name] for name in ("orders", "units", "revenue", "gone", "lost")))
        for key, found in sums.items()
    }


def sku_rows(books: Books) -> set[tuple[object, ...]]:
    """Of report_sku_daily, over all days."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for sale, line in _lines(books):
        for _, facts in _facts(sale, line):
            sums[line.sku] += facts
    return {
        (sku, *(found[name] for name in ("units", "revenue", "gone", "lost")))
        for sku, found in sums.items()
    }


def _facts(sale: Sale, line: Line) -> Iterator[tuple[str, Counter[str]]]:
    goods = int(line.goods)
    yield sale.day, Counter(units=line.units * goods, revenue=line.units * line.pence)
    for day, units in line.cancelled.items():
        yield day, Counter(gone=units * goods, lost=units * line.pence)


def _lines(books: Books) -> Iterator[tuple[Sale, Line]]:
    return ((sale, line) for sale in books.sales.values() for line in sale.lines)
