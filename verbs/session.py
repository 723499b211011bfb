"""What almost every verb begins with: the settings, and the database that they name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg
from pydantic import ValidationError

from infra.local import embedded_postgres
from infra.postgres.connections import Connection, connect_login
from infra.runtime.logs import configure_logging
from infra.runtime.settings import Settings
from infra.store.migrations import require_migrated
from verbs.terminal import fail


def load_settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as error:
        fail(
            "\n".join(
                setting_error(str(fault["loc"][0]), fault["msg"].removeprefix("Value error, "))
                for fault in error.errors()
            )
        )
    configure_logging(settings)
    return settings


def setting_error(name: str, wrong: str) -> str:
    """What is wrong with a setting, and what it is for."""
    known = Settings.model_fields.get(name)
    about = known.description if known else None
    return f"ORDINAL_{name.upper()}: {wrong}. {about or ''}".strip()


@contextmanager
def opened(settings: Settings, *, migrated: bool = True, watched: bool = True) -> Iterator[str]:
    """The conninfo of a database that is up and, unless we are to migrate it, up to date.

    An embedded one is `watched` by a thread, which whoever forks leaves to the forked.
    """
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS"):
        fail("POSTGRES_ENABLE_DB_FUNCTIONS is set: that way of appending takes no lock. Unset it.")
    url, here = settings.database_url.get_secret_value(), Path.cwd()
    watch = embedded_postgres.kept_running(url, here) if watched else nullcontext()
    with embedded_postgres.database(url, here) as conninfo, watch:
        if migrated:
            require_migrated(conninfo)
        yield conninfo


@contextmanager
def owner() -> Iterator[Connection]:
    """A session of the database's owner; under another login the verb says what to do."""
    with opened(load_settings()) as conninfo, connect_login(conninfo) as conn:
        try:
            yield conn
        except psycopg.errors.InsufficientPrivilege:
            fail(
                f"The login {conn.info.user} may not do that: name the database's owner in"
                " ORDINAL_DATABASE_URL, the login under which `ordinal migrate` runs."
            )
