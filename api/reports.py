"""Sums by day of a zone: what was sold, cancelled, sent and paid, and how fast."""

import re
from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field

from api.api_request import Asked
from api.fields import Country, Currency, Id, Sku
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from projections.reporting import REPORTING
from projections.reporting_queries import (
    DailyRow,
    FillRateRow,
    LeadTimesRow,
    SkuDailyRow,
    report_page,
)

routes = Routes("reports")

# Seconds that a sum over years may take; the database ends its work before.
PATIENCE = 6.0
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_out(stated: object) -> object:
    """Pydantic would take a number for seconds since 1970."""
    if not isinstance(stated, str) or not DAY.fullmatch(stated):
        raise ValueError("A day is written as in 2024-05-01")
    return stated


Day = Annotated[
    date, BeforeValidator(_written_out), Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))
]
From = Annotated[Day | None, Query(description="The first day.")]
Zone = Annotated[
    str,
    Query(
        pattern=r"^(UTC|[A-Z][A-Za-z]+(/[A-Za-z0-9_+-]+){1,2})$",
        max_length=64,
        description="Whose days: an IANA name, such as Europe/Berlin.",
        examples=["Europe/Berlin"],
    ),
]
To = Annotated[Day | None, Query(description="The day after the last one.")]


@routes.query("/reports/daily", reads=REPORTING.name, patience=PATIENCE)
async def report_daily(
    asked: Asked,
    day_from: From = None,
    day_to: To = None,
    zone: Zone = "UTC",
    channel: Id | None = None,
    country: Country | None = None,
    currency: Currency | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DailyRow]:
    """Orders, units and money by day, channel, country and currency, the latest day first."""
    query = report_page(
        DailyRow,
        day_from=day_from,
        day_to=day_to,
        zone=zone,
        channel=channel,
        country=country,
        currency=currency,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/reports/skus", reads=REPORTING.name, patience=PATIENCE)
async def report_skus(
    asked: Asked,
    day_from: From = None,
    day_to: To = None,
    zone: Zone = "UTC",
    sku: Sku | None = None,
    channel: Id | None = None,
    country: Country | None = None,
    currency: Currency | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SkuDailyRow]:
    """The same by sku."""
    query = report_page(
        SkuDailyRow,
        day_from=day_from,
        day_to=day_to,
        zone=zone,
        sku=sku,
        channel=channel,
        country=country,
        currency=currency,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/reports/fill-rate", reads=REPORTING.name, patience=PATIENCE)
async def report_fill_rate(
    asked: Asked,
    day_from: From = None,
    day_to: To = None,
    zone: Zone = "UTC",
    sku: Sku | None = None,
    channel: Id | None = None,
    country: Country | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FillRateRow]:
    """How much of what was ordered could be promised from stock at once."""
    query = report_page(
        FillRateRow,
        day_from=day_from,
        day_to=day_to,
        zone=zone,
        sku=sku,
        channel=channel,
        country=country,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/reports/lead-times", reads=REPORTING.name, patience=PATIENCE)
async def report_lead_times(
    asked: Asked,
    day_from: From = None,
    day_to: To = None,
    zone: Zone = "UTC",
    channel: Id | None = None,
    country: Country | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LeadTimesRow]:
    """Hours from placed to dispatched and to delivered, as percentiles by day."""
    query = report_page(
        LeadTimesRow,
        day_from=day_from,
        day_to=day_to,
        zone=zone,
        channel=channel,
        country=country,
        limit=limit,
    )
    return await page_of(asked, query, cursor)
