"""Snapshots spare a long replay, and never change what it would have said."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psycopg
import pytest

from commands.location import RegisterLocation
from commands.stock import ReserveStock, SetStockPolicy
from domain.categories import decider_of
from domain.values import SOURCING_STREAM
from infra.postgres.connections import connect_writer
from infra.write_path.group_commit import Writer
from infra.write_path.snapshots import Snapshot, Snapshots
from infra.write_path.stream_cache import Cached
from tests.infra.shop import (
    LOCATION,
    SKU,
    STOCK,
    Mark,
    check_log,
    count_of,
    do,
    in_a_moment,
    open_shop,
    order,
    receive,
    state_of,
    stock_of,
    writing,
)

EVERY = 10
NEVER = 10**9


@contextmanager
def snapshotting(conninfo: str, every: int = EVERY) -> Iterator[Snapshots]:
    snapshots = Snapshots(lambda: connect_writer(conninfo), every=every)
    try:
        yield snapshots
    finally:
        snapshots.close()


@contextmanager
def restoring(conninfo: str) -> Iterator[tuple[Writer, Snapshots]]:
    """A writer that starts from the snapshots of others and makes none."""
    with (
        snapshotting(conninfo, NEVER) as snapshots,
        writing(conninfo, snapshots=snapshots) as writer,
    ):
        yield writer, snapshots


@pytest.fixture
def history(ordinal_database: str) -> str:
    """An item with all that an item can hold, and a snapshot of it that is a little old."""
    with (
        snapshotting(ordinal_database) as snapshots,
        writing(ordinal_database, snapshots=snapshots) as writer,
    ):
        open_shop(writer, units=5, backorders=None)
        do(
            writer,
            SetStockPolicy(location=LOCATION, sku=SKU, backorder_limit=None, reorder_point=3),
        )
        until = in_a_moment(3600)
        for number in range(3):
            do(
                writer,
                ReserveStock(
                    location=LOCATION,
                    sku=SKU,
                    reservation_id=f"r{number}",
                    owner="ada",
                    quantity=1,
                    expires_at=until,
                ),
            )
        for number in range(12):
            do(writer, order(f"o{number}", shortage="backorder"))
    return ordinal_database


def loaded(writer: Writer, stream_id: str = STOCK) -> Cached:
    """The stream as a writer knows it that has just loaded it."""
    do(writer, Mark(streams=("stock-X-1",), reads=(stream_id,)))
    cached = writer._cache.get(stream_id)
    assert cached is not None
    return cached


def change(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo) as conn:
        conn.execute(statement.encode())


def test_a_state_restored_from_its_snapshot_is_the_full_replay(history: str) -> None:
    with restoring(history) as (writer, _):
        cached = loaded(writer)
        assert 0 < cached.snapshot_at < cached.version
        assert cached.state == stock_of(history)
        receive(writer, 5)
        assert cached.state == stock_of(history)
    item = stock_of(history)
    assert item.reservations
    assert item.allocations
    assert item.backorders
    check_log(history)


def test_long_streams_of_other_kinds_are_restored_too(ordinal_database: str) -> None:
    with (
        snapshotting(ordinal_database) as snapshots,
        writing(ordinal_database, snapshots=snapshots) as writer,
    ):
        for number in range(EVERY):
            do(writer, RegisterLocation(location=f"L{number}", country="GB", zones=("FR",)))
    with restoring(ordinal_database) as (writer, _):
        do(writer, RegisterLocation(location="YORK", country="GB"))
        cached = writer._cache.get(SOURCING_STREAM)
        assert cached is not None
        assert cached.snapshot_at == EVERY
        decider = decider_of(SOURCING_STREAM)
        assert cached.state == state_of(ordinal_database, decider, SOURCING_STREAM)


def test_a_snapshot_is_taken_each_time_the_stream_has_grown(ordinal_database: str) -> None:
    with (
        snapshotting(ordinal_database) as snapshots,
        writing(ordinal_database, snapshots=snapshots) as writer,
    ):
        do(writer, Mark(streams=(STOCK,) * (EVERY - 1)))
        assert count_of(ordinal_database, "snapshots") == 0
        do(writer, Mark())
        do(writer, Mark())
    with psycopg.connect(ordinal_database) as conn:
        rows = conn.execute("SELECT stream_id, version FROM ordinal.snapshots").fetchall()
    assert rows == [(STOCK, EVERY)]


@pytest.mark.parametrize(
    "damage",
    [
        "state = set_byte(state, 40, get_byte(state, 40) # 1)",
        "state = set_byte(state, length(state) - 30, get_byte(state, length(state) - 30) # 1)",
        "state = convert_to(replace(encode(state, 'escape'), 'active', 'closed'), 'UTF8')",
        "state = substr(state, 1, length(state) - 1)",
        "state = substr(state, 33)",
        "state = ''",
        "state = '{}'",
        "state = (SELECT state FROM ordinal.snapshots WHERE stream_id = 'stock-X-9')",
        "version = version - 1",
        "version = version + 1",
        "fold_version = fold_version + 1",
    ],
)
def test_a_damaged_snapshot_is_no_snapshot(damage: str, history: str) -> None:
    with snapshotting(history) as snapshots, writing(history, snapshots=snapshots) as writer:
        do(writer, Mark(streams=("stock-X-9",) * EVERY))
    change(history, f"UPDATE ordinal.snapshots SET {damage} WHERE stream_id = '{STOCK}'")
    with restoring(history) as (writer, _):
        cached = loaded(writer)
        assert cached.snapshot_at == 0
        assert cached.state == stock_of(history)
        assert receive(writer, 1).receipt.changed
    check_log(history)


def test_a_snapshot_of_another_fold_is_no_snapshot(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer, snapshotting(ordinal_database) as snapshots:
        do(writer, Mark())
        snapshots.save(Snapshot(STOCK, 1, 0, b'{"on_hand":99}'))
    with restoring(ordinal_database) as (writer, _):
        assert loaded(writer).state.on_hand == 1


def test_a_large_state_is_written_less_often(ordinal_database: str) -> None:
    with (
        snapshotting(ordinal_database) as snapshots,
        writing(ordinal_database, snapshots=snapshots) as writer,
    ):
        open_shop(writer, units=500)
        taken = []
        for number in range(400):
            do(writer, order(f"o{number}"))
            cached = writer._cache.get(STOCK)
            assert cached is not None
            taken.append(cached.snapshot_at)
    versions = sorted(set(taken) - {0})
    gaps = [later - earlier for earlier, later in pairwise(versions)]
    assert gaps == sorted(gaps)
    assert gaps[0] == EVERY
    assert gaps[-1] > 3 * EVERY
    check_log(ordinal_database)


def test_without_its_table_a_snapshot_is_neither_made_nor_missed(history: str) -> None:
    change(history, "ALTER TABLE ordinal.snapshots RENAME TO snapshots_away")
    with restoring(history) as (writer, snapshots):
        cached = loaded(writer)
        assert cached.snapshot_at == 0
        assert cached.state == stock_of(history)
        assert snapshots.failures > 0
    with snapshotting(history) as snapshots, writing(history, snapshots=snapshots) as writer:
        assert do(writer, Mark(streams=(STOCK,) * EVERY)).receipt.changed
        snapshots.close()
        assert snapshots.failures > 1
    check_log(history)
