"""Views of a read model, read page by page like its tables."""

import asyncio
from datetime import date
from typing import Any

import pytest

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import ensure_generation
from infra.readmodels.reader import RowReader
from infra.readmodels.tables import physical_tables
from projections.projection import ReadModelBehind
from projections.reporting import REPORTING
from projections.reporting_queries import VIEW_ROWS, DailyRow, report_page
from tests.projections.facts import placed
from tests.projections.memory import START, given, history


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


@pytest.mark.parametrize("row", VIEW_ROWS, ids=lambda row: row.__name__)
def test_the_rows_of_a_view_fit_its_columns(placed_on_one_day: str, row: type) -> None:
    assert fetched(placed_on_one_day, row)
    assert fetched(placed_on_one_day, row, day_from=date(2999, 1, 1)) == []


def test_a_view_is_read_by_its_columns(placed_on_one_day: str) -> None:
    (found,) = fetched(placed_on_one_day, DailyRow, day_from=START.date(), channel="web")
    assert (found.day, found.orders) == (START.date(), 1)
    assert fetched(placed_on_one_day, DailyRow, channel="nobody") == []


def test_a_view_of_a_model_that_was_never_built_is_not_there_yet(ordinal_database: str) -> None:
    with pytest.raises(ReadModelBehind):
        fetched(ordinal_database, DailyRow)
