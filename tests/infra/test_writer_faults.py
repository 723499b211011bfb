"""What a broken connection, a lost answer and a held lock do to those who wait for their answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from domain.errors import InsufficientStock, KeyReused
from infra.postgres.connections import LONGEST_TRANSACTION_MS, Connection, connect_writer
from infra.store.codec import UnknownEvent
from infra.write_path.append_session import InDoubt, LogSession
from infra.write_path.group_commit import LogUnavailable, Writer
from infra.write_path.side_writes import Offsets, Outbox, OutboxMessage
from tests.infra.proxy import Direction, Proxy, postgres_proxy
from tests.infra.shop import (
    STOCK,
    Mark,
    accepted,
    ask,
    check_log,
    count_of,
    do,
    log_of,
    stock_of,
    writing,
)

# The server's word that a transaction is committed, and the client's that it is to be.
COMMITTED = b"COMMIT\0"
SECONDS = 2.0
# Every place of a command's conversation, in its words or in those of the answer.
CUTS: list[tuple[Direction, bytes]] = [
    ("sent", b"AS wanted(id, version)"),
    ("sent", b"append_lock"),
    ("received", b"append_lock"),
    ("sent", b"command_id = ANY"),
    ("received", b"fingerprint"),
    ("sent", b"WITH appended"),
    ("sent", COMMITTED),
    ("received", COMMITTED),
]


@pytest.fixture
def behind_proxy(ordinal_database: str, public_folder: Path) -> Iterator[tuple[Writer, Proxy]]:
    """A writer that reaches its database through a proxy."""
    with (
        postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo),
        writing(conninfo) as writer,
    ):
        yield writer, proxy


def test_a_commit_whose_answer_was_lost_is_answered_all_the_same(
    behind_proxy: tuple[Writer, Proxy], ordinal_database: str
) -> None:
    writer, proxy = behind_proxy
    do(writer, Mark(), 1)
    asks = [
        ask(Mark(document="a")),
        ask(Mark(fails=InsufficientStock())),
        ask(Mark(), 1, fingerprint=b"another"),
        ask(Mark(document="b")),
    ]
    proxy.cut_when("received", COMMITTED)
    writer.write(asks)
    assert proxy.sprung.is_set()
    rows = check_log(ordinal_database)
    assert [accepted(asks[n]).receipt.version for n in (0, 3)] == [2, 3]
    assert [accepted(asks[n]).receipt.position for n in (0, 3)] == [r.position for r in rows[1:]]
    assert isinstance(asks[1].outcome, InsufficientStock)
    assert isinstance(asks[2].outcome, KeyReused)
    assert do(writer, Mark()).receipt.version == 4


def test_a_commit_that_never_arrived_is_made_again(
    behind_proxy: tuple[Writer, Proxy], ordinal_database: str
) -> None:
    writer, proxy = behind_proxy
    do(writer, Mark())
    proxy.cut_when("sent", COMMITTED)
    assert do(writer, Mark()).receipt.version == 2
    assert proxy.sprung.is_set()
    assert len(check_log(ordinal_database)) == 2


def test_a_commit_in_doubt_that_cannot_be_settled_has_no_outcome(
    behind_proxy: tuple[Writer, Proxy], ordinal_database: str
) -> None:
    writer, proxy = behind_proxy
    do(writer, Mark())
    asked = ask(Mark(), 1)
    proxy.cut_when("received", COMMITTED)
    proxy.refuse()
    with pytest.raises(LogUnavailable):
        writer.write([asked])
    assert asked.outcome is None
    proxy.heal()
    assert do(writer, Mark(), 1).receipt.version == 2
    assert len(check_log(ordinal_database)) == 2


def test_an_intake_batch_in_doubt_is_left_to_the_offsets(
    behind_proxy: tuple[Writer, Proxy], ordinal_database: str
) -> None:
    """Its side write moved or did not: whoever reads the offsets again knows."""
    writer, proxy = behind_proxy
    do(writer, Mark())
    message = OutboxMessage("results", None, b"v", {})
    proxy.cut_when("received", COMMITTED)
    with pytest.raises(LogUnavailable):
        writer.write([ask(Mark())], lambda _: [Outbox([message]), Offsets({("orders", 0): (0, 1)})])
    assert len(check_log(ordinal_database)) == 2
    assert writer.read("SELECT next_offset FROM ordinal.intake_offsets", ()) == [(1,)]
    assert count_of(ordinal_database, "outbox") == 1


def test_a_connection_that_is_cut_anywhere_costs_and_doubles_nothing(
    behind_proxy: tuple[Writer, Proxy], ordinal_database: str
) -> None:
    writer, proxy = behind_proxy
    for number, (direction, pattern) in enumerate(CUTS):
        writer.close()  # a new session says in words what an old one has prepared
        proxy.cut_when(direction, pattern)
        asked = ask(Mark(), number)
        try:
            writer.write([asked])
        except LogUnavailable:
            writer.write([asked])
        assert proxy.sprung.is_set(), pattern
        assert accepted(asked).receipt.version == number + 1
    assert len(check_log(ordinal_database)) == len(CUTS)


def test_a_database_that_is_away_is_told_at_once_and_used_when_it_is_back(
    behind_proxy: tuple[Writer, Proxy],
) -> None:
    writer, proxy = behind_proxy
    do(writer, Mark())
    proxy.refuse()
    proxy.cut()
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        writer.write([ask(Mark(), 1)])
    assert time.monotonic() - began < SECONDS
    proxy.heal()
    assert do(writer, Mark(), 1).receipt.version == 2


def test_a_session_that_the_server_ends_costs_one_attempt_at_most(
    ordinal_database: str,
) -> None:
    with writing(ordinal_database) as writer, psycopg.connect(ordinal_database) as conn:
        for number in range(5):
            conn.execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE application_name = 'ordinal_writer' AND datname = current_database()"
            )
            asked = ask(Mark(), number)
            try:
                writer.write([asked])
            except LogUnavailable:
                writer.write([asked])
            assert accepted(asked).receipt.version == number + 1
    assert len(check_log(ordinal_database)) == 5


def test_whoever_holds_the_lock_keeps_others_waiting_for_two_seconds_only(
    ordinal_database: str,
) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        with psycopg.connect(ordinal_database) as conn:
            conn.execute("SELECT ordinal.append_lock()")
            began = time.monotonic()
            with pytest.raises(LogUnavailable):
                writer.write([ask(Mark(), 1)])
            assert SECONDS - 0.2 < time.monotonic() - began < SECONDS + 1
        assert do(writer, Mark(), 1).receipt.version == 2
    assert stock_of(ordinal_database).on_hand == 2


def test_a_process_that_stops_under_the_lock_loses_it(ordinal_database: str) -> None:
    with writing(ordinal_database) as stopped, writing(ordinal_database) as writer:
        do(stopped, Mark())
        naps = iter([SECONDS + 0.6])
        asked = ask(Mark(meanwhile=lambda: time.sleep(next(naps, 0))))
        thread = threading.Thread(target=stopped.write, args=([asked],))
        thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        do(writer, Mark())
        assert time.monotonic() - began < SECONDS
        thread.join(10)
    assert accepted(asked).receipt.version == 3
    assert len(check_log(ordinal_database)) == 3


def test_a_process_that_stops_half_way_through_its_commit_loses_the_lock(
    ordinal_database: str,
) -> None:
    with closing(connect_writer(ordinal_database)) as stopped:
        if stopped.info.server_version < 17_00_00:
            pytest.skip("older servers do not bound a whole transaction")
        with pytest.raises(psycopg.OperationalError):
            half_a_transaction(stopped, meanwhile=lambda: append_elsewhere(ordinal_database))
    assert len(check_log(ordinal_database)) == 1


def half_a_transaction(conn: Connection, meanwhile: Callable[[], None]) -> None:
    with conn.pipeline():
        conn.execute("BEGIN")
        conn.execute("SELECT ordinal.append_lock()")
        meanwhile()


def append_elsewhere(conninfo: str) -> None:
    time.sleep(SECONDS - 0.5)
    with writing(conninfo) as writer:
        do(writer, Mark())


def test_a_version_of_the_future_is_refused_without_a_guess(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        with psycopg.connect(ordinal_database) as conn:
            conn.execute(
                "INSERT INTO ordinal.stored_events SELECT originator_id, 2, topic,"
                " replace(convert_from(state, 'UTF8'), '\"schema_version\":1',"
                " '\"schema_version\":2')::bytea FROM ordinal.stored_events"
            )
        for _ in range(2):
            with pytest.raises(UnknownEvent, match="StockReceived version 2"):
                writer.write([ask(Mark())])
        assert do(writer, Mark(streams=("stock-X-1",))).receipt.version == 1
    assert [row.stream_id for row in log_of(ordinal_database)] == [STOCK, STOCK, "stock-X-1"]


def test_whoever_is_stopped_between_two_parts_keeps_no_lock(ordinal_database: str) -> None:
    """No other timeout than that of an idle transaction is there before PostgreSQL 17."""
    session = LogSession(connect_writer(ordinal_database))
    session.begin([])
    Outbox([]).send(session, datetime(2026, 1, 1, tzinfo=UTC))
    session.hand_over()
    began = time.monotonic()
    with closing(session), psycopg.connect(ordinal_database) as other:
        other.execute("SELECT ordinal.append_lock()")
        waited = time.monotonic() - began
        with pytest.raises(InDoubt):
            session.commit()
    assert SECONDS - 0.2 < waited < LONGEST_TRANSACTION_MS / 1000 - 0.2
