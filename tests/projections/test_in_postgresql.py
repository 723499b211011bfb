"""The read models in a real PostgreSQL: their rows there and back, and what their views say."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, timedelta
from hashlib import shake_128
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from domain.decider import Recorded
from domain.order import events as e
from domain.stock import events as se
from infra.postgres.connections import connect_projector
from infra.readmodels.generations import ensure_generation
from infra.readmodels.tables import physical_tables
from projections import PROJECTIONS
from projections.inventory import INVENTORY, over_locations
from projections.inventory_rows import InventoryRow
from projections.order_status import ORDER_STATUS
from projections.order_status_rows import OrderLineRow
from projections.projection import Projection
from projections.reporting import REPORTING
from projections.reporting_rows import ReportFactRow, ReportOrderRow
from tests.projections.facts import (
    ALL_DELIVERED,
    ALL_DISPATCHED,
    cancelled,
    captured,
    placed,
    refunded,
    share,
    sourced,
)
from tests.projections.histories import trade_of
from tests.projections.memory import START, MemoryModel, given, history, recorded
from tests.projections.test_inventory import seen

Connection = psycopg.Connection[tuple[Any, ...]]
BY_NAME = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.name)
TOTALS = e.Totals(goods=700, charges=0, discount=0, tax=0, total=700)
YEN = placed(
    channel="shop",
    country="JP",
    currency="JPY",
    totals=TOTALS,
    lines=(e.OrderLine(line=1, sku="85123A", quantity=7, unit_price=100),),
)


@pytest.fixture
def conn(ordinal_database: str) -> Iterator[Connection]:
    with connect_projector(ordinal_database, "test") as found:
        for projection in PROJECTIONS:
            ensure_generation(found, projection)
        yield found


def stored(conn: Connection, projection: Projection, events: Sequence[Recorded]) -> MemoryModel:
    """The read model in memory, after all its rows were written to the database."""
    found = given(projection, events, batch=1000)
    for table in physical_tables(projection, 1):
        table.write(conn, list(found.tables[table.row].rows.values()))
    return found


def view(conn: Connection, query: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def a_day_of_trade(seed: str) -> list[Recorded]:
    numbers = shake_128(seed.encode()).digest(900)
    return trade_of(numbers[:700], numbers[700:])


@BY_NAME
def test_rows_come_back_as_they_were_stored(conn: Connection, projection: Projection) -> None:
    found = stored(conn, projection, a_day_of_trade("fourteen"))
    for table in physical_tables(projection, 1):
        rows = found.tables[table.row].rows
        assert rows
        loaded = table.load(conn, [str(key[0]) for key in rows])
        assert {table.key_of(row): row for row in loaded} == rows


LATER = START + timedelta(days=2)
EARLY = {"day": START.date(), "channel": "web", "country": "GB", "currency": "GBP"}
LATE = {**EARLY, "day": LATER.date()}


@pytest.fixture
def example(conn: Connection) -> Connection:
    """Two orders of one day, of which one is delivered and later refunded in part; one in yen."""
    delivered = history("order-1", *ALL_DELIVERED, captured(4256))
    refund = recorded("order-1", len(delivered) + 1, refunded(56), at=LATER)
    cut = history("order-2", placed(), cancelled(1, 1, unsourced=1), captured(1))
    yen = history("order-3", YEN, sourced(backorders=(share(1, 7),)), start=LATER)
    stored(conn, REPORTING, [*delivered, refund, *cut, *yen])
    return conn


def test_a_day_has_what_was_sold_on_it_and_what_else_happened_on_it(example: Connection) -> None:
    found = view(example, "SELECT * FROM read.report_daily ORDER BY day, currency")
    early, arrived, late, yen = found
    nothing = dict.fromkeys(early.keys() - EARLY.keys(), 0)
    assert early == {
        **EARLY,
        **nothing,
        **{"orders": 2, "units": 16, "revenue": 8512, "charges": 3600},
        **{"units_cancelled": 1, "cancelled": 255, "captured": 4257},
        **{"units_shipped": 8, "shipped": 2456},
    }
    arrival = START.date() + timedelta(days=1)
    assert arrived == {**EARLY, **nothing, "day": arrival, "units_delivered": 8}
    assert late == {**LATE, **nothing, "refunded": 56}
    assert yen == {
        **{**LATE, "channel": "shop", "country": "JP", "currency": "JPY"},
        **{**nothing, "orders": 1, "units": 7, "revenue": 700, "units_backordered": 7},
    }


def test_a_sku_has_its_day_too(example: Connection) -> None:
    rows = view(
        example,
        "SELECT day, sku, line_kind, currency, orders, units, revenue, units_cancelled, cancelled,"
        " units_shipped, units_backordered FROM read.report_sku_daily WHERE orders > 0"
        " ORDER BY day, sku",
    )
    assert [tuple(row.values()) for row in rows] == [
        (START.date(), "71053", "stock", "GBP", 2, 10, 3380, 0, 0, 5, 0),
        (START.date(), "85123A", "stock", "GBP", 2, 6, 1532, 1, 255, 3, 0),
        (START.date(), "POST", "charge", "GBP", 2, 0, 3600, 0, 0, 0, 0),
        (LATER.date(), "85123A", "stock", "JPY", 1, 7, 700, 0, 0, 0, 7),
    ]


@pytest.mark.parametrize(
    ("name", "by"), [("report_channel", "channel"), ("report_country", "country")]
)
def test_sums_over_all_days_keep_currencies_apart(example: Connection, name: str, by: str) -> None:
    rows = view(example, f"SELECT * FROM read.{name} ORDER BY currency")
    kept = [
        (row[by], row["currency"], row["orders"], row["revenue"], row["refunded"]) for row in rows
    ]
    assert kept == [
        ("web" if by == "channel" else "GB", "GBP", 2, 8512, 56),
        ("shop" if by == "channel" else "JP", "JPY", 1, 700, 0),
    ]


def test_the_fill_rate_is_what_could_be_promised_at_once(example: Connection) -> None:
    rows = view(
        example,
        "SELECT channel, sku, units, units_allocated, units_backordered, fill_rate::text"
        " FROM read.report_fill_rate ORDER BY channel, sku",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("shop", "85123A", 7, 0, 7, "0.0000"),
        ("web", "71053", 10, 5, 0, "0.5000"),
        ("web", "85123A", 6, 3, 0, "0.5000"),
    ]


def test_lead_times_are_hours_from_the_placing(example: Connection) -> None:
    first, second, _ = view(example, "SELECT * FROM read.report_lead_times ORDER BY order_id")
    assert (str(first["hours_to_dispatch"]), str(first["hours_to_delivery"])) == ("0.13", "24.00")
    assert (second["hours_to_dispatch"], second["hours_to_delivery"]) == (None, None)
    day, _ = view(example, "SELECT * FROM read.report_lead_times_daily ORDER BY order_day")
    assert (day["orders"], day["dispatched"], day["delivered"]) == (2, 1, 1)
    assert (str(day["dispatch_hours_p50"]), str(day["delivery_hours_p99"])) == ("0.13", "24.00")


def test_backorders_over_time_add_up(conn: Connection) -> None:
    """What waits at the end of all days is what waits now, whatever ended the waiting."""
    trade = a_day_of_trade("fourteen")
    stored(conn, REPORTING, trade)
    waiting: dict[str, int] = defaultdict(int)
    for line in given(ORDER_STATUS, trade).of(OrderLineRow):
        waiting[line.sku] += line.backordered
    rows = view(
        conn,
        "SELECT sku, sum(waiting)::bigint AS waiting FROM ("
        " SELECT DISTINCT ON (channel, country, sku) * FROM read.report_backorders"
        " ORDER BY channel, country, sku, day DESC) AS latest GROUP BY sku",
    )
    found = {row["sku"]: row["waiting"] for row in rows if row["waiting"]}
    assert found == {sku: units for sku, units in waiting.items() if units}
    changes = view(conn, "SELECT sum(began) AS began, sum(ended) AS ended FROM"
                   " read.report_backorders")  # fmt: skip
    assert changes[0]["began"] > changes[0]["ended"] > 0


def test_a_promise_is_over_when_its_time_is_over(conn: Connection) -> None:
    """The database computes what tests compute at a moment."""
    now = conn.execute("SELECT now()").fetchone()
    assert now
    ends = {"R1": -1, "R2": 60, "R3": 120}
    promises = [
        se.StockReserved(
            reservation_id=key,
            owner="cart-1",
            quantity=3,
            expires_at=now[0] + timedelta(minutes=minutes),
        )
        for key, minutes in ends.items()
    ]
    item = se.StockItemRegistered(sku="A", location="LEEDS")
    came = se.StockReceived(quantity=10, document="PO-1")
    stored(conn, INVENTORY, history("stock-LEEDS-A", item, came, *promises))
    (row,) = view(conn, "SELECT reserved, available FROM read.inventory")
    assert row == {"reserved": 6, "available": 4}
    (summed,) = view(conn, "SELECT reserved, available FROM read.inventory_by_sku")
    assert summed == row
    held = view(conn, "SELECT reservation_id, owner, quantity, expires_at"
                " FROM read.stock_reservation ORDER BY 1")  # fmt: skip
    assert [each["reservation_id"] for each in held] == ["R2", "R3"]
    assert held[0]["expires_at"] == promises[1].expires_at


@pytest.mark.parametrize(
    ("promised", "events", "late"),
    [
        (timedelta(days=-1), (), True),
        (timedelta(days=1), (), False),
        (None, (), False),
        (timedelta(days=-1), (cancelled(1, 3), cancelled(2, 5)), False),
        (timedelta(days=-1), ALL_DISPATCHED[1:], False),
    ],
)
def test_late_is_what_should_have_left_by_now(
    conn: Connection, promised: timedelta | None, events: Sequence[object], late: bool
) -> None:
    (now,) = conn.execute("SELECT now()").fetchone() or ()
    order = replace(placed(), promised_by=None if promised is None else now + promised)
    stored(conn, ORDER_STATUS, history("order-1", order, *events))
    (row,) = view(conn, "SELECT late FROM read.order_status")
    assert row["late"] is late


@BY_NAME
def test_every_column_of_every_view_is_explained(conn: Connection, projection: Projection) -> None:
    shown = [*(table.name for table in projection.tables), *projection.views]
    silent = conn.execute(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attnum > 0"
        " AND attrelid = ANY(SELECT to_regclass('read.' || name) FROM unnest(%s::text[]) AS name)"
        " AND coalesce(col_description(attrelid, attnum), '') = ''",
        (shown,),
    ).fetchall()
    assert silent == []


@BY_NAME
def test_the_rows_of_views_have_their_columns(conn: Connection, projection: Projection) -> None:
    for row, name in projection.view_rows.items():
        columns = conn.execute(f"SELECT * FROM read.{name}".encode()).description or ()
        assert {field.name for field in fields(row)} <= {column.name for column in columns}


@pytest.mark.parametrize("seed", ["fourteen", "eight", "nine"])
def test_the_views_add_up_to_the_facts_of_a_day_of_trade(conn: Connection, seed: str) -> None:
    found = stored(conn, REPORTING, a_day_of_trade(seed))
    orders, facts = found.of(ReportOrderRow), found.of(ReportFactRow)
    daily = view(conn, "SELECT * FROM read.report_daily")
    assert sum(row["orders"] for row in daily) == len(orders)
    assert sum(row["units"] for row in daily) == sum(order.units for order in orders)
    assert sum(row["revenue"] for row in daily) == sum(order.amount for order in orders)
    for kind in ("cancelled", "shipped", "captured", "refunded"):
        assert by_day(daily, kind) == _amounts(facts, kind)
    skus = view(conn, "SELECT * FROM read.report_sku_daily")
    for column in ("units", "revenue", "units_cancelled", "cancelled", "shipped"):
        assert by_day(skus, column) == by_day(daily, column)


def by_day(rows: Sequence[dict[str, Any]], column: str) -> dict[date, int]:
    found: dict[date, int] = defaultdict(int)
    for row in rows:
        found[row["day"]] += row[column]
    return {day: value for day, value in found.items() if value}


def _amounts(facts: Sequence[ReportFactRow], kind: str) -> dict[date, int]:
    rows = [{"day": fact.day, "amount": fact.amount} for fact in facts if fact.kind == kind]
    return by_day(rows, "amount")


def test_a_sku_is_summed_as_the_program_does(conn: Connection) -> None:
    found = stored(conn, INVENTORY, a_day_of_trade("seven"))
    rows = view(conn, "SELECT * FROM read.inventory_by_sku ORDER BY sku")
    assert [row["sku"] for row in rows] == ["A-1", "B"]
    everything = seen(found, (conn.execute("SELECT now()").fetchone() or ())[0])
    for row in rows:
        items = [item for item in everything.of(InventoryRow) if item.sku == row["sku"]]
        known = over_locations(row["sku"], items)
        assert {name: row[name] for name in known.__slots__} == asdict(known)
