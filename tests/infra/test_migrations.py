"""Migrations: from nothing, again, at once, half done; and who may start on what they left."""

import threading

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.store import migrations
from infra.store.migrations import NotMigrated, Unguarded, migrate, require_migrated
from tests.infra.shop import Mark, check_log, do, writing

Shape = list[tuple[object, ...]]


def shape(conninfo: str) -> Shape:
    """Every column, constraint, trigger, function and right of our schemas."""
    with psycopg.connect(conninfo) as conn:
        return conn.execute(
            "SELECT 'column', table_schema || '.' || table_name || '.' || column_name, data_type,"
            " coalesce(column_default, '') FROM information_schema.columns"
            " WHERE table_schema IN ('ordinal', 'read', 'public')"
            " UNION ALL SELECT 'constraint', conrelid::regclass || conname,"
            " pg_get_constraintdef(oid), '' FROM pg_constraint WHERE conrelid > 0"
            " UNION ALL SELECT 'trigger', tgrelid::regclass || tgname, pg_get_triggerdef(oid),"
            " tgenabled::text FROM pg_trigger"
            " UNION ALL SELECT 'table', oid::regclass::text, relowner::regrole::text,"
            " relacl::text FROM pg_class WHERE relnamespace IN ('ordinal'::regnamespace,"
            " 'read'::regnamespace) ORDER BY 1, 2, 3, 4"
        ).fetchall()


def names() -> list[str]:
    return [f"{number:04} {name}" for number, name, _ in migrations.available()]


def in_threads(conninfos: list[str]) -> tuple[list[list[str]], list[BaseException]]:
    ran: list[list[str]] = []
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(conninfos))

    def run(conninfo: str) -> None:
        barrier.wait(5)
        try:
            ran.append(migrate(conninfo))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(conninfo,)) for conninfo in conninfos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return ran, errors


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _, _ in migrations.available()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_empty_database_is_refused_until_it_is_migrated(database: str) -> None:
    with pytest.raises(NotMigrated, match=r"ordinal migrate.*event_log"):
        require_migrated(database)
    assert migrate(database) == names()
    require_migrated(database)
    with writing(database) as writer:
        do(writer, Mark())
    assert migrate(database) == []
    assert len(check_log(database)) == 1


def test_the_one_that_lacks_a_migration_is_told_which(database: str) -> None:
    migrate(database)
    with psycopg.connect(database) as conn:
        conn.execute("DELETE FROM public.ordinal_migrations WHERE number = 3")
    with pytest.raises(NotMigrated, match=r"missing commands_contacts_outbox$"):
        require_migrated(database)


def test_every_migration_may_run_again_on_what_it_made(database: str) -> None:
    """As it does when a process died between the migration and its note."""
    migrate(database)
    before = shape(database)
    with writing(database) as writer:
        do(writer, Mark())
    with psycopg.connect(database) as conn:
        conn.execute("DELETE FROM public.ordinal_migrations")
    assert migrate(database) == names()
    assert shape(database) == before
    assert len(check_log(database)) == 1


def test_a_migration_that_fails_leaves_nothing_of_itself(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = migrations.available()
    broken = (2, "broken", second[2] + "SELECT 1 / 0;")
    monkeypatch.setattr(migrations, "available", lambda: [first, broken])
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database)
    monkeypatch.undo()
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT to_regclass('ordinal.stored_events')").fetchone() == (None,)
    assert migrate(database) == names()[1:]


def test_of_several_at_once_one_migrates_and_the_others_wait(database: str) -> None:
    ran, errors = in_threads([database] * 4)
    assert errors == []
    assert sorted(ran) == [[], [], [], names()]
    require_migrated(database)


def test_two_databases_of_one_server_are_migrated_at_once(
    database: str, postgres_server: str
) -> None:
    """Roles belong to the whole server."""
    name = sql.Identifier(f"{conninfo_to_dict(database)['dbname']}_b")
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            other = make_conninfo(database, dbname=name.as_string().strip('"'))
            assert in_threads([database, other]) == ([names(), names()], [])
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.mark.parametrize("trigger", ["append_guard", "append_only"])
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER {} ON ordinal.stored_events",
        "ALTER TABLE ordinal.stored_events DISABLE TRIGGER {}",
    ],
)
def test_a_log_without_its_guards_is_refused(
    statement: str, trigger: str, ordinal_database: str
) -> None:
    with psycopg.connect(ordinal_database) as conn:
        conn.execute(statement.format(trigger).encode())
    with pytest.raises(Unguarded, match=trigger):
        require_migrated(ordinal_database)
