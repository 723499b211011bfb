"""`ordinal parked …`"""

import typer

from infra.ops.status import status
from infra.readmodels.parked_streams import NotParked, StillPoisoned, replay_parked
from infra.store.codec import UnknownEvent
from projections import PROJECTIONS
from verbs import showing
from verbs.read_models import chosen_projections
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, show, verb

cli = verb()


@cli.callback(invoke_without_command=True)
def parked(context: typer.Context) -> None:
    """List the streams that a read model could not fold."""
    if context.invoked_subcommand is None:
        with opened(load_settings()) as conninfo:
            show(showing.show_parked(status(conninfo, PROJECTIONS)))


@cli.command()
def replay(projection: str, stream: str) -> None:
    """Fold a parked stream anew, and let its events in again."""
    (chosen,) = chosen_projections([projection])
    with opened(load_settings()) as conninfo:
        try:
            count = replay_parked(conninfo, chosen, stream)
        except (NotParked, StillPoisoned, UnknownEvent) as error:
            fail(str(error))
    console.print(f"{count} events of {stream} are in {projection}")
