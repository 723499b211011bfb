"""Sums for analysts over the tables of reporting. None of them adds up two currencies.

Sums of money are numeric: a few of the largest amounts are more than a bigint holds.
"""

from collections.abc import Mapping
from typing import NamedTuple

from projections.projection import DayRows
from projections.reporting_queries import DailyRow, FillRateRow, LeadTimesRow, SkuDailyRow
from projections.rows import documented


class Days(NamedTuple):
    """How an order's day and a fact's are told, and which of them are asked for."""

    order_day: str
    orders: str
    day: str
    facts: str


UTC = Days("order_day", "true", "day", "true")


def _daily(days: Days) -> str:
    return f"""
SELECT day, channel, country, currency,
       coalesce(sum(orders) FILTER (WHERE kind = 'ordered'), 0)::bigint AS orders,
       coalesce(sum(units) FILTER (WHERE kind = 'ordered'), 0)::bigint AS units,
       coalesce(sum(amount) FILTER (WHERE kind = 'ordered'), 0) AS revenue,
       coalesce(sum(amount) FILTER (WHERE kind = 'charged'), 0) AS charges,
       coalesce(sum(orders) FILTER (WHERE kind = 'order_cancelled'), 0)::bigint
           AS orders_cancelled,
       coalesce(sum(orders) FILTER (WHERE kind = 'order_rejected'), 0)::bigint
           AS orders_rejected,
       coalesce(sum(units) FILTER (WHERE kind = 'cancelled'), 0)::bigint AS units_cancelled,
       coalesce(sum(amount) FILTER (WHERE kind = 'cancelled'), 0) AS cancelled,
       coalesce(sum(units) FILTER (WHERE kind = 'backordered'), 0)::bigint AS units_backordered,
       coalesce(sum(units) FILTER (WHERE kind = 'shipped'), 0)::bigint AS units_shipped,
       coalesce(sum(amount) FILTER (WHERE kind = 'shipped'), 0) AS shipped,
       coalesce(sum(units) FILTER (WHERE kind = 'delivered'), 0)::bigint AS units_delivered,
       coalesce(sum(units) FILTER (WHERE kind IN ('lost', 'returned_to_sender')), 0)::bigint
           AS units_lost,
       coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0) AS captured,
       coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded,
       coalesce(sum(orders) FILTER (WHERE kind = 'order_expired'), 0)::bigint
           AS orders_expired
FROM (
    SELECT {days.order_day} AS day, channel, country, currency, fact.*
    FROM {{report_order}}, LATERAL (VALUES
        ('ordered', 1, units, amount),
        ('charged', 0, 0, charges),
        ('backordered', 0, units_backordered, 0)
    ) AS fact (kind, orders, units, amount)
    WHERE {days.orders}
    UNION ALL
    SELECT {days.day} AS day, channel, country, currency, kind, orders, units, amount
    FROM {{report_fact}} WHERE {days.facts}
) AS facts
GROUP BY day, channel, country, currency
"""


def _sku_daily(days: Days) -> str:
    return f"""
SELECT day, sku, line_kind, channel, country, currency,
       count(DISTINCT order_id) FILTER (WHERE kind = 'ordered') AS orders,
       coalesce(sum(units) FILTER (WHERE kind = 'ordered'), 0)::bigint AS units,
       coalesce(sum(amount) FILTER (WHERE kind = 'ordered'), 0) AS revenue,
       coalesce(sum(units) FILTER (WHERE kind = 'cancelled'), 0)::bigint AS units_cancelled,
       coalesce(sum(amount) FILTER (WHERE kind = 'cancelled'), 0) AS cancelled,
       coalesce(sum(units) FILTER (WHERE kind = 'backordered'), 0)::bigint AS units_backordered,
       coalesce(sum(units) FILTER (WHERE kind = 'shipped'), 0)::bigint AS units_shipped,
       coalesce(sum(amount) FILTER (WHERE kind = 'shipped'), 0) AS shipped,
       coalesce(sum(units) FILTER (WHERE kind = 'delivered'), 0)::bigint AS units_delivered
FROM (
    SELECT order_id, {days.order_day} AS day, sku, line.kind AS line_kind, channel, country,
           currency, fact.*
    FROM {{report_line}} AS line, LATERAL (VALUES
        ('ordered', units, amount),
        ('backordered', units_backordered, 0)
    ) AS fact (kind, units, amount)
    WHERE {days.orders}
    UNION ALL
    SELECT order_id, {days.day} AS day, sku, line_kind, channel, country, currency, kind, units,
           amount
    FROM {{report_fact}} WHERE line IS NOT NULL AND {days.facts}
) AS facts
GROUP BY day, sku, line_kind, channel, country, currency
"""


SUMS = """sum(orders)::bigint AS orders, sum(units)::bigint AS units,
       sum(revenue) AS revenue, sum(charges) AS charges,
       sum(orders_cancelled)::bigint AS orders_cancelled,
       sum(orders_rejected)::bigint AS orders_rejected,
       sum(units_cancelled)::bigint AS units_cancelled, sum(cancelled) AS cancelled,
       sum(units_backordered)::bigint AS units_backordered,
       sum(units_shipped)::bigint AS units_shipped, sum(shipped) AS shipped,
       sum(units_delivered)::bigint AS units_delivered, sum(units_lost)::bigint AS units_lost,
       sum(captured) AS captured, sum(refunded) AS refunded,
       sum(orders_expired)::bigint AS orders_expired
FROM {report_daily}"""


def _fill_rate(days: Days) -> str:
    return f"""
SELECT {days.order_day} AS order_day, channel, country, sku,
       sum(units)::bigint AS units, sum(units_allocated)::bigint AS units_allocated,
       sum(units_backordered)::bigint AS units_backordered,
       round(sum(units_allocated) / nullif(sum(units), 0), 4) AS fill_rate
FROM {{report_line}} WHERE kind = 'stock' AND {days.orders}
GROUP BY 1, channel, country, sku
"""


def _lead_times(days: Days) -> str:
    return f"""
SELECT order_id, {days.order_day} AS order_day, channel, country, placed_at,
       dispatched_at, delivered_at,
       round(extract(epoch FROM dispatched_at - placed_at) / 3600, 2) AS hours_to_dispatch,
       round(extract(epoch FROM delivered_at - placed_at) / 3600, 2) AS hours_to_delivery
FROM {{report_order}} WHERE {days.orders}
"""


def _percentiles(hours: str, name: str) -> str:
    shares = {"p50": "0.5", "p90": "0.9", "p99": "0.99"}
    return ", ".join(
        f"round(percentile_cont({share}) WITHIN GROUP (ORDER BY {hours})::numeric, 2) AS {name}_{p}"
        for p, share in shares.items()
    )


def _lead_times_daily(orders: str) -> str:
    return f"""
SELECT order_day, channel, country, count(*) AS orders, count(dispatched_at) AS dispatched,
       count(delivered_at) AS delivered,
       {_percentiles("hours_to_dispatch", "dispatch_hours")},
       {_percentiles("hours_to_delivery", "delivery_hours")}
FROM {orders} AS orders GROUP BY order_day, channel, country
"""


BACKORDERS = """
SELECT day, channel, country, sku, sum(began)::bigint AS began, sum(ended)::bigint AS ended,
       sum(sum(began - ended)) OVER (PARTITION BY channel, country, sku ORDER BY day)::bigint
           AS waiting
FROM (
    SELECT order_day AS day, channel, country, sku, units_backordered AS began, 0 AS ended
    FROM {report_line} WHERE units_backordered <> 0
    UNION ALL
    SELECT day, channel, country, sku, greatest(backordered_change, 0),
           greatest(-backordered_change, 0)
    FROM {report_fact} WHERE backordered_change <> 0
) AS changes
GROUP BY day, channel, country, sku
"""

VIEWS: Mapping[str, tuple[str, str]] = {
    "report_daily": (
        _daily(UTC),
        "By UTC day, channel, country and currency: orders, units and revenue of the orders placed "
        "that day, and what was cancelled, put on backorder, shipped, delivered, lost, captured "
        "and refunded that day, whenever the order was placed. Amounts are minor units of currency "
        "with tax; revenue includes charges.",
    ),
    "report_sku_daily": (
        _sku_daily(UTC),
        "The same by sku; line_kind charge is money without units. orders counts the orders that "
        "have the sku, so it cannot be added up over skus.",
    ),
    "report_channel": (
        f"SELECT channel, currency, {SUMS} GROUP BY channel, currency",
        "report_daily summed over all days and countries.",
    ),
    "report_country": (
        f"SELECT country, currency, {SUMS} GROUP BY country, currency",
        "report_daily summed over all days and channels.",
    ),
    "report_fill_rate": (
        _fill_rate(UTC),
        "How much of what was ordered could be promised from stock at once: units_allocated / "
        "units, from 0 to 1, by day of the order, channel, country and sku.",
    ),
    "report_lead_times": (
        _lead_times(UTC),
        "For each order the hours from its placing to its first dispatch and its last delivery.",
    ),
    "report_lead_times_daily": (
        _lead_times_daily("{report_lead_times}"),
        "Percentiles of these hours by day of the order, channel and country.",
    ),
    "report_backorders": (
        BACKORDERS,
        "Units that began and ceased to wait for stock, by UTC day, channel, country and sku, and "
        "those that waited at the end of the day; a day without change has no row.",
    ),
}


def _in_zone(column: str) -> Days:
    """Days of a zone. The stored ones are UTC: a day of any zone touches three of them at most."""
    first, last = f"%(from_{column})s::date - 1", f"%(to_{column})s::date"
    asked = "{0} >= coalesce({1}, '-infinity') AND {0} <= coalesce({2}, 'infinity')"
    return Days(
        "(placed_at AT TIME ZONE %(zone)s::text)::date",
        asked.format("order_day", first, last),
        "(at AT TIME ZONE %(zone)s::text)::date",
        asked.format("day", first, last),
    )


LATEST_ORDER = "SELECT max(order_day) + 2 FROM {report_order}"
LATEST = (
    "SELECT greatest((SELECT max(order_day) FROM {report_order}),"
    " (SELECT max(day) FROM {report_fact})) + 2"
)
ORDER_DAY = _in_zone("order_day")
VIEW_COLUMNS: Mapping[str, str] = {
    **documented(LeadTimesRow),
    **documented(FillRateRow),
    **documented(SkuDailyRow),
    **documented(DailyRow),
    "began": "Units that began to wait for stock that day",
    "ended": "Units that ceased to wait that day: promised, cancelled or taken elsewhere",
    "waiting": "Units that waited at the end of that day",
    "hours_to_dispatch": "Hours from placed to the first dispatch",
    "hours_to_delivery": "Hours from placed to the last delivery so far",
}
DAY_ROWS: Mapping[type, DayRows] = {
    DailyRow: DayRows(_daily(_in_zone("day")), "day", LATEST),
    SkuDailyRow: DayRows(_sku_daily(_in_zone("day")), "day", LATEST),
    FillRateRow: DayRows(_fill_rate(ORDER_DAY), "order_day", LATEST_ORDER),
    LeadTimesRow: DayRows(
        _lead_times_daily(f"({_lead_times(ORDER_DAY)})"), "order_day", LATEST_ORDER
    ),
}
