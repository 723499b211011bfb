"""`ordinal state`"""

import sys
from typing import Annotated

import typer

from domain.categories import CATEGORIES
from infra.postgres.connections import Connection, connect
from infra.store import time_travel
from verbs.session import load_settings, opened
from verbs.terminal import fail, moment_of, verb

cli = verb()
NEITHER = "neither a position nor an ISO 8601 time"
STREAMS = f"One of {', '.join(each.streams for each in CATEGORIES.values())}"


@cli.command()
def state(
    stream: Annotated[str, typer.Argument(help=STREAMS)],
    at: Annotated[
        str | None, typer.Option(help="What was true then: an ISO 8601 time, or a position.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="As was known then: an ISO 8601 time, or a position.")
    ] = None,
) -> None:
    """Show what was true of a stream at a time, as far as it was known at another.

    What was told late counts at the time when it happened. A position is a place in what was known.
    """
    if at is not None and at.isdecimal():
        if known_at is not None:
            fail("a position says what was known: give it as --known-at")
        at, known_at = None, at
    with (
        opened(load_settings()) as conninfo,
        connect(conninfo, "ordinal_projector", timeout=60) as conn,
    ):
        try:
            true_at = None if at is None else moment_of(at, NEITHER)
            found = time_travel.state_at(conn, stream, _position(conn, known_at), true_at)
        except LookupError as error:
            fail(str(error))
    sys.stdout.buffer.write(time_travel.as_json(found) + b"\n")


def _position(conn: Connection, stated: str | None) -> int | None:
    if stated is None or stated.isdecimal():
        return None if stated is None else int(stated)
    return time_travel.position_at(conn, moment_of(stated, NEITHER))
