"""The way through a file: its commands in order, and what became of each line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO
from uuid import UUID

from commands.order import CancelLines
from commands.stock import AdjustStock
from consumers.channels.orders import place_order
from consumers.files.file_lines import Bad, Progress, read_lines
from consumers.files.groups import Group
from consumers.files.importing import (
    Desk,
    ImportReport,
    Job,
    Ledger,
    command_id,
    refusal,
    rejects,
)
from consumers.files.local_times import LocalTimes
from consumers.files.memory import (
    Asked,
    Credit,
    KeptRefusal,
    Lifted,
    Memory,
    Note,
    Outcome,
    Sale,
    Sold,
)
from consumers.files.online_retail.rows import CURRENCY, Row, invoices
from consumers.files.online_retail.sales import Sales
from consumers.files.online_retail.setting_up import CHANNEL, LOCATION, Setup, step
from consumers.files.online_retail.sorting import order_message, sorted_out
from domain.errors import Invalid, OrdinalError
from domain.values import LineQuantity, order_id_of

UNEXPLAINED = "unexplained"


class NoCustomer(Invalid):
    """A cancellation names the customer whose sales it takes back."""


def import_online_retail(
    file: BinaryIO,
    memory: Memory,
    rejected: TextIO,
    progress: Progress,
    *,
    actor: str,
    times: LocalTimes | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Carry out what the file tells; a second run changes nothing and reports the same."""
    lines = read_lines(file, progress, encoding=encoding)
    with Sales() as sales:
        run = Run(Desk(memory), Ledger(rejected), sales, actor)
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
        # Customers whose earlier sales are known, and those whose latest are not settled.
        self._met: set[str] = set()
        self._unsettled: Counter[str] = Counter()

    def take(self, invoice: Group[Row]) -> None:
        found = sorted_out(invoice)
        for job in self._setup.needed(found):
            self.desk.put(job)
        if found.bad:
            self._leave_out(found.bad)
        if found.sale:
            self._place(found.sale)
        if found.cancelled:
            self._cancel_all(found.cancelled, invoice.first)
        for row, key in _told_apart(found.corrected, "adjust"):
            self._correct(row, key, row.line.number - invoice.first)

    def _leave_out(self, bad: Sequence[Bad]) -> None:
        """Lines that ask for nothing: each is known by all that stands in it."""
        counts: Counter[str] = Counter()
        notes: list[Note] = []
        for each in bad:
            text = each.line.text
            counts[text] += 1
            notes.append(rejects(command_id(CHANNEL, "line", _plain(text), counts[text]), [each]))
        self.desk.put(Job([], lambda _: self.ledger.rejected(bad), notes), len(bad))

    # -- sales

    def _place(self, sale: list[Row]) -> None:
        first = sale[0]
        command = place_order(order_message(sale), CHANNEL)
        asked = self._step(first, command, first.invoice, "place")
        known = _sale_of(sale)
        if known:
            self._unsettled[known.customer] += 1

        def noted(_: int, outcome: Outcome) -> list[Note]:
            if why := refusal(outcome):
                return [rejects(_id_of(asked), [row.bad(*why) for row in sale])]
            return [known] if known else []

        self.desk.put(
            Job([asked], lambda outcomes: self._placed(sale, known, outcomes), noted=noted),
            len(sale),
        )

    def _placed(self, sale: list[Row], known: Sale | None, outcomes: Sequence[Outcome]) -> None:
        if known:
            self._unsettled -= Counter([known.customer])
        if self._refused(sale, outcomes):
            return
        self.ledger.report.orders += 1
        self.ledger.report.revenue[CURRENCY] += sum(row.quantity * row.price for row in sale)
        if known:
            self._sales.add(known)

    # -- cancellations

    def _cancel_all(self, rows: Sequence[Row], first: int) -> None:
        keyed = list(_told_apart(rows, "cancel"))
        ids = [key for _, key in keyed]
        memory = self.desk.memory
        taken, left_out = memory.credits(ids), memory.left_out(ids)
        for row, key in keyed:
            kept = None if memory.anew else left_out.get(key)
            try:
                parts = taken.get(key) or self._matched(row, kept)
            except OrdinalError as why:
                self._reject(row, key, why)
            else:
                own: list[Note] = [Credit(key, parts)]
                if key in left_out:
                    own.append(Lifted(key))
                self._cancel(row, key, parts, own, row.line.number - first)

    def _matched(self, row: Row, kept: KeptRefusal | None) -> tuple[Sold, ...]:
        if kept is not None:
            raise kept
        if row.customer is None:
            raise NoCustomer
        self._meet(row.customer)
        return self._sales.take(row.customer, row.code, -row.quantity, row.at)

    def _meet(self, customer: str) -> None:
        """Have all at hand that this customer bought, in this file and in earlier ones."""
        if self._unsettled[customer]:
            self.desk.clear()
        if customer not in self._met:
            self._met.add(customer)
            known = self.desk.memory.sales(customer)
            if known is not None:
                self._sales.replace(customer, known)

    def _cancel(
        self, row: Row, key: UUID, parts: tuple[Sold, ...], own: list[Note], place: int
    ) -> None:
        """What it takes is kept with its first command, whatever becomes of that."""
        orders = list(_by_order(parts))
        steps = [self._cancelling(row, key, place, *order) for order in orders]
        worth = [sum(part.quantity * part.price for part in own) for _, own in orders]

        def noted(number: int, outcome: Outcome) -> list[Note]:
            notes = [] if number else [*own]
            if why := refusal(outcome):
                notes.append(rejects(_id_of(steps[number]), [row.bad(*why)]))
            return notes

        job = Job(steps, lambda done: self._cancelled(row, sum(worth), done), noted=noted)
        self.desk.put(job)

    def _cancelling(
        self, row: Row, key: UUID, place: int, order_id: str, parts: Sequence[Sold]
    ) -> Asked:
        lines = tuple([LineQuantity(line=each.line, quantity=each.quantity) for each in parts])
        command = CancelLines(
            order_id=order_id, lines=lines, reason=f"cancelled with {row.invoice}"
        )
        former = command_id(CHANNEL, row.invoice, place, "cancel", order_id)
        return self._step(row, command, str(key), order_id, former=former)

    def _cancelled(self, row: Row, worth: int, outcomes: Sequence[Outcome]) -> None:
        if not self._refused([row], outcomes):
            self.ledger.report.cancellations += 1
            self.ledger.report.cancelled[CURRENCY] += worth

    def _reject(self, row: Row, key: UUID, why: Exception) -> None:
        bad = row.bad(*(refusal(why) or ("", "")))
        self.desk.put(Job([], lambda _: self.ledger.rejected([bad]), [rejects(key, [bad])]))

    # -- corrections of the stock

    def _correct(self, row: Row, key: UUID, place: int) -> None:
        correction = AdjustStock(
            location=LOCATION,
            sku=row.code,
            delta=row.quantity,
            reason=row.description or UNEXPLAINED,
            reference=row.invoice,
            opens_balance=True,
        )
        former = command_id(CHANNEL, row.invoice, place, "adjust")
        asked = self._step(row, correction, str(key), former=former)

        def noted(_: int, outcome: Outcome) -> list[Note]:
            why = refusal(outcome)
            return [rejects(_id_of(asked), [row.bad(*why)])] if why else []

        self.desk.put(Job([asked], lambda done: self._corrected(row, done), noted=noted))

    def _corrected(self, row: Row, outcomes: Sequence[Outcome]) -> None:
        if not self._refused([row], outcomes):
            self.ledger.report.adjustments += 1

    # -- all of them

    def _step(self, row: Row, command: object, *parts: object, former: UUID | None = None) -> Asked:
        return step(
            command, *parts, actor=self._actor, subject=row.invoice, at=row.at, former=former
        )

    def _refused(self, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> bool:
        """Book the rows: applied when every command was accepted, else rejected all of them."""
        reasons = [why for why in map(refusal, outcomes) if why is not None]
        if reasons:
            self.ledger.rejected([row.bad(*reasons[0]) for row in rows])
        else:
            self.ledger.applied(len(rows))
        return bool(reasons)


def _told_apart(rows: Sequence[Row], what: str) -> Iterator[tuple[Row, UUID]]:
    """Each row with its id: rows that say the same in one invoice are told apart by their number.

    A row keeps its id whatever stands around it, and in whichever file it comes.
    """
    counts: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        said = (row.invoice, row.code, row.description, row.quantity, row.price, row.customer)
        counts[said] += 1
        yield row, command_id(CHANNEL, what, *said, counts[said])


def _plain(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _id_of(asked: Asked) -> UUID:
    return asked[1].command_id


def _sale_of(sale: Sequence[Row]) -> Sale | None:
    """What may be cancelled of it later: nothing that nobody is known to have bought."""
    first = sale[0]
    if first.customer is None:
        return None
    lines = tuple([(row.code, row.quantity, row.price) for row in sale])
    return Sale(order_id_of(CHANNEL, first.invoice), first.customer, first.at, lines)


def _by_order(taken: Sequence[Sold]) -> Iterator[tuple[str, list[Sold]]]:
    orders: dict[str, list[Sold]] = {}
    for part in taken:
        orders.setdefault(part.order_id, []).append(part)
    yield from orders.items()
