"""Files of orders: CSV with one line of an order a row, or NDJSON with one order a line.

NDJSON holds orders in the shape of `intake.orders`. CSV has a header, which names some columns of
that shape: reference, sku, quantity, unit_price, currency and country at least, further fields of
the line and of the order, but no people; `consumers.files.order_rows` tells how it says the unit of
its amounts. An empty cell is none. The rows of an order agree about everything but the line; rows
of other orders may stand between them, a few hundred at most. An order with a bad row is rejected
whole, each row with its reason: who ordered three things did not order two.

A channel and a reference name one order for ever, so that a file can be read again and again. What
is known of an order includes no contacts: other people under an old reference change nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO, TextIO

from commands.order import PlaceOrder
from consumers.channels.orders import OrderMessage, place_order
from consumers.consumer import Unreadable
from consumers.files.file_lines import (
    Bad,
    FileLine,
    Group,
    Progress,
    UnreadableFile,
    groups,
    read_lines,
    text_of,
)
from consumers.files.importing import (
    Desk,
    ImportReport,
    Job,
    Ledger,
    Outcome,
    Write,
    asked,
    refusal,
)
from consumers.files.order_rows import KNOWN, REQUIRED, Amounts, OrderRow, Reader
from consumers.files.tables import read_table
from domain.values import MAX_LINES

LONGEST_ORDER = 4 * 1024 * 1024
DISAGREES = "the order's lines disagree about what they share"
INCOMPLETE = "another line of this order was rejected"
TOO_MANY = f"the order has more than {MAX_LINES} lines"

Decode = Callable[[bytes], OrderMessage]
"""One order from its JSON; raises Unreadable."""


def import_orders(
    file: BinaryIO,
    write: Write,
    rejects: TextIO,
    progress: Progress,
    *,
    actor: str,
    channel: str,
    decode: Decode,
    amounts: Amounts | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Place the orders of a file. A first line that begins with `{` makes it NDJSON."""
    lines = read_lines(file, progress, LONGEST_ORDER, encoding)
    first = next((line for line in lines if not line.blank), None)
    if first is None:
        raise UnreadableFile("The file is empty.")
    run = Run(Desk(write), Ledger(rejects), actor, channel)
    lines = chain([first], lines)
    if first.text.lstrip().startswith("{"):
        run.take_json(lines, decode)
    else:
        table = read_table(lines, KNOWN, REQUIRED)
        reader = Reader(table, amounts)
        run.take_csv(groups(map(reader.read, table.rows(lines)), MAX_LINES))
    run.desk.clear()
    return run.ledger.report


class Run:
    """One way through a file."""

    def __init__(self, desk: Desk, ledger: Ledger, actor: str, channel: str) -> None:
        self.desk = desk
        self.ledger = ledger
        self._actor = actor
        self._channel = channel

    def take_json(self, lines: Iterator[FileLine], decode: Decode) -> None:
        for line in lines:
            if line.blank:
                continue
            try:
                message = decode(text_of(line).encode())
                self._place([line], message)
            except Unreadable as why:
                self._reject([(line, str(why))])

    def take_csv(self, orders: Iterator[Group[OrderRow]]) -> None:
        for order in orders:
            lines = [row.line for row in order.rows]
            try:
                why = _flaw(order)
                if why is None:
                    self._place(lines, _message(order.rows))
                else:
                    self._reject(order.all_bad(why))
            except Unreadable as why_not:
                self._reject([(line, str(why_not)) for line in lines])

    def _place(self, lines: list[FileLine], message: OrderMessage) -> None:
        command = place_order(message, self._channel)
        step = asked(
            command,
            *("orders-file", self._channel, message.reference),
            actor=self._actor,
            channel=self._channel,
            subject=message.reference,
            at=message.ordered_at,
        )
        job = Job([step], lambda outcomes: self._placed(lines, command, outcomes))
        self.desk.put(job, len(command.lines))

    def _placed(
        self, lines: list[FileLine], command: PlaceOrder, outcomes: Sequence[Outcome]
    ) -> None:
        why = refusal(outcomes[0])
        if why is not None:
            return self.ledger.rejected([(line, why) for line in lines])
        self.ledger.applied(len(lines))
        self.ledger.report.orders += 1
        self.ledger.report.revenue[command.currency] += sum(
            line.quantity * line.unit_price - line.discount + line.tax for line in command.lines
        )
        return None

    def _reject(self, bad: list[Bad]) -> None:
        self.desk.put(Job([], lambda _: self.ledger.rejected(bad)), len(bad))


def _flaw(order: Group[OrderRow]) -> str | None:
    """Why the order as a whole cannot be meant."""
    if not order.whole:
        return TOO_MANY
    if order.bad:
        return INCOMPLETE
    if any(row.head != order.rows[0].head for row in order.rows):
        return DISAGREES
    return None


def _message(rows: Sequence[OrderRow]) -> OrderMessage:
    return OrderMessage(**rows[0].head, lines=tuple([row.item for row in rows]))
