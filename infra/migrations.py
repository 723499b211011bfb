"""Numbered, idempotent migrations of the database, run by its owner."""

from importlib import resources

import psycopg

MIGRATION_LOCK = 7093200


class NotMigrated(Exception):
    """The database lacks migrations of this program: run `ordinal migrate`."""


def available() -> list[tuple[int, str, str]]:
    """Number, name and SQL of every migration, in order."""
    found = []
    for file in resources.files("infra").joinpath("sql").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found)


def applied(conn: psycopg.Connection[tuple[object, ...]]) -> set[int]:
    row = conn.execute("SELECT to_regclass('ordinal_migrations')").fetchone()
    if row is None or row[0] is None:
        return set()
    rows = conn.execute("SELECT number FROM ordinal_migrations").fetchall()
    return {int(str(number)) for (number,) in rows}


def migrate(conninfo: str) -> list[str]:
    """Bring the database up to date; returns the names that ran. Safe to run twice at once."""
    ran = []
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        conn.execute(
            "CREATE TABLE IF NOT EXISTS ordinal_migrations ("
            "number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz DEFAULT now())"
        )
        done = applied(conn)
        for number, name, sql in available():
            if number in done:
                continue
            with conn.transaction():
                conn.execute(sql.encode())
                conn.execute("INSERT INTO ordinal_migrations VALUES (%s, %s)", (number, name))
            ran.append(f"{number:04} {name}")
        conn.execute("GRANT SELECT ON ordinal_migrations TO PUBLIC")
    return ran


def require_migrated(conninfo: str) -> None:
    """Refuse a database that lacks a migration of this program.

    Raises NotMigrated naming the missing ones.
    """
    with psycopg.connect(conninfo, autocommit=True) as conn:
        missing = [name for number, name, _ in available() if number not in applied(conn)]
    if missing:
        raise NotMigrated(f"run `ordinal migrate` first: missing {', '.join(missing)}")
