"""`ordinal status`"""

from typing import Annotated

import psycopg
import typer

from consumers.channels import CHANNELS
from infra.ops import status as standing
from projections import PROJECTIONS
from verbs import showing
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, show, verb

cli = verb()


@cli.command()
def status(
    part: Annotated[
        str | None, typer.Option(help="Only parts whose names begin so, for health checks.")
    ] = None,
) -> None:
    """Tell where everything stands; exit 1 when something is not as it should be."""
    settings = load_settings()
    relayed = bool(settings.kafka_bootstrap_servers)
    try:
        # Asking for its migrations has no time limit, and a server may hang.
        with opened(settings, migrated=False) as conninfo:
            found = standing.status(conninfo, PROJECTIONS, relayed=relayed, channels=CHANNELS)
    except psycopg.errors.UndefinedTable:
        fail("the database lacks tables: run `ordinal migrate`")
    except psycopg.Error as error:
        fail(f"the database cannot be asked: {error}")
    if part is not None:
        if wrong := standing.problems_of(found, part):
            fail("\n".join(wrong))
        return
    show(showing.show_log(found), showing.show_read_models(found), showing.show_parts(found))
    if wrong := standing.problems(found):
        fail("\n".join(wrong))
    console.print("all is well")
