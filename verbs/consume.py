"""`ordinal consume`"""

from functools import partial
from typing import Annotated

import typer

from consumers.channels import CHANNELS
from consumers.consumer import Consumer
from infra.intake.intake import Intake, IntakeStatus
from infra.ops.heartbeats import Heartbeat, reporting
from infra.runtime.supervisor import spare_the_collector
from verbs.parts import family_of
from verbs.session import load_settings, opened
from verbs.signals import StopFlag, stop_signal
from verbs.terminal import fail, verb
from verbs.writing import TAKEN_IN_BYTES, keeping_writer

cli = verb()


@cli.command()
def consume(
    shape: Annotated[str | None, typer.Argument(help=" or ".join(CHANNELS))] = None,
    channel: Annotated[str | None, typer.Option(help="Who sends it.")] = None,
    history: Annotated[bool, typer.Option(help="Believe the time of sale.")] = False,
) -> None:
    """Take a channel's messages from its topic; without a name, those of all channels."""
    if shape is None:
        _consume_all(*(["--history"] if history else []))
        return
    if shape not in CHANNELS:
        fail(f"no consumer is called {shape}; there are {', '.join(CHANNELS)}")
    _consume(CHANNELS[shape].of_channel(channel or shape, history=history))


def _consume_all(*options: str) -> None:
    settings = load_settings()
    family = family_of([("consume", name, *options) for name in CHANNELS])
    stop = StopFlag()
    with opened(settings, watched=False):
        family.start()
        family.watch(stop)


def _consume(consumer: Consumer) -> None:
    settings = load_settings()
    spare_the_collector()
    with opened(settings) as conninfo, stop_signal() as stop:
        writer = keeping_writer(settings, conninfo, TAKEN_IN_BYTES)
        machine = Intake(settings, consumer, writer)
        news = partial(news_of, machine.status)
        with reporting(conninfo, "ordinal_writer", part_of(consumer), news):
            machine.run(stop)


def part_of(consumer: Consumer) -> str:
    """What operators call it."""
    shape, channel = consumer.name, consumer.channel
    return f"intake {shape}" if channel == shape else f"intake {shape} of {channel}"


def news_of(status: IntakeStatus) -> Heartbeat:
    """Processes that share a channel's topic speak with one voice: the last one's."""
    waits = status.state in {"waiting", "halted"}
    done = f"{status.messages} messages, {status.dead_letters} of them dead letters"
    detail = status.last_error if waits else done
    return Heartbeat(state=status.state, detail=detail, lag=status.lag)
