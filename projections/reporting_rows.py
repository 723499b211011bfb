"""The tables of reporting: each order, each line, and each later fact with its units and amount."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from projections.projection import Table
from projections.rows import documented

MINOR = "minor units of currency"


@dataclass(slots=True, kw_only=True)
class ReportOrderRow:
    order_id: Annotated[str, "The order"]
    order_day: Annotated[date, "UTC day on which it was placed"]
    channel: Annotated[str, "Where it came from"]
    country: Annotated[str, "Country it goes to, ISO 3166 alpha-2"]
    currency: Annotated[str, "ISO 4217 currency of the amounts"]
    lines: Annotated[int, "Lines, charges included"]
    units: Annotated[int, "Units of goods ordered; charges are no units"] = 0
    amount: Annotated[int, f"What was agreed for all lines, tax included, {MINOR}"] = 0
    charges: Annotated[int, f"The part of amount that is for charge lines, {MINOR}"] = 0
    sourced: Annotated[bool, "Whether locations were chosen for it"] = False
    units_allocated: Annotated[int, "Units promised from stock when it was first sourced"] = 0
    units_backordered: Annotated[int, "Units that had to wait when it was first sourced"] = 0
    shipments: Annotated[
        dict[str, dict[str, int]], "Shipments on their way: shipment -> line -> units"
    ] = field(default_factory=dict)
    placed_at: Annotated[datetime, "When it was placed, business time, UTC"]
    dispatched_at: Annotated[datetime | None, "When its first shipment left, UTC"] = None
    delivered_at: Annotated[datetime | None, "When its last shipment so far arrived, UTC"] = None


@dataclass(slots=True, kw_only=True)
class ReportLineRow:
    order_id: Annotated[str, "The order"]
    line: Annotated[int, "Number of the line within the order"]
    order_day: Annotated[date, "UTC day on which the order was placed"]
    channel: Annotated[str, "Where the order came from"]
    country: Annotated[str, "Country it goes to, ISO 3166 alpha-2"]
    currency: Annotated[str, "ISO 4217 currency of the amount"]
    sku: Annotated[str, "What was ordered"]
    kind: Annotated[str, "stock (goods) or charge (money without stock)"]
    quantity: Annotated[int, "Quantity ordered, of a charge too"]
    units: Annotated[int, "Units of goods ordered; 0 for a charge"]
    amount: Annotated[int, f"What was agreed for the line, tax included, {MINOR}"]
    units_allocated: Annotated[int, "Units promised from stock when it was first sourced"] = 0
    units_backordered: Annotated[int, "Units that had to wait when it was first sourced"] = 0
    cancelled: Annotated[int, "Quantity cancelled so far"] = 0
    shipped: Annotated[int, "Quantity shipped so far"] = 0
    delivered: Annotated[int, "Quantity delivered so far"] = 0
    lost: Annotated[int, "Quantity lost on the way or returned to sender so far"] = 0
    placed_at: Annotated[datetime, "When the order was placed, business time, UTC"]


@dataclass(slots=True, kw_only=True)
class ReportFactRow:
    order_id: Annotated[str, "The order"]
    stream_version: Annotated[int, "Number of the event within the order"]
    n: Annotated[int, "Number of the fact within the event, from 0"]
    position: Annotated[int, "Log position of the event"]
    day: Annotated[date, "UTC day on which it happened"]
    order_day: Annotated[date, "UTC day on which its order was placed"]
    channel: Annotated[str, "Where the order came from"]
    country: Annotated[str, "Country the order goes to, ISO 3166 alpha-2"]
    currency: Annotated[str, "ISO 4217 currency of the amount"]
    kind: Annotated[
        str,
        "Of units: cancelled, allocated (after waiting), backordered (after a promise was lost), "
        "unsourced (neither any more), shipped, delivered, lost, returned_to_sender. Of money: "
        "captured, refunded. Of the whole order: order_cancelled, order_rejected, order_expired",
    ]
    line: Annotated[int | None, "The line, where the fact is about one"] = None
    sku: Annotated[str | None, "Its sku"] = None
    line_kind: Annotated[str | None, "stock or charge"] = None
    orders: Annotated[int, "1 when the fact is about the whole order, else 0"] = 0
    units: Annotated[int, "Units of goods; charges are no units"] = 0
    amount: Annotated[
        int, f"What the units are worth, or the money, {MINOR}; the parts add up to the line"
    ] = 0
    at: Annotated[datetime, "When it happened, business time, UTC"]
    allocated_change: Annotated[int, "By how many units it changed those with a promise"] = 0
    backordered_change: Annotated[int, "By how many units it changed those that wait"] = 0
    unsourced_change: Annotated[int, "By how many units it changed those without a source"] = 0


TABLES = (
    Table(
        name="report_order",
        row=ReportOrderRow,
        key=("order_id",),
        about="Every order with its day of sale, its units, its revenue and when it left.",
        columns=documented(ReportOrderRow),
        indexes=(("order_day",),),
    ),
    Table(
        name="report_line",
        row=ReportLineRow,
        key=("order_id", "line"),
        about="Every ordered line with its day of sale, its units and its revenue.",
        columns=documented(ReportLineRow),
        indexes=(("order_day",), ("sku", "order_day")),
    ),
    Table(
        name="report_fact",
        row=ReportFactRow,
        key=("order_id", "stream_version", "n"),
        about="What happened to orders after they were placed: each on its own day, with its order "
        "and the order's day.",
        columns=documented(ReportFactRow),
        indexes=(("day",), ("sku", "day")),
        append_only=True,
    ),
)
