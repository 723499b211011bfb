"""What the API reads of reporting: rows of its views, and pages of them by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from projections.projection import Query, Reachable


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRow:
    """One day of one channel, country and currency. Amounts are minor units with tax."""

    day: date
    channel: str
    country: str
    currency: str
    orders: int
    units: int
    revenue: int
    charges: int
    orders_cancelled: int
    orders_rejected: int
    units_cancelled: int
    cancelled: int
    units_backordered: int
    units_shipped: int
    shipped: int
    units_delivered: int
    captured: int
    refunded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuDailyRow:
    """The same by sku; a charge has money and no units."""

    day: date
    sku: str
    line_kind: str
    channel: str
    country: str
    currency: str
    orders: int
    units: int
    revenue: int
    units_cancelled: int
    cancelled: int
    units_backordered: int
    units_shipped: int
    shipped: int
    units_delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRateRow:
    """How much of what was ordered could be promised from stock at once, from 0 to 1."""

    order_day: date
    channel: str
    country: str
    sku: str
    units: int
    units_allocated: int
    units_backordered: int
    fill_rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimesRow:
    """Hours from placed to dispatched and to delivered, of the orders of one day."""

    order_day: date
    channel: str
    country: str
    orders: int
    dispatched: int
    delivered: int
    dispatch_hours_p50: Decimal | None
    dispatch_hours_p90: Decimal | None
    dispatch_hours_p99: Decimal | None
    delivery_hours_p50: Decimal | None
    delivery_hours_p90: Decimal | None
    delivery_hours_p99: Decimal | None


VIEW_ROWS: Mapping[type, str] = {
    DailyRow: "report_daily",
    SkuDailyRow: "report_sku_daily",
    FillRateRow: "report_fill_rate",
    LeadTimesRow: "report_lead_times_daily",
}
_PLACE = {"channel": "channel", "country": "country"}
REACH: Mapping[type, Reachable] = {
    DailyRow: Reachable(columns={**_PLACE, "currency": "currency"}),
    SkuDailyRow: Reachable(columns={**_PLACE, "currency": "currency"}),
    FillRateRow: Reachable(columns=_PLACE),
    LeadTimesRow: Reachable(columns=_PLACE),
}
ORDERS: Mapping[type, tuple[str, ...]] = {
    DailyRow: ("day", "channel", "country", "currency"),
    SkuDailyRow: ("day", "sku", "line_kind", "channel", "country", "currency"),
    FillRateRow: ("order_day", "channel", "country", "sku"),
    LeadTimesRow: ("order_day", "channel", "country"),
}


def report_page(
    row: type,
    *,
    day_from: date | None = None,
    day_to: date | None = None,
    limit: int = 50,
    **wanted: str | None,
) -> Query:
    """Rows of one view from a day to before another, the latest day first."""
    order = ORDERS[row]
    return Query(
        row=row,
        where={column: value for column, value in wanted.items() if value is not None},
        ranges={order[0]: (day_from, day_to)} if day_from or day_to else {},
        order=order,
        descending=True,
        limit=limit,
    )
