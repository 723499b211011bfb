"""`ordinal state`"""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.categories import CATEGORIES
from infra.postgres.connections import Connection, connect
from infra.store import time_travel
from verbs.session import load_settings, opened
from verbs.terminal import fail, verb

cli = verb()
STREAMS = f"One of {', '.join(each.streams for each in CATEGORIES.values())}"


@cli.command()
def state(
    stream: Annotated[str, typer.Argument(help=STREAMS)],
    at: Annotated[str | None, typer.Option(help="A position, or an ISO 8601 time.")] = None,
) -> None:
    """Show what was true of a stream then, folded from history."""
    with (
        opened(load_settings()) as conninfo,
        connect(conninfo, "ordinal_projector", timeout=60) as conn,
    ):
        try:
            found = time_travel.state_at(conn, stream, _position(conn, at))
        except LookupError as error:
            fail(str(error))
    sys.stdout.buffer.write(time_travel.as_json(found) + b"\n")


def _position(conn: Connection, at: str | None) -> int | None:
    if at is None or at.isdecimal():
        return None if at is None else int(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        fail(f"{at} is neither a position nor an ISO 8601 time")
    return time_travel.position_at(conn, moment if moment.tzinfo else moment.replace(tzinfo=UTC))
