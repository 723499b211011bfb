"""The log's own guards, which hold against everybody: its order, its permanence, its roles."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import psycopg
import pytest
from psycopg import errors as pg

from infra.postgres.connections import Connection, connect, connect_writer
from tests.infra.shop import Mark, check_log, do, insert, log_of, writing

GUARDED = ("stored_events", "outbox")
CHANGES = (
    "UPDATE ordinal.stored_events SET topic = 'x'",
    "DELETE FROM ordinal.stored_events",
    "DELETE FROM ordinal.stored_events WHERE false",
    "TRUNCATE ordinal.stored_events",
)
# Each keeps its locks until its transaction ends, and would stop an append that locks the table.
READERS = (
    "ANALYZE ordinal.stored_events",
    "SELECT * FROM ordinal.stored_events FOR UPDATE",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT * FROM ordinal.stored_events",
    "LOCK TABLE ordinal.stored_events IN SHARE UPDATE EXCLUSIVE MODE",
)
OWNERS_ONLY = (
    *CHANGES,
    "DROP TABLE ordinal.stored_events",
    "ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_guard",
    "DROP TRIGGER append_only ON ordinal.stored_events",
    "CREATE OR REPLACE FUNCTION ordinal.append_lock() RETURNS void LANGUAGE sql AS 'SELECT'",
    "SELECT setval('ordinal.stored_events_notification_id_seq', 1)",
    "UPDATE ordinal.commands SET receipt = ''",
    "UPDATE ordinal.contacts SET name = 'x'",
    "UPDATE ordinal.outbox SET topic = 'x'",
    "UPDATE ordinal.store SET store_epoch = 2",
    "INSERT INTO ordinal.api_keys (key_id) VALUES ('x')",
    "CREATE TABLE ordinal.more (a int)",
    "CREATE TABLE read.more (a int)",
    "SET session_replication_role = replica",
)


class Watcher(threading.Thread):
    """Reads the log as a relay does, all the time, and notes what appears behind its back."""

    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo
        self._done = threading.Event()
        self.seen: list[int] = []
        self.out_of_order: list[int] = []

    def run(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            while not self._done.is_set():
                self.look(conn)
            self.look(conn)

    def look(self, conn: Connection) -> None:
        rows = conn.execute(
            "SELECT notification_id FROM ordinal.stored_events ORDER BY notification_id"
        ).fetchall()
        positions = [row[0] for row in rows]
        last = self.seen[-1] if self.seen else 0
        self.out_of_order += [each for each in set(positions) - set(self.seen) if each < last]
        self.seen = positions

    def stop(self) -> None:
        self._done.set()
        self.join(10)


@contextmanager
def watching(conninfo: str) -> Iterator[Watcher]:
    watcher = Watcher(conninfo)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()


def open_append_and_another(conninfo: str) -> None:
    """One appends by hand and takes its time to commit, another appends meanwhile."""
    thread = threading.Thread(target=append_by_hand, args=(conninfo, "stock-X-2"))
    with psycopg.connect(conninfo) as slow:
        insert(slow, "stock-X-1", 1)
        thread.start()
        time.sleep(0.3)
    thread.join(10)


def append_by_hand(conninfo: str, stream_id: str) -> None:
    with psycopg.connect(conninfo) as conn:
        insert(conn, stream_id, 1)


def drop_guard(conninfo: str) -> None:
    with psycopg.connect(conninfo) as conn:
        conn.execute("DROP TRIGGER append_guard ON ordinal.stored_events")


def in_threads(*work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_positions_appear_in_the_order_of_commits(ordinal_database: str) -> None:
    with watching(ordinal_database) as watcher:
        open_append_and_another(ordinal_database)
    assert watcher.out_of_order == []
    assert [row.stream_id for row in log_of(ordinal_database)] == ["stock-X-1", "stock-X-2"]


def test_without_the_guard_the_watcher_sees_a_position_appear_late(ordinal_database: str) -> None:
    drop_guard(ordinal_database)
    with watching(ordinal_database) as watcher:
        open_append_and_another(ordinal_database)
    assert watcher.out_of_order == [1]


def test_positions_appear_in_order_among_slow_and_fast_writers(ordinal_database: str) -> None:
    def by_hand(number: int) -> None:
        dice = random.Random(number)
        with psycopg.connect(ordinal_database) as conn:
            for version in range(1, 8):
                insert(conn, f"stock-X-{number}", version)
                time.sleep(dice.random() / 100)
                conn.rollback() if dice.random() < 0.2 else conn.commit()

    def by_writer() -> None:
        with writing(ordinal_database) as writer:
            for _ in range(30):
                do(writer, Mark())

    with watching(ordinal_database) as watcher:
        in_threads(by_writer, by_writer, *(lambda n=n: by_hand(n) for n in range(6)))
    assert watcher.out_of_order == []
    assert all(before < after for before, after in pairwise(watcher.seen))
    assert len(watcher.seen) > 60


@pytest.mark.parametrize("statement", CHANGES)
def test_what_is_written_stays_as_it_is(statement: str, ordinal_database: str) -> None:
    append_by_hand(ordinal_database, "stock-X-1")
    before = check_log(ordinal_database)
    with (
        psycopg.connect(ordinal_database) as owner,
        pytest.raises(pg.InsufficientPrivilege, match="append-only"),
    ):
        owner.execute(statement.encode())
    assert check_log(ordinal_database) == before


@pytest.mark.parametrize("statement", OWNERS_ONLY)
def test_a_writer_may_only_write_on(statement: str, ordinal_database: str) -> None:
    """Already without the triggers."""
    with (
        connect_writer(ordinal_database) as conn,
        pytest.raises(pg.InsufficientPrivilege, match=r"permission denied|must be owner"),
    ):
        conn.execute(statement.encode())


def test_a_writer_owns_nothing(ordinal_database: str) -> None:
    with psycopg.connect(ordinal_database) as conn:
        owned = conn.execute(
            "SELECT relname FROM pg_class WHERE relowner = 'ordinal_writer'::regrole"
        ).fetchall()
    assert owned == []


@pytest.mark.parametrize("role", ["ordinal_projector", "ordinal_analyst"])
def test_those_who_read_write_no_facts(role: str, ordinal_database: str) -> None:
    with connect(ordinal_database, role) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute("INSERT INTO ordinal.stored_events VALUES ('x', 1, 'x', '')")


@pytest.mark.parametrize("table", ["stored_events", "contacts", "commands", "api_keys"])
def test_analysts_see_read_models_only(table: str, ordinal_database: str) -> None:
    with connect(ordinal_database, "ordinal_analyst") as conn:
        assert conn.execute("SELECT count(*) FROM read.checkpoints").fetchone() == (0,)
        with pytest.raises(pg.InsufficientPrivilege):
            conn.execute(f"SELECT * FROM ordinal.{table}".encode())


@pytest.mark.parametrize("statement", READERS)
def test_those_who_read_or_keep_house_hold_nobody_up(statement: str, ordinal_database: str) -> None:
    with writing(ordinal_database) as writer, psycopg.connect(ordinal_database) as other:
        do(writer, Mark())
        other.execute(statement.encode())
        began = time.monotonic()
        do(writer, Mark())
        assert time.monotonic() - began < 0.5
    check_log(ordinal_database)


@pytest.mark.parametrize("table", GUARDED)
def test_whoever_inserts_waits_for_the_lock(table: str, ordinal_database: str) -> None:
    with psycopg.connect(ordinal_database) as holder, connect_writer(ordinal_database) as conn:
        holder.execute("SELECT ordinal.append_lock()")
        conn.execute("SET lock_timeout = 100")
        with pytest.raises(pg.LockNotAvailable):
            conn.execute(f"INSERT INTO ordinal.{table} SELECT * FROM ordinal.{table}".encode())


def test_a_version_exists_once_whoever_writes_it(ordinal_database: str) -> None:
    """Twenty raw appends of one version: one of them succeeds."""
    outcomes: list[type] = []

    def append() -> None:
        try:
            append_by_hand(ordinal_database, "stock-X-1")
        except pg.UniqueViolation as error:
            outcomes.append(type(error))
        else:
            outcomes.append(str)

    in_threads(*[append] * 20)
    assert (outcomes.count(str), outcomes.count(pg.UniqueViolation)) == (1, 19)
    assert len(check_log(ordinal_database)) == 1
