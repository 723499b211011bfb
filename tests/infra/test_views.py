"""What analysts query: sums that outgrow a bigint, and views that an older release made."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import ensure_generation, refresh_views
from infra.readmodels.tables import physical_tables
from infra.readmodels.views import Column, columns_of, differing
from projections.reporting import REPORTING
from projections.reporting_queries import DailyRow
from projections.reporting_views import DAY_ROWS
from tests.infra.test_reader_views import fetched
from tests.projections.facts import placed
from tests.projections.memory import START, given, history

LARGEST = 10**15
ORDERS = 10_000
OLD = (
    "DROP VIEW read.report_channel, read.report_country, read.report_daily;"
    " CREATE VIEW read.report_daily AS SELECT order_day AS day, channel, country, currency,"
    " count(*)::bigint AS orders, sum(units)::bigint AS units, sum(amount)::bigint AS revenue"
    " FROM read.report_order_g1 GROUP BY order_day, channel, country, currency"
)


@pytest.fixture
def conn(ordinal_database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect_projector(ordinal_database, "test") as session:
        ensure_generation(session, REPORTING)
        yield session


def sell(conn: psycopg.Connection[Any], order: str, amount: int) -> None:
    model = given(REPORTING, history(order, placed()))
    for table in physical_tables(REPORTING, 1):
        table.write(conn, list(model.tables[table.row].rows.values()))
    conn.execute("UPDATE read.report_order_g1 SET amount = %s", (amount,))


def test_the_largest_amounts_add_up(ordinal_database: str, conn: psycopg.Connection[Any]) -> None:
    sell(conn, "order-1", LARGEST)
    for table, number in (("report_order", "order_id"), ("report_line", "order_id")):
        columns = ", ".join(
            "'order-' || n" if column.name == number else column.name
            for column in columns_of(conn, f"{table}_g1")
        )
        conn.execute(
            f"INSERT INTO read.{table}_g1 SELECT {columns} FROM read.{table}_g1,"
            f" generate_series(2, {ORDERS}) AS n".encode()
        )
    (day,) = fetched(ordinal_database, DailyRow)
    assert (day.orders, day.revenue) == (ORDERS, ORDERS * LARGEST)
    for row in DAY_ROWS:
        assert fetched(ordinal_database, row, day_from=START.date())
    found = conn.execute("SELECT revenue FROM read.report_channel").fetchone()
    assert found == (Decimal(ORDERS * LARGEST),)


def test_a_view_of_an_older_release_is_widened_where_it_stands(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(OLD)
    assert {"report_daily", "report_channel"} <= {*differing(conn, REPORTING, 1)}
    refresh_views(conn, REPORTING)
    assert differing(conn, REPORTING, 1) == []
    assert columns_of(conn, "report_daily")[6] == Column("revenue", "numeric")
    granted = "SELECT has_table_privilege('ordinal_analyst', 'read.report_daily', 'SELECT')"
    assert conn.execute(granted).fetchone() == (True,)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE VIEW public.mine AS SELECT revenue FROM read.report_daily",
        "CREATE OR REPLACE VIEW read.report_daily AS SELECT * FROM (SELECT order_day AS day,"
        " channel, country, currency, count(*)::bigint AS orders, sum(units)::bigint AS units,"
        " sum(amount)::bigint AS revenue, 1 AS lost_by_us FROM read.report_order_g1"
        " GROUP BY order_day, channel, country, currency) AS old",
    ],
    ids=["a view of theirs stands on it", "a column would be gone"],
)
def test_a_view_that_others_need_stays_as_it_is(
    ordinal_database: str, conn: psycopg.Connection[Any], change: str
) -> None:
    conn.execute(OLD)
    with psycopg.connect(ordinal_database, autocommit=True) as owner:
        owner.execute(change.encode())
    before = columns_of(conn, "report_daily")
    refresh_views(conn, REPORTING)
    assert columns_of(conn, "report_daily") == before


def test_an_analyst_who_looks_holds_no_projector_up(
    ordinal_database: str, conn: psycopg.Connection[Any]
) -> None:
    conn.execute(OLD)
    with psycopg.connect(ordinal_database) as analyst:
        analyst.execute("SELECT * FROM read.report_daily")
        refresh_views(conn, REPORTING)
    assert differing(conn, REPORTING, 1)
    refresh_views(conn, REPORTING)
    assert not differing(conn, REPORTING, 1)
