"""What others can't do to the log, and what `verify` says when somebody could, or did."""

import os
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.postgres import advisory_locks
from infra.readmodels.generations import ensure_generation
from projections import PROJECTIONS
from tests.faults.processes import ROOT
from tests.faults.teeth import breaches, execute, read_models, small_store
from tests.infra.shop import do, order, writing

PAGE = ROOT / "docs" / "operations" / "logins.md"
LOCKS = [
    "pg_advisory_lock(%s)",
    "pg_advisory_xact_lock(%s)",
    "pg_try_advisory_lock(%s)",
    "pg_advisory_lock_shared(%s)",
    "pg_try_advisory_xact_lock_shared(0, %s)",
]


@pytest.fixture
def analyst(postgres_server: str, ordinal_database: str) -> Iterator[str]:
    """The conninfo of an analyst's login, made as the operators' page says."""
    name = f"analyst_{os.getpid()}"
    making, _ = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(making.replace("jane", name).encode())
        try:
            yield make_conninfo(ordinal_database, user=name)
        finally:
            conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


@pytest.fixture
def store(ordinal_database: str) -> str:
    """A sound store with its read models."""
    with small_store(ordinal_database):
        read_models(ordinal_database)
    assert not breaches(ordinal_database)
    return ordinal_database


@pytest.mark.parametrize("taking", LOCKS)
def test_an_analyst_takes_none_of_our_locks(
    ordinal_database: str, analyst: str, taking: str
) -> None:
    with psycopg.connect(analyst, autocommit=True) as conn:
        for number in (advisory_locks.APPEND, advisory_locks.RELAY, advisory_locks.MIGRATION):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"SELECT {taking}".encode(), (number,))
        with small_store(ordinal_database) as writer:
            do(writer, order("while the analyst looks", "85123A"))


def test_processes_under_their_own_logins_take_them(
    postgres_server: str, ordinal_database: str
) -> None:
    name = f"process_{os.getpid()}"
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN IN ROLE ordinal_writer".encode())
        try:
            own = make_conninfo(ordinal_database, user=name)
            with psycopg.connect(own, autocommit=True) as ours:
                assert ours.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)
            with writing(own):
                pass
        finally:
            conn.execute(f"DROP ROLE {name}".encode())


def test_verify_names_a_login_that_could_hold_us_up(store: str, analyst: str) -> None:
    assert not breaches(store)
    execute(store, "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC")
    assert breaches(store) == {"I11"}
    _, righting = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    execute(store, righting)
    assert not breaches(store)


@pytest.mark.parametrize("lack", ["CONNECTION LIMIT -1", "RESET statement_timeout"])
def test_verify_names_an_analyst_without_bounds(store: str, analyst: str, lack: str) -> None:
    execute(store, f"ALTER ROLE analyst_{os.getpid()} {lack}")
    assert breaches(store) == {"I11"}


@pytest.mark.parametrize(
    ("damage", "breach"),
    [
        ("ALTER TABLE ordinal.stored_events ENABLE TRIGGER append_only", "I3"),
        ("ALTER TABLE ordinal.outbox DISABLE TRIGGER append_guard", "I3"),
        (
            "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE ON ordinal.stored_events"
            " FOR EACH STATEMENT EXECUTE FUNCTION ordinal.refuse_change();"
            " ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only",
            "I3",
        ),
        (
            "CREATE OR REPLACE FUNCTION ordinal.guard_append() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$",
            "I3",
        ),
        (
            "CREATE TABLE ordinal.more () INHERITS (ordinal.stored_events)",
            "I3",
        ),
        (
            "SET session_replication_role = replica;"
            " ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only;"
            " UPDATE ordinal.stored_events SET topic = 'OrderCancelled'"
            " WHERE topic = 'OrderPlaced';"
            " ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only",
            "I2",
        ),
        (
            "UPDATE ordinal.commands SET receipt = convert_to(jsonb_set(convert_from(receipt,"
            " 'UTF8')::jsonb, '{version}', '9')::text, 'UTF8')",
            "I6",
        ),
        (
            "CREATE OR REPLACE VIEW read.report_country AS SELECT * FROM read.report_country_was",
            "I4",
        ),
        (
            "DO $$ BEGIN EXECUTE (SELECT format('CREATE OR REPLACE VIEW read.stock_movement AS"
            " SELECT %s FROM read.stock_movement_g1 WHERE on_hand > 1000',"
            " string_agg(column_name, ', ' ORDER BY ordinal_position))"
            " FROM information_schema.columns"
            " WHERE table_schema = 'read' AND table_name = 'stock_movement'); END $$",
            "I4",
        ),
    ],
)
def test_verify_names_what_was_bent(store: str, damage: str, breach: str) -> None:
    if "report_country_was" in damage:
        body = "SELECT pg_get_viewdef('read.report_country'::regclass)"
        with psycopg.connect(store, autocommit=True) as conn:
            row = conn.execute(body).fetchone()
            assert row
            conn.execute(f"CREATE VIEW read.report_country_was AS {row[0]}".encode())
    execute(store, damage)
    assert breach in breaches(store)


@pytest.mark.parametrize(
    "change", ["UPDATE ordinal.stored_events SET topic = ''", "TRUNCATE ordinal.stored_events"]
)
def test_the_log_is_not_changed_by_a_session_that_plays_a_replica(store: str, change: str) -> None:
    with psycopg.connect(store, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            conn.execute(change.encode())


def test_views_are_as_the_program_made_them_in_every_read_model(store: str) -> None:
    with psycopg.connect(store, autocommit=True) as conn:
        for projection in PROJECTIONS:
            ensure_generation(conn, projection)
    assert not breaches(store)
