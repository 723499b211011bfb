"""`ordinal settings`"""

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr
from rich.table import Table as Grid

from infra.local.embedded_postgres import KEYWORD
from verbs.session import load_settings
from verbs.terminal import show, verb

cli = verb()
MASK = "**********"


@cli.command()
def settings() -> None:
    """Show the settings in force; passwords are masked."""
    grid = Grid("variable", "value")
    for name, value in load_settings():
        shown = shown_url(value) if name == "database_url" else str(value)
        grid.add_row(f"ORDINAL_{name.upper()}", shown)
    show(grid)


def shown_url(url: SecretStr) -> str:
    """Which database it is, without the passwords; what cannot be read is masked as a whole."""
    stated = url.get_secret_value()
    if stated.partition(":")[0] == KEYWORD:
        return stated
    try:
        parts = conninfo_to_dict(stated)
    except psycopg.Error:
        return MASK
    return make_conninfo("", **{k: MASK if "password" in k else v for k, v in parts.items()})
