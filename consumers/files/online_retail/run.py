"""The way through a file: its commands in order, and what became of each line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO

from commands.order import CancelLines
from commands.stock import AdjustStock
from consumers.channels.orders import place_order
from consumers.files.file_lines import Group, Progress, read_lines
from consumers.files.importing import (
    Asked,
    Desk,
    ImportReport,
    Job,
    Ledger,
    Outcome,
    Write,
    refusal,
)
from consumers.files.local_times import LocalTimes
from consumers.files.online_retail.rows import CURRENCY, Row, invoices
from consumers.files.online_retail.sales import Sales, Sold
from consumers.files.online_retail.setting_up import CHANNEL, LOCATION, Setup, step
from consumers.files.online_retail.sorting import order_message, sorted_out
from domain.values import LineQuantity, order_id_of

UNEXPLAINED = "unexplained"
NO_CUSTOMER = "a cancellation without a customer"
NO_SALE = "no earlier sale of this customer and code with so many units left"


def import_online_retail(
    file: BinaryIO,
    write: Write,
    rejects: TextIO,
    progress: Progress,
    *,
    actor: str,
    times: LocalTimes | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Carry out what the file tells; a second run changes nothing and reports the same."""
    lines = read_lines(file, progress, encoding=encoding)
    with Sales() as sales:
        run = Run(Desk(write), Ledger(rejects), sales, actor)
        for invoice in invoices(lines, times):
            run.take(invoice)
        run.desk.clear()
    return run.ledger.report


class Run:
    """One way through a file."""

    def __init__(self, desk: Desk, ledger: Ledger, sales: Sales, actor: str) -> None:
        self.desk = desk
        self.ledger = ledger
        self._sales = sales
        self._actor = actor
        self._setup = Setup(actor)
        self._on_hand: Counter[str] = Counter()

    def take(self, invoice: Group[Row]) -> None:
        found = sorted_out(invoice)
        for job in self._setup.needed(found):
            self.desk.put(job)
        if found.bad:
            self.desk.put(Job([], lambda _: self.ledger.rejected(found.bad)), len(found.bad))
        if found.sale:
            self._place(found.sale)
        if found.cancelled:
            self.desk.clear()
        for row in found.cancelled:
            self._cancel(row, row.line.number - invoice.first)
        for row in found.corrected:
            self._correct(row, row.line.number - invoice.first)

    def _place(self, sale: list[Row]) -> None:
        message = order_message(sale)
        command = place_order(message, CHANNEL)
        step = self._step(sale[0], command, "place")
        self.desk.put(Job([step], lambda outcomes: self._placed(sale, outcomes)), len(sale))

    def _placed(self, sale: list[Row], outcomes: Sequence[Outcome]) -> None:
        if self._refused(sale, outcomes):
            return
        report, first = self.ledger.report, sale[0]
        report.orders += 1
        report.revenue[CURRENCY] += sum(row.quantity * row.price for row in sale)
        if first.customer is not None:
            order_id = order_id_of(CHANNEL, first.invoice)
            self._sales.add(first.customer, first.at, _sold(order_id, sale))

    def _cancel(self, row: Row, place: int) -> None:
        if row.customer is None:
            return self._reject(row, NO_CUSTOMER)
        taken = self._sales.take(row.customer, row.code, -row.quantity, row.at)
        if not taken:
            return self._reject(row, NO_SALE)
        steps = [self._cancelling(row, place, *order) for order in _by_order(taken)]
        worth = sum(part.quantity * part.price for part in taken)
        self.desk.put(Job(steps, lambda outcomes: self._cancelled(row, worth, outcomes)))
        return None

    def _cancelling(
        self, row: Row, place: int, order_id: str, lines: tuple[LineQuantity, ...]
    ) -> Asked:
        reason = f"cancelled with {row.invoice}"
        command = CancelLines(order_id=order_id, lines=lines, reason=reason)
        return self._step(row, command, place, "cancel", order_id)

    def _cancelled(self, row: Row, worth: int, outcomes: Sequence[Outcome]) -> None:
        if not self._refused([row], outcomes):
            self.ledger.report.cancellations += 1
            self.ledger.report.cancelled[CURRENCY] += worth

    def _correct(self, row: Row, place: int) -> None:
        opening = max(0, -(self._on_hand[row.code] + row.quantity))
        self._on_hand[row.code] += opening + row.quantity
        correction = AdjustStock(
            location=LOCATION,
            sku=row.code,
            delta=row.quantity,
            reason=row.description or UNEXPLAINED,
            reference=row.invoice,
            opening_balance=opening,
        )
        steps = [self._step(row, correction, place, "adjust")]
        self.desk.put(Job(steps, lambda outcomes: self._corrected(row, outcomes)))

    def _corrected(self, row: Row, outcomes: Sequence[Outcome]) -> None:
        if not self._refused([row], outcomes):
            self.ledger.report.adjustments += 1

    def _step(self, row: Row, command: object, *parts: object) -> Asked:
        name = row.invoice
        return step(command, name, *parts, actor=self._actor, subject=name, at=row.at)

    def _reject(self, row: Row, reason: str) -> None:
        self.desk.put(Job([], lambda _: self.ledger.rejected([(row.line, reason)])))

    def _refused(self, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> bool:
        """Book the rows: applied when every command was accepted, else rejected all of them."""
        reasons = [why for why in map(refusal, outcomes) if why is not None]
        if reasons:
            self.ledger.rejected([(row.line, reasons[0]) for row in rows])
        else:
            self.ledger.applied(len(rows))
        return bool(reasons)


def _sold(order_id: str, sale: Sequence[Row]) -> Iterator[tuple[str, Sold]]:
    for number, row in enumerate(sale, start=1):
        yield row.code, Sold(order_id, number, row.quantity, row.price)


def _by_order(taken: Sequence[Sold]) -> Iterator[tuple[str, tuple[LineQuantity, ...]]]:
    orders: dict[str, list[LineQuantity]] = {}
    for part in taken:
        line = LineQuantity(line=part.line, quantity=part.quantity)
        orders.setdefault(part.order_id, []).append(line)
    for order_id, lines in orders.items():
        yield order_id, tuple(lines)
