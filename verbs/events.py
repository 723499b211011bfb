"""`ordinal events`"""

import sys
from typing import Annotated

import typer

from infra.postgres.connections import connect
from infra.store import time_travel
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import verb

cli = verb()


@cli.command()
def events(
    after: Annotated[int, typer.Option(help="Position to begin behind.")] = 0,
    until: Annotated[int | None, typer.Option(help="Position to end with.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on as events come.")] = False,
) -> None:
    """Write the event log to standard output, one JSON object a line."""
    out = sys.stdout.buffer
    with (
        opened(load_settings()) as conninfo,
        stop_signal() as stop,
        connect(conninfo, "ordinal_projector", timeout=60) as conn,
    ):
        while not stop.is_set():
            for seen, line in time_travel.lines(conn, after, until):
                out.write(line + b"\n")
                after = seen
                if stop.is_set():
                    break
            out.flush()
            if not follow or stop.wait(0.2):
                return
