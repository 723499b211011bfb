"""What the API reads of reporting: rows summed up by day, and pages of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from projections.projection import Query, Reachable

Channel = Annotated[str, "Where the orders came from"]
Country = Annotated[str, "Country they go to, ISO 3166 alpha-2"]
Currency = Annotated[str, "ISO 4217 currency of the amounts"]
Sku = Annotated[str, "What was ordered"]
Day = Annotated[date, "The day, of the zone that was asked for; UTC in views"]
OrderDay = Annotated[date, "The day of the orders, of the zone that was asked for; UTC in views"]
Orders = Annotated[int, "Orders placed that day"]
Units = Annotated[int, "Units of goods that they ordered"]
Revenue = Annotated[int, "What was agreed for them, tax included, minor units of currency"]
UnitsCancelled = Annotated[int, "Units cancelled that day, less those that were reinstated"]
Cancelled = Annotated[int, "What those were worth, minor units of currency"]
UnitsBackordered = Annotated[int, "Units that began to wait for stock that day"]
UnitsShipped = Annotated[int, "Units dispatched that day"]
Shipped = Annotated[int, "What those were worth, minor units of currency"]
UnitsDelivered = Annotated[int, "Units delivered that day"]
Hours = "Hours from placed to {}: {} of the orders took no longer"
P50, P90, P99 = "half", "nine in ten", "99 in 100"
TO_DISPATCH, TO_DELIVERY = "the first dispatch", "the last delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRow:
    """One day of one channel, country and currency. Amounts are minor units with tax."""

    day: Day
    channel: Channel
    country: Country
    currency: Currency
    orders: Orders
    units: Units
    revenue: Revenue
    charges: Annotated[int, "The part of revenue that is for charges, minor units"]
    orders_cancelled: Annotated[int, "Orders cancelled that day"]
    orders_rejected: Annotated[int, "Orders rejected that day"]
    units_cancelled: UnitsCancelled
    cancelled: Cancelled
    units_backordered: UnitsBackordered
    units_shipped: UnitsShipped
    shipped: Shipped
    units_delivered: UnitsDelivered
    units_lost: Annotated[int, "Units lost or returned to sender that day"]
    captured: Annotated[int, "Money received that day, minor units of currency"]
    refunded: Annotated[int, "Money given back that day, minor units of currency"]
    orders_expired: Annotated[int, "Orders that expired that day, unpaid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuDailyRow:
    """The same by sku; a charge has money and no units."""

    day: Day
    sku: Sku
    line_kind: Annotated[str, "stock (goods) or charge (money without stock)"]
    channel: Channel
    country: Country
    currency: Currency
    orders: Annotated[int, "Orders placed that day that have the sku"]
    units: Units
    revenue: Revenue
    units_cancelled: UnitsCancelled
    cancelled: Cancelled
    units_backordered: UnitsBackordered
    units_shipped: UnitsShipped
    shipped: Shipped
    units_delivered: UnitsDelivered


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRateRow:
    """How much of what was ordered could be promised from stock at once, from 0 to 1."""

    order_day: OrderDay
    channel: Channel
    country: Country
    sku: Sku
    units: Units
    units_allocated: Annotated[int, "Those of them that were promised from stock at once"]
    units_backordered: Annotated[int, "Those of them that had to wait"]
    fill_rate: Annotated[Decimal | None, "units_allocated / units, from 0 to 1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimesRow:
    """Hours from placed to dispatched and to delivered, of the orders of one day."""

    order_day: OrderDay
    channel: Channel
    country: Country
    orders: Orders
    dispatched: Annotated[int, "Those of them of which something was dispatched"]
    delivered: Annotated[int, "Those of them of which something was delivered"]
    dispatch_hours_p50: Annotated[Decimal | None, Hours.format(TO_DISPATCH, P50)]
    dispatch_hours_p90: Annotated[Decimal | None, Hours.format(TO_DISPATCH, P90)]
    dispatch_hours_p99: Annotated[Decimal | None, Hours.format(TO_DISPATCH, P99)]
    delivery_hours_p50: Annotated[Decimal | None, Hours.format(TO_DELIVERY, P50)]
    delivery_hours_p90: Annotated[Decimal | None, Hours.format(TO_DELIVERY, P90)]
    delivery_hours_p99: Annotated[Decimal | None, Hours.format(TO_DELIVERY, P99)]


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
    zone: str = "UTC",
    limit: int = 50,
    **wanted: str | None,
) -> Query:
    """Rows from a day to before another, days of this zone, the latest day first."""
    order = ORDERS[row]
    return Query(
        row=row,
        where={column: value for column, value in wanted.items() if value is not None},
        ranges={order[0]: (day_from, day_to)} if day_from or day_to else {},
        order=order,
        descending=True,
        zone=zone,
        limit=limit,
    )
