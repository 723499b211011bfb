"""What the rows of an invoice mean: a sale, cancellations, or corrections of the stock."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consumers.channels.orders import OrderMessage, OrderMessageLine
from consumers.files.file_lines import Bad
from consumers.files.groups import Group
from consumers.files.online_retail.rows import CURRENCY, Row
from domain.values import MAX_LINES

TOO_LONG = f"the invoice has more than {MAX_LINES} lines"
NOT_STOCK = "a correction of the stock of a code that is no goods"
OTHER_BUYER = "another customer or country than the invoice's"


@dataclass(slots=True)
class Sorted:
    """The rows of an invoice by what they mean."""

    sale: list[Row] = field(default_factory=list)
    cancelled: list[Row] = field(default_factory=list)
    corrected: list[Row] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def sorted_out(invoice: Group[Row]) -> Sorted:
    if not invoice.whole:
        return Sorted(bad=invoice.all_bad(TOO_LONG))
    found = Sorted(bad=list(invoice.bad))
    free = all(row.price == 0 and row.customer is None for row in invoice.rows)
    for row in invoice.rows:
        if row.cancels:
            found.cancelled.append(row)
        elif row.quantity > 0 and not free:
            _sell(found, row)
        elif row.charge:
            found.bad.append(row.bad(NOT_STOCK))
        else:
            found.corrected.append(row)
    return found


def _sell(found: Sorted, row: Row) -> None:
    first = found.sale[0] if found.sale else row
    if (row.customer, row.country) == (first.customer, first.country):
        found.sale.append(row)
    else:
        found.bad.append(row.bad(OTHER_BUYER))


def order_message(sale: Sequence[Row]) -> OrderMessage:
    first = sale[0]
    return OrderMessage(
        reference=first.invoice,
        currency=CURRENCY,
        country=first.country,
        customer_id=first.customer,
        lines=tuple([_line(row) for row in sale]),
        payment_mode="on_account",
        shortage_policy="backorder",
        ordered_at=first.at,
    )


def _line(row: Row) -> OrderMessageLine:
    return OrderMessageLine(
        sku=row.code,
        quantity=row.quantity,
        unit_price=row.price,
        title=row.description,
        kind="charge" if row.charge else "stock",
    )
