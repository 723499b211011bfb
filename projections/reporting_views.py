"""Sums for analysts over the tables of reporting. None of them adds up two currencies.

Sums of money are numeric: a few of the largest amounts are more than a bigint holds.
"""

from collections.abc import Mapping

DAILY = """
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
       coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded
FROM (
    SELECT order_day AS day, channel, country, currency, fact.*
    FROM {report_order}, LATERAL (VALUES
        ('ordered', 1, units, amount),
        ('charged', 0, 0, charges),
        ('backordered', 0, units_backordered, 0)
    ) AS fact (kind, orders, units, amount)
    UNION ALL
    SELECT day, channel, country, currency, kind, orders, units, amount FROM {report_fact}
) AS facts
GROUP BY day, channel, country, currency
"""

SKU_DAILY = """
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
    SELECT order_id, order_day AS day, sku, line.kind AS line_kind, channel, country, currency,
           fact.*
    FROM {report_line} AS line, LATERAL (VALUES
        ('ordered', units, amount),
        ('backordered', units_backordered, 0)
    ) AS fact (kind, units, amount)
    UNION ALL
    SELECT order_id, day, sku, line_kind, channel, country, currency, kind, units, amount
    FROM {report_fact} WHERE line IS NOT NULL
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
       sum(captured) AS captured, sum(refunded) AS refunded
FROM {report_daily}"""

FILL_RATE = """
SELECT order_day, channel, country, sku,
       sum(units)::bigint AS units, sum(units_allocated)::bigint AS units_allocated,
       sum(units_backordered)::bigint AS units_backordered,
       round(sum(units_allocated) / nullif(sum(units), 0), 4) AS fill_rate
FROM {report_line} WHERE kind = 'stock'
GROUP BY order_day, channel, country, sku
"""

LEAD_TIMES = """
SELECT order_id, order_day, channel, country, placed_at, dispatched_at, delivered_at,
       round(extract(epoch FROM dispatched_at - placed_at) / 3600, 2) AS hours_to_dispatch,
       round(extract(epoch FROM delivered_at - placed_at) / 3600, 2) AS hours_to_delivery
FROM {report_order}
"""


def _percentiles(hours: str, name: str) -> str:
    shares = {"p50": "0.5", "p90": "0.9", "p99": "0.99"}
    return ", ".join(
        f"round(percentile_cont({share}) WITHIN GROUP (ORDER BY {hours})::numeric, 2) AS {name}_{p}"
        for p, share in shares.items()
    )


LEAD_TIMES_DAILY = f"""
SELECT order_day, channel, country, count(*) AS orders, count(dispatched_at) AS dispatched,
       count(delivered_at) AS delivered,
       {_percentiles("hours_to_dispatch", "dispatch_hours")},
       {_percentiles("hours_to_delivery", "delivery_hours")}
FROM {{report_lead_times}} GROUP BY order_day, channel, country
"""

VIEWS: Mapping[str, tuple[str, str]] = {
    "report_daily": (
        DAILY,
        "By UTC day, channel, country and currency: orders, units and revenue of the orders placed "
        "that day, and what was cancelled, put on backorder, shipped, delivered, lost, captured "
        "and refunded that day, whenever the order was placed. Amounts are minor units of currency "
        "with tax; revenue includes charges.",
    ),
    "report_sku_daily": (
        SKU_DAILY,
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
        FILL_RATE,
        "How much of what was ordered could be promised from stock at once: units_allocated / "
        "units, from 0 to 1, by day of the order, channel, country and sku.",
    ),
    "report_lead_times": (
        LEAD_TIMES,
        "For each order the hours from its placing to its first dispatch and its last delivery.",
    ),
    "report_lead_times_daily": (
        LEAD_TIMES_DAILY,
        "Percentiles of these hours by day of the order, channel and country.",
    ),
}
