"""`ordinal dead-letters`"""

import sys
from typing import Annotated

import typer

from infra.intake import dead_letters
from infra.postgres.connections import connect
from verbs import showing
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, show, verb

cli = verb()


@cli.command()
def list_dead_letters(
    letter: Annotated[str | None, typer.Argument(help="Show this one, as JSON.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send its message again.")] = False,
    limit: Annotated[int, typer.Option(help="List so many.")] = 50,
) -> None:
    """Messages that could not become commands, the newest first: reason and coordinates."""
    settings = load_settings()
    with opened(settings) as conninfo, connect(conninfo, "ordinal_writer") as conn:
        if letter is None:
            show(showing.show_dead_letters(dead_letters.newest(conn, limit)))
            return
        try:
            found = dead_letters.find(conn, letter)
            offset = dead_letters.send_again(settings, found) if again else None
        except LookupError as error:
            fail(str(error))
    sys.stdout.buffer.write(dead_letters.as_json(found) + b"\n")
    if offset is not None:
        place = f"{found.source_topic}/{found.source_partition}/{offset}"
        console.print(f"sent again as {place}")
