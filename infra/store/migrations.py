"""Numbered, idempotent migrations of the database, run by its owner."""

from importlib import resources

import psycopg

from infra.postgres import advisory_locks
from infra.postgres.connections import connect_login

# Named in full: an owner called like our schema would look for it there once that exists.
DONE = "public.ordinal_migrations"
GUARDS = {"append_guard", "append_only"}


class NotMigrated(Exception):
    """The database lacks migrations of this program: run `ordinal migrate`."""


class Unguarded(NotMigrated):
    """The log lacks a trigger without which its order or its past is not safe."""


def available() -> list[tuple[int, str, str]]:
    """Number, name and SQL of every migration, in order."""
    found = []
    for file in resources.files("infra.store").joinpath("sql").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found)


def applied(conn: psycopg.Connection[tuple[object, ...]]) -> set[int]:
    row = conn.execute("SELECT to_regclass(%s)", (DONE,)).fetchone()
    if row is None or row[0] is None:
        return set()
    rows = conn.execute(f"SELECT number FROM {DONE}").fetchall()
    return {int(str(number)) for (number,) in rows}


def migrate(conninfo: str) -> list[str]:
    """Bring the database up to date; returns the names that ran. Safe to run twice at once."""
    ran = []
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (advisory_locks.MIGRATION,))
        conn.execute(
            f"CREATE TABLE IF NOT EXISTS {DONE} ("
            "number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz DEFAULT now())"
        )
        done = applied(conn)
        for number, name, sql in available():
            if number in done:
                continue
            with conn.transaction():
                conn.execute(sql.encode())
                conn.execute(f"INSERT INTO {DONE} VALUES (%s, %s)", (number, name))
            ran.append(f"{number:04} {name}")
        conn.execute(f"GRANT SELECT ON {DONE} TO PUBLIC")
    return ran


def require_migrated(conninfo: str) -> None:
    """Refuse a database that lacks a migration of this program, or the guards of its log.

    Raises NotMigrated naming the missing ones.
    """
    with connect_login(conninfo) as conn:
        done = applied(conn)
        missing = [name for number, name, _ in available() if number not in done]
        if missing:
            raise NotMigrated(f"run `ordinal migrate` first: missing {', '.join(missing)}")
        if unarmed := sorted(GUARDS - _armed(conn)):
            raise Unguarded(f"the log's trigger {unarmed[0]} is missing or disabled")


def _armed(conn: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    rows = conn.execute(
        "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgrelid ="
        " (SELECT oid FROM pg_class WHERE relname = 'stored_events'"
        " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'ordinal'))"
    )
    return {str(name) for (name,) in rows}
