"""Which units of which sales may still be cancelled, while a file is gone through."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from types import TracebackType

from consumers.files.memory import Known, Sale, Sold
from domain.errors import Conflict


class NothingSold(Conflict):
    """No sale of this code to this customer is known."""


class SoldLater(Conflict):
    """The customer bought this code only after it was cancelled."""


class MoreThanSold(Conflict):
    """The customer had bought fewer units of this code than are cancelled."""


class CancelledBefore(Conflict):
    """Other cancellations had taken the units of this code that the customer had bought."""


class Sales:
    """Sales by customer and sku, oldest first.

    They are kept in SQLite's unnamed database, which lives in a temporary file once it outgrows a
    small cache and vanishes with the connection: a year of sales must not grow the memory. The
    truth stays in the event log, and what later imports must know in the import's memory.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(
            "CREATE TABLE sold (customer TEXT, sku TEXT, at TEXT, order_id TEXT, line INTEGER,"
            " quantity INTEGER, price INTEGER, left INTEGER)"
        )
        self._db.execute("CREATE INDEX by_buyer ON sold (customer, sku, at)")

    def __enter__(self) -> "Sales":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def add(self, sale: Sale) -> None:
        at = sale.at.isoformat()
        self._insert(
            (sale.customer, sku, at, sale.order_id, number, quantity, price, quantity)
            for number, (sku, quantity, price) in enumerate(sale.lines, start=1)
        )

    def replace(self, customer: str, known: Iterable[Known]) -> None:
        """What a customer bought is this, whatever was added before."""
        self._db.execute("DELETE FROM sold WHERE customer = ?", (customer,))
        self._insert((customer, sku, at.isoformat(), *sold, left) for at, sku, sold, left in known)

    def _insert(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._db.executemany("INSERT INTO sold VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def take(self, customer: str, sku: str, quantity: int, at: datetime) -> tuple[Sold, ...]:
        """The oldest of these units that were sold by then; raises Conflict when they are few."""
        taken: list[tuple[int, Sold]] = []
        lacking, sold = quantity, 0
        with closing(self._candidates(customer, sku, at)) as candidates:
            for row, order_id, line, bought, price, left in candidates:
                part = Sold(order_id, line, min(left, lacking), price)
                sold += bought
                lacking -= part.quantity
                if part.quantity:
                    taken.append((row, part))
                if not lacking:
                    break
        if lacking:
            raise self._why(customer, sku, sold, quantity)
        self._lessen(taken)
        return tuple([part for _, part in taken])

    def _why(self, customer: str, sku: str, sold: int, quantity: int) -> Conflict:
        if sold:
            return MoreThanSold() if sold < quantity else CancelledBefore()
        found = self._db.execute(
            "SELECT 1 FROM sold WHERE customer = ? AND sku = ? LIMIT 1", (customer, sku)
        )
        return SoldLater() if found.fetchone() else NothingSold()

    def _candidates(self, customer: str, sku: str, at: datetime) -> sqlite3.Cursor:
        return self._db.execute(
            "SELECT rowid, order_id, line, quantity, price, left FROM sold"
            " WHERE customer = ? AND sku = ? AND at <= ? ORDER BY at, rowid",
            (customer, sku, at.isoformat()),
        )

    def _lessen(self, taken: list[tuple[int, Sold]]) -> None:
        self._db.executemany(
            "UPDATE sold SET left = left - ? WHERE rowid = ?",
            [(part.quantity, row) for row, part in taken],
        )
