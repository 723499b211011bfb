"""Receipts are forgotten after their time, and kept ones never."""

from uuid import uuid4

import psycopg

from infra.postgres.connections import connect
from infra.store.migrations import available
from infra.store.receipt_retention import CHUNK, FORGET, forget_receipts, knows_former_keys

INSERT = "INSERT INTO ordinal.commands VALUES (%s, '', '', now() - make_interval(days => %s), %s)"


def test_only_old_receipts_that_are_not_kept_are_forgotten(ordinal_database: str) -> None:
    young, kept = uuid4(), uuid4()
    rows = [(young, 6, False), (kept, 400, True), *((uuid4(), 8, False) for _ in range(3))]
    with psycopg.connect(ordinal_database) as owner:
        owner.cursor().executemany(INSERT, rows)
    with connect(ordinal_database, "ordinal_writer") as conn:
        assert forget_receipts(conn, 7) == 3
        left = {row[0] for row in conn.execute("SELECT command_id FROM ordinal.commands")}
    assert left == {young, kept}


def test_former_keys_are_known_while_receipts_of_that_time_are_kept(
    ordinal_database: str,
) -> None:
    """The migration that made keys belong to channels finds receipts, or an empty store."""
    migration = next(sql for number, _, sql in available() if number == 7)
    with psycopg.connect(ordinal_database, autocommit=True) as owner:
        assert not knows_former_keys(owner, 7)
        owner.execute(INSERT, (uuid4(), 1, False))
        owner.execute(migration.encode())
        assert knows_former_keys(owner, 7)
        owner.execute("UPDATE ordinal.store SET former_keys_at = now() - interval '8 days'")
        assert knows_former_keys(owner, 9)
        assert not knows_former_keys(owner, 7)


def test_more_than_a_chunk_is_forgotten_at_once(ordinal_database: str) -> None:
    with psycopg.connect(ordinal_database) as owner:
        owner.execute(
            "INSERT INTO ordinal.commands SELECT gen_random_uuid(), '', '',"
            " now() - interval '8 days', false FROM generate_series(1, %s)",
            (CHUNK + 1,),
        )
    with connect(ordinal_database, "ordinal_writer") as conn:
        assert forget_receipts(conn, 7) == CHUNK + 1


def test_kept_receipts_are_not_looked_through(ordinal_database: str) -> None:
    with psycopg.connect(ordinal_database) as owner:
        owner.execute(
            "INSERT INTO ordinal.commands SELECT gen_random_uuid(), '', '',"
            " now() - interval '80 days', number > 10 FROM generate_series(1, 100000) AS number"
        )
        owner.execute("ANALYZE ordinal.commands")
        size = owner.execute("SELECT pg_relation_size('ordinal.commands') / 8192").fetchone()
    with connect(ordinal_database, "ordinal_writer") as conn:
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {FORGET}"
        told = conn.execute(explained.encode(), (7, CHUNK)).fetchone()
    assert size
    assert told
    plan = told[0][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200 < size[0]
