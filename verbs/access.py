"""`ordinal access`: who may do what, and the page of the documents that says so."""

from pathlib import Path
from typing import Annotated

import typer

from api.access_table import roles, table
from verbs.terminal import verb

cli = verb()
PAGE = Path(__file__).parents[1] / "docs" / "access.md"
TABLES = {"roles": roles, "routes": table}


def page(text: str) -> str:
    """The page with its tables as the code has them."""
    for name, made in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = before + begin + made() + end + rest.partition(end)[2]
    return text


@cli.command()
def access(
    write: Annotated[
        bool, typer.Option("--write", help="Bring docs/access.md up to date.")
    ] = False,
) -> None:
    """Show which roles there are and which route takes which scope."""
    if write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    typer.echo(f"{roles()}\n{table()}", nl=False)
