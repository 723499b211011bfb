"""A database whose clock is wrong, for those who connect from then on."""

from datetime import timedelta

import psycopg
from psycopg.sql import SQL, Identifier, Literal


def set_clock_ahead(conninfo: str, ahead: timedelta) -> None:
    """May be called again: sessions that are open then see the other clock at once, too."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA IF NOT EXISTS wrong")
        conn.execute("GRANT USAGE ON SCHEMA wrong TO PUBLIC")
        conn.execute(
            SQL(
                "CREATE OR REPLACE FUNCTION wrong.clock_timestamp() RETURNS timestamptz"
                " LANGUAGE plpgsql AS $$ BEGIN"
                " RETURN pg_catalog.clock_timestamp() + make_interval(secs => {}); END $$"
            ).format(Literal(ahead.total_seconds()))
        )
        conn.execute(
            SQL("ALTER DATABASE {} SET search_path = wrong, pg_catalog, public").format(
                Identifier(conn.info.dbname)
            )
        )
