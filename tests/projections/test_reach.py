"""Every row type says by what it may be narrowed, or is out of reach for whoever is narrowed."""

from dataclasses import fields

import pytest

from projections import PROJECTIONS
from projections.inventory import inventory_page
from projections.inventory_rows import EndedWaitRow, InventoryRow, MovementRow
from projections.order_status import open_work, order_by_id
from projections.order_status_rows import FulfilmentRow, OrderStatusRow
from projections.order_timeline import timeline_page
from projections.order_timeline_words import NamesRow
from projections.projection import Narrowing, Query, narrowings
from projections.reporting_rows import ReportFactRow, ReportLineRow, ReportOrderRow

REACH = {row: reach for each in PROJECTIONS for row, reach in each.reach.items()}
# Nobody asks for these over HTTP: the fold's own notes, and what the views of reports sum up.
UNASKED = {NamesRow, EndedWaitRow, ReportOrderRow, ReportLineRow, ReportFactRow}
READABLE = {
    row
    for each in PROJECTIONS
    for row in (*(table.row for table in each.tables), *each.view_rows, *each.day_rows)
} - UNASKED


def within(query: Query, **reach: str) -> list[Narrowing] | None:
    narrowed = {name: {value} for name, value in reach.items()}
    return narrowings(Query(row=query.row, where=query.where, within=narrowed), REACH)


def test_every_row_type_that_may_be_asked_for_says_how_far_it_is_within_reach() -> None:
    assert set(REACH) == READABLE


@pytest.mark.parametrize("row", REACH, ids=lambda row: row.__name__)
def test_reach_columns_are_columns(row: type) -> None:
    reach, names = REACH[row], {field.name for field in fields(row)}
    assert names >= {*reach.columns.values()}
    if reach.like is not None:
        assert reach.owner in names
        assert reach.owner in {field.name for field in fields(reach.like)}


def test_who_is_not_narrowed_sees_all() -> None:
    assert within(order_by_id("a")) == []


def test_an_order_is_narrowed_by_its_columns_and_what_belongs_to_it_like_the_order() -> None:
    assert within(order_by_id("a"), channel="web", customer="c1") == [
        Narrowing("channel", {"web"}),
        Narrowing("customer_id", {"c1"}),
    ]
    assert within(timeline_page("a"), channel="web") == [
        Narrowing("channel", {"web"}, "order_id", OrderStatusRow)
    ]
    assert within(open_work("BER"), location="BER", channel="web") == [
        Narrowing("location", {"BER"}),
        Narrowing("channel", {"web"}, "order_id", OrderStatusRow),
    ]


def test_what_does_not_say_where_it_belongs_is_out_of_reach() -> None:
    assert within(order_by_id("a"), location="BER") is None
    assert within(timeline_page("a"), location="BER") is None
    assert within(Query(row=MovementRow), channel="web") is None
    assert within(Query(row=NamesRow), channel="web") is None
    assert within(Query(row=FulfilmentRow), location="BER", nonsense="x") is None


def test_stock_is_no_channels_and_some_places() -> None:
    assert within(inventory_page(), channel="web", currency="EUR") == []
    assert within(inventory_page(), location="BER") == [Narrowing("location", {"BER"})]
    assert within(inventory_page(), customer="c1") is None
    assert InventoryRow in REACH
