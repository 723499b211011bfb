"""`ordinal consume`"""

from functools import partial
from typing import Annotated

import typer

from consumers.channels import SHAPES
from infra.intake.intake import Intake, IntakeStatus
from infra.ops.heartbeats import Heartbeat, reporting
from infra.runtime.supervisor import spare_the_collector
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import fail, verb
from verbs.writing import keeping_writer

cli = verb()


@cli.command()
def consume(
    shape: Annotated[str, typer.Argument(help="orders or marketplace")],
    channel: Annotated[str | None, typer.Option(help="Channel of the orders.")] = None,
    history: Annotated[bool, typer.Option(help="Believe the time of sale.")] = False,
) -> None:
    """Take a channel's orders from its topic."""
    if shape not in SHAPES:
        fail(f"no consumer is called {shape}; there are {', '.join(SHAPES)}")
    made = SHAPES[shape](channel or shape, history=history)
    settings = load_settings()
    spare_the_collector()
    with opened(settings) as conninfo, stop_signal() as stop:
        machine = Intake(settings, made, keeping_writer(settings, conninfo))
        news = partial(news_of, machine.status)
        with reporting(conninfo, "ordinal_writer", f"intake {made.name}", news):
            machine.run(stop)


def news_of(status: IntakeStatus) -> Heartbeat:
    """Processes that share a channel's topic speak with one voice: the last one's."""
    waits = status.state == "waiting"
    done = f"{status.messages} messages, {status.dead_letters} of them dead letters"
    return Heartbeat(state=status.state, detail=status.last_error if waits else done)
