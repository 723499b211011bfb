"""Views of a read model, read page by page like its tables."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.decider import Recorded
from infra.postgres.connections import connect_projector
from infra.readmodels.generations import ensure_generation
from infra.readmodels.reader import RowReader
from infra.readmodels.tables import physical_tables
from projections.projection import ReadModelBehind, UnknownZone
from projections.reporting import REPORTING
from projections.reporting_queries import (
    ORDERS,
    DailyRow,
    FillRateRow,
    SkuDailyRow,
    report_page,
)
from projections.reporting_views import DAY_ROWS
from tests.projections.facts import cancelled, placed
from tests.projections.memory import START, given, history, recorded


def fetched(database: str, row: type, **wanted: Any) -> list[Any]:
    async def ask() -> list[Any]:
        async with RowReader(database, [REPORTING], wait_timeout=1.0) as reader:
            return list(await reader.fetch(report_page(row, **wanted)))

    return asyncio.run(ask())


@pytest.fixture
def placed_on_one_day(ordinal_database: str) -> str:
    with connect_projector(ordinal_database, "test") as conn:
        ensure_generation(conn, REPORTING)
        model = given(REPORTING, history("order-1", placed()))
        for table in physical_tables(REPORTING, 1):
            table.write(conn, list(model.tables[table.row].rows.values()))
    return ordinal_database


@pytest.mark.parametrize("row", DAY_ROWS, ids=lambda row: row.__name__)
def test_the_rows_of_a_view_fit_its_columns(placed_on_one_day: str, row: type) -> None:
    assert fetched(placed_on_one_day, row)
    assert fetched(placed_on_one_day, row, day_from=date(2999, 1, 1)) == []


def test_a_view_is_read_by_its_columns(placed_on_one_day: str) -> None:
    (found,) = fetched(placed_on_one_day, DailyRow, day_from=START.date(), channel="web")
    assert (found.day, found.orders) == (START.date(), 1)
    assert fetched(placed_on_one_day, DailyRow, channel="nobody") == []


ZONES = [("UTC", 3), ("Europe/Berlin", 4), ("America/New_York", 3), ("Pacific/Kiritimati", 4)]


def stored(database: str, events: list[Recorded]) -> None:
    with connect_projector(database, "test") as conn:
        ensure_generation(conn, REPORTING)
        model = given(REPORTING, events)
        for table in physical_tables(REPORTING, 1):
            table.write(conn, list(model.tables[table.row].rows.values()))


@pytest.mark.parametrize(("zone", "day"), ZONES)
def test_a_day_is_that_of_who_asks(ordinal_database: str, zone: str, day: int) -> None:
    """An order at 00:30 in Berlin, cancelled a day later: 23:30 UTC of the day before."""
    at = datetime(2024, 3, 3, 23, 30, tzinfo=UTC)
    later = at + timedelta(days=1)
    cut = recorded("order-1", 2, cancelled(1, 1, unsourced=1), at=later)
    stored(ordinal_database, [recorded("order-1", 1, placed(), at=at), cut])
    latest, first = fetched(ordinal_database, DailyRow, zone=zone)
    assert (first.day, first.orders, first.units_cancelled) == (date(2024, 3, day), 1, 0)
    assert (latest.day, latest.orders, latest.units_cancelled) == (date(2024, 3, day + 1), 0, 1)
    for row, column in ((SkuDailyRow, "day"), (FillRateRow, "order_day")):
        rows = fetched(ordinal_database, row, zone=zone)
        assert getattr(rows[-1], column) == date(2024, 3, day)
    only = {"day_from": date(2024, 3, day), "day_to": date(2024, 3, day + 1)}
    (found,) = fetched(ordinal_database, DailyRow, zone=zone, **only)
    assert found.orders == 1


@pytest.mark.parametrize("zone", ["Mars/Phobos", "Foo/Bar"])
def test_a_zone_that_there_is_not_is_said_so(placed_on_one_day: str, zone: str) -> None:
    with pytest.raises(UnknownZone):
        fetched(placed_on_one_day, DailyRow, zone=zone)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_pages_of_days_far_apart_are_those_of_all_days(ordinal_database: str, zone: str) -> None:
    """Whatever windows the pages were found in."""
    days = [0, 1, 3, 40, 41, 400, 3_000]
    events = [
        recorded(f"order-{n}", 1, placed(), at=START - timedelta(days=n, hours=n % 24))
        for n in days
    ]
    stored(ordinal_database, events)
    everything = fetched(ordinal_database, SkuDailyRow, zone=zone, limit=1_000)
    assert sum(row.orders for row in everything) == 3 * len(days)
    found, after = [], None
    while page := _page(ordinal_database, zone, after):
        found += page
        last = page[-1]
        after = tuple(getattr(last, name) for name in ORDERS[SkuDailyRow])
    assert found == everything


def _page(database: str, zone: str, after: tuple[object, ...] | None) -> list[Any]:
    query = report_page(SkuDailyRow, zone=zone, limit=4)

    async def ask() -> list[Any]:
        async with RowReader(database, [REPORTING], wait_timeout=1.0) as reader:
            return list(await reader.fetch(replace(query, after=after)))

    return asyncio.run(ask())


def test_a_view_of_a_model_that_was_never_built_is_not_there_yet(ordinal_database: str) -> None:
    with pytest.raises(ReadModelBehind):
        fetched(ordinal_database, DailyRow)
