"""`ordinal store …`"""

from typing import Annotated

import typer

from infra.audit import accept_restore as restored
from infra.audit.reconcile import ReconcileRefused
from infra.store import clock_epochs, simulated_clock
from projections import PROJECTIONS
from verbs.read_models import build, chosen_projections
from verbs.session import load_settings, opened, owner
from verbs.terminal import console, fail, moment_of, verb

cli = verb()
Time = Annotated[str, typer.Argument(help="An ISO 8601 time; UTC unless it says otherwise.")]


@cli.callback(no_args_is_help=True)
def store() -> None:
    """The store as a whole."""  # without this its only verb would be taken for the family


@cli.command()
def accept_restore() -> None:
    """Go on from a restored backup; what others have seen beyond it becomes void.

    As the owner of the database, before anything else of Ordinal is started.
    """
    settings = load_settings()
    with opened(settings) as conninfo:
        try:
            accepted = restored.accept_restore(conninfo, settings, PROJECTIONS)
        except restored.NothingToAccept as nothing:
            console.print(str(nothing))
            return
        except (restored.WrittenSince, ReconcileRefused) as error:
            fail(str(error))
        console.print(
            f"store epoch {accepted.store_epoch}: what was seen behind position"
            f" {accepted.void_after} is void, the log goes on behind {accepted.to}"
        )
        if accepted.behind:
            build(conninfo, chosen_projections(accepted.behind))


@cli.command()
def accept_clock() -> None:
    """Begin a new clock epoch when a wrong clock has dated the log ahead.

    As the owner of the database, with its clock put right; everything else may go on.
    """
    with owner() as conn:
        try:
            begun = clock_epochs.accept_clock(conn)
        except clock_epochs.ClockNotAccepted as error:
            fail(str(error))
    console.print(
        f"a new clock epoch begins behind position {begun.after}, which was dated"
        f" {begun.former:%Y-%m-%d %H:%M:%S} UTC"
    )


@cli.command()
def simulate(time: Time) -> None:
    """Make an empty store one for simulations and tests: its clock stands still until it is moved.

    As the owner of the database. There is no way back: the store is never used for anything else.
    """
    with owner() as conn:
        try:
            simulated_clock.simulate(conn, moment_of(time))
        except simulated_clock.ClockNotMoved as error:
            fail(str(error))
    console.print("this store is simulated: `ordinal store move-clock` moves its clock")


@cli.command()
def move_clock(time: Time) -> None:
    """Move the clock of a store that is simulated forward; timers and reactions follow at once.

    As the owner of the database.
    """
    with owner() as conn:
        try:
            simulated_clock.move_clock(conn, moment_of(time))
        except simulated_clock.ClockNotMoved as error:
            fail(str(error))
