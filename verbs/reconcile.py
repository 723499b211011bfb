"""`ordinal reconcile`"""

from typing import Annotated

import typer

from infra.audit import reconcile as comparing
from verbs import showing
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, show, verb

cli = verb()


@cli.command()
def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Send a lost tail again.")] = False,
) -> None:
    """Compare the topics with the log; exit 1 when they differ. To repair, stop the relay."""
    settings = load_settings()
    with opened(settings) as conninfo:
        try:
            report = comparing.reconcile(conninfo, settings, repair=repair)
            if repair and not report.clean:
                show(showing.show_comparison(report))
                console.print(f"{report.resent} events were sent again")
                report = comparing.reconcile(conninfo, settings, repair=False)
        except comparing.ReconcileRefused as error:
            fail(str(error))
    show(showing.show_comparison(report))
    if not report.clean:
        fail("the topics are not what the log is")
    console.print(f"{report.events} events up to position {report.position} are in the topics")
