"""`ordinal reactions …`"""

from collections.abc import Sequence

import typer

from consumers.reaction import Reaction
from consumers.reactions import REACTIONS
from infra.postgres.connections import connect
from infra.reactions import switches
from infra.reactions.runner import ROLE
from infra.reactions.tasks import parked_tasks
from infra.store.event_log import head
from verbs import showing
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, family, show

cli = family("What is done about our own past, by itself: which of it is on, and what failed.")
NAMES = typer.Argument(help=f"{', '.join(REACTIONS)}, or all.")


@cli.command("list")
def list_reactions() -> None:
    """Tell which are on, where each stands, what it did, and what of it is parked."""
    with opened(load_settings()) as conninfo, connect(conninfo, ROLE) as conn:
        known, last, parked = switches.switches(conn), head(conn), parked_tasks(conn)
    show(showing.show_reactions(REACTIONS, known, last))
    if parked:
        show(showing.show_parked_tasks(parked))


@cli.command()
def on(names: list[str] = NAMES) -> None:
    """Switch on: it sweeps the present state, and goes on from here."""
    _switch(names, on=True)


@cli.command()
def off(names: list[str] = NAMES) -> None:
    """Switch off: it does nothing more, and forgets what it had to do."""
    _switch(names, on=False)


@cli.command()
def retry(names: list[str] = NAMES) -> None:
    """Do again what is parked."""
    with opened(load_settings()) as conninfo, connect(conninfo, ROLE) as conn:
        for reaction in _chosen(names):
            count = switches.retry(conn, reaction)
            console.print(f"{reaction.name}: {count} again")


def _switch(names: Sequence[str], *, on: bool) -> None:
    with opened(load_settings()) as conninfo, connect(conninfo, ROLE) as conn:
        for reaction in _chosen(names):
            switches.switch(conn, reaction, on=on)
            console.print(f"{reaction.name} is {'on' if on else 'off'}")


def _chosen(names: Sequence[str]) -> list[Reaction]:
    if list(names) == ["all"]:
        return list(REACTIONS.values())
    if unknown := [name for name in names if name not in REACTIONS]:
        fail(f"no reaction is called {', '.join(unknown)}; there are {', '.join(REACTIONS)}, all")
    return [REACTIONS[name] for name in names]
