"""`ordinal keys …`"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table as Grid

from api.granting import NotGrantable, granting
from api.scopes import ALL_SCOPES, ROLES
from infra.store import api_keys
from verbs.session import owner
from verbs.terminal import fail, family, show

cli = family("API keys, managed under the login that owns the database.")
OWNER = "command-line"
Names = list[str] | None


@cli.command()
def create(
    name: Annotated[str, typer.Option(help="For people.")],
    channel: Annotated[str, typer.Option(help="Channel of the orders it places.")] = "web",
    caller: Annotated[str | None, typer.Option(help="Whose commands these are.")] = None,
    role: Annotated[Names, typer.Option(help=f"One or more of {', '.join(ROLES)}.")] = None,
    scope: Annotated[Names, typer.Option(help="What it may do besides, one or more.")] = None,
    reach: Annotated[
        Names, typer.Option(help="What it is narrowed to, as in channel=web or location=BER.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is in force.")] = None,
) -> None:
    """Make a key and print its secret, once."""
    if not scope and not role:
        roles, scopes = ", ".join(ROLES), ", ".join(ALL_SCOPES)
        fail(
            "Say what the key may do, as in --role channel or --scope orders:read;"
            f" roles are {roles}; scopes are {scopes}"
        )
    try:
        grant = granting(
            name=name,
            channel=channel,
            caller=caller,
            roles=role or (),
            scopes=scope or (),
            reach=_narrowed(reach or ()),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        )
    except NotGrantable as error:
        fail(str(error))
    with owner() as conn:
        secret = api_keys.create(conn, api_keys.Grant(**grant), actor=OWNER)
    sys.stdout.write(f"{secret}\n")


def _narrowed(stated: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in stated:
        by, equals, value = each.partition("=")
        if not equals or not value:
            fail(f"--reach {each}: write it as in channel=web")
        found.setdefault(by, []).append(value)
    return found


@cli.command("list")
def list_keys() -> None:
    """List the keys; secrets are not kept."""
    grid = Grid(
        "id", "name", "caller", "channel", "may", "reach", "expires", "last used", "revoked"
    )
    with owner() as conn:
        for key in api_keys.listed(conn):
            reach = " ".join(f"{by}={','.join(values)}" for by, values in key.reach)
            grid.add_row(
                key.key_id,
                key.name,
                key.caller,
                key.channel,
                " ".join((*key.roles, *key.scopes)),
                reach or "all",
                _to_the_minute(key.expires_at),
                _to_the_minute(key.last_used_at),
                "yes" if key.revoked else "",
            )
    show(grid)


def _to_the_minute(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(" ", "minutes") if at else ""


@cli.command()
def rotate(
    key_id: str,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long the old one still opens.")
    ] = 24,
) -> None:
    """Make a key like this one and print its secret, once; the old one ends after the overlap."""
    with owner() as conn:
        try:
            secret = api_keys.rotate(
                conn, key_id, overlap=timedelta(hours=overlap_hours), actor=OWNER
            )
        except api_keys.UnknownKey:
            fail(f"there is no key {key_id} in force")
    sys.stdout.write(f"{secret}\n")


@cli.command()
def revoke(key_id: str) -> None:
    """Let a key open nothing any more."""
    with owner() as conn:
        try:
            api_keys.revoke(conn, key_id, actor=OWNER)
        except api_keys.UnknownKey:
            fail(f"there is no key {key_id} in force")


@cli.command()
def history(key_id: Annotated[str | None, typer.Argument()] = None) -> None:
    """What happened to one key, or to all, by whom."""
    grid = Grid("at", "key", "what", "by", "details")
    with owner() as conn:
        for at, key, what, actor, data in api_keys.history(conn, key_id):
            grid.add_row(_to_the_minute(at), key, what, actor, data)
    show(grid)
