"""`ordinal keys …`"""

import sys
from typing import Annotated

import typer
from rich.table import Table as Grid

from api.scopes import ALL_SCOPES
from infra.store import api_keys
from verbs.session import owner
from verbs.terminal import fail, family, show

cli = family("API keys, managed under the login that owns the database.")
EVERY_SCOPE = ", ".join(ALL_SCOPES)


@cli.command()
def create(
    name: Annotated[str, typer.Option(help="For people.")],
    channel: Annotated[str, typer.Option(help="Channel of the orders it places.")] = "web",
    caller: Annotated[str | None, typer.Option(help="Whose commands these are.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do, one or more.")] = None,
) -> None:
    """Make a key and print its secret, once."""
    if not scope:
        fail(f"Say what the key may do, as in --scope orders:write; there are {EVERY_SCOPE}")
    unknown = set(scope) - set(ALL_SCOPES)
    if unknown:
        fail(f"no such scope: {', '.join(sorted(unknown))}; there are {EVERY_SCOPE}")
    with owner() as conn:
        secret = api_keys.create(
            conn, name=name, caller=caller or name, channel=channel, scopes=scope
        )
    sys.stdout.write(f"{secret}\n")


@cli.command("list")
def list_keys() -> None:
    """List the keys; secrets are not kept."""
    grid = Grid("id", "name", "caller", "channel", "scopes", "revoked")
    with owner() as conn:
        for key in api_keys.listed(conn):
            revoked = "yes" if key.revoked else ""
            scopes = " ".join(key.scopes)
            grid.add_row(key.key_id, key.name, key.caller, key.channel, scopes, revoked)
    show(grid)


@cli.command()
def revoke(key_id: str) -> None:
    """Let a key open nothing any more."""
    with owner() as conn:
        if not api_keys.revoke(conn, key_id):
            fail(f"there is no key {key_id} in force")
