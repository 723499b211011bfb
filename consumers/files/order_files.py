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

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import BinaryIO, TextIO

from commands.order import PlaceOrder, RequestedLine
from consumers.channels.orders import OrderMessage, OrderMessageLine, place_order
from consumers.consumer import Unreadable
from consumers.files.file_lines import (
    Bad,
    FileLine,
    Progress,
    UnreadableFile,
    read_lines,
    text_of,
)
from consumers.files.groups import Group, groups
from consumers.files.importing import (
    Desk,
    ImportReport,
    Job,
    Ledger,
    asked,
    command_id,
    refusal,
    rejects,
)
from consumers.files.memory import Memory, Note, Outcome
from consumers.files.order_rows import KNOWN, REQUIRED, Amounts, OrderRow, Reader
from consumers.files.tables import read_table
from domain.values import MAX_LINES

LONGEST_ORDER = 4 * 1024 * 1024
DISAGREES = "the order's lines disagree about what they share"
INCOMPLETE = "another line of this order was rejected"
TOO_MANY = f"the order has more than {MAX_LINES} lines"

Decode = Callable[[bytes], OrderMessage]
"""One order from its JSON; raises Unreadable."""
LeftOut = Callable[[str, str], list[Bad]]
"""The lines of an order that is left out, for a reason that has a code."""


def import_orders(
    file: BinaryIO,
    memory: Memory,
    rejected: TextIO,
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
    run = Run(Desk(memory), Ledger(rejected), actor, channel)
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
                self._place(message, partial(_order_left_out, line, message))
            except Unreadable as why:
                self._reject("", [Bad(line, str(why))])

    def take_csv(self, orders: Iterator[Group[OrderRow]]) -> None:
        for order in orders:
            try:
                why = _flaw(order)
                if why is None:
                    self._place(_message(order.rows), order.all_bad)
                else:
                    self._reject(order.key, order.all_bad(why))
            except Unreadable as why_not:
                self._reject(order.key, order.all_bad(str(why_not)))

    def _place(self, message: OrderMessage, left_out: LeftOut) -> None:
        """`left_out` says what is left out of the file when the order is refused."""
        command = place_order(message, self._channel)
        step = asked(
            command,
            *("orders-file", self._channel, message.reference),
            actor=self._actor,
            channel=self._channel,
            subject=message.reference,
            at=message.ordered_at,
        )

        def noted(_: int, outcome: Outcome) -> list[Note]:
            why = refusal(outcome)
            return [rejects(step[1].command_id, left_out(*why))] if why else []

        settle = partial(self._placed, command, left_out)
        self.desk.put(Job([step], settle, noted=noted), len(command.lines))

    def _placed(self, command: PlaceOrder, left_out: LeftOut, outcomes: Sequence[Outcome]) -> None:
        why = refusal(outcomes[0])
        if why is not None:
            return self.ledger.rejected(left_out(*why))
        self.ledger.applied(len(left_out("", "")))
        self.ledger.report.orders += 1
        self.ledger.report.revenue[command.currency] += _worth(command.lines)
        return None

    def _reject(self, reference: str, bad: list[Bad]) -> None:
        """Lines that ask for nothing: they are known by their order, or by all they say."""
        name = ("orders-file", self._channel, reference)
        if not reference:
            text = bad[0].line.text.encode(errors="surrogateescape")
            name = ("orders-line", self._channel, text.decode(errors="backslashreplace"))
        notes = [rejects(command_id(*name), bad)]
        self.desk.put(Job([], lambda _: self.ledger.rejected(bad), notes), len(bad))


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


def _order_left_out(line: FileLine, message: OrderMessage, why: str, code: str) -> list[Bad]:
    """An order that is one line of a file; it names a sku when it has only one."""
    lines = message.lines
    return [
        Bad(
            *(line, why, code, message.reference),
            sku=lines[0].sku if len(lines) == 1 else None,
            quantity=sum(each.quantity for each in lines),
            value=Decimal(_worth(lines)),
            currency=message.currency,
        )
    ]


def _worth(lines: Iterable[OrderMessageLine | RequestedLine]) -> int:
    return sum(line.quantity * line.unit_price - line.discount + line.tax for line in lines)
