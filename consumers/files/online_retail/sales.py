"""Which units of which sales may still be cancelled, while a file is gone through."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from types import TracebackType
from typing import NamedTuple


class Sold(NamedTuple):
    """Units of one order line."""

    order_id: str
    line: int
    quantity: int
    price: int


class Sales:
    """The file's sales by customer and sku, oldest first.

    They are kept in SQLite's unnamed database, which lives in a temporary file once it outgrows a
    small cache and vanishes with the connection: a year of sales must not grow the memory, and
    going through the file again fills it again. The truth stays in the event log.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(
            "CREATE TABLE sold (customer TEXT, sku TEXT, at TEXT, order_id TEXT, line INTEGER,"
            " quantity INTEGER, price INTEGER)"
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

    def add(self, customer: str, at: datetime, sold: Iterable[tuple[str, Sold]]) -> None:
        """What a customer bought, by sku."""
        rows = [(customer, sku, at.isoformat(), *each) for sku, each in sold]
        self._db.executemany("INSERT INTO sold VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def take(self, customer: str, sku: str, quantity: int, at: datetime) -> list[Sold]:
        """The oldest of these units that were sold by then; nothing when there are too few."""
        taken: list[tuple[int, Sold]] = []
        with closing(self._candidates(customer, sku, at)) as candidates:
            for row, *sold in candidates:
                known = Sold(*sold)
                part = known._replace(quantity=min(known.quantity, quantity))
                taken.append((row, part))
                quantity -= part.quantity
                if not quantity:
                    break
        if quantity:
            return []
        self._lessen(taken)
        return [part for _, part in taken]

    def _candidates(self, customer: str, sku: str, at: datetime) -> sqlite3.Cursor:
        return self._db.execute(
            "SELECT rowid, order_id, line, quantity, price FROM sold"
            " WHERE customer = ? AND sku = ? AND at <= ? ORDER BY at, rowid",
            (customer, sku, at.isoformat()),
        )

    def _lessen(self, taken: list[tuple[int, Sold]]) -> None:
        for row, part in taken:
            self._db.execute(
                "UPDATE sold SET quantity = quantity - ? WHERE rowid = ?", (part.quantity, row)
            )
            self._db.execute("DELETE FROM sold WHERE rowid = ? AND quantity = 0", (row,))
