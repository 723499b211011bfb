"""`ordinal react`"""

from functools import partial

from consumers.reactions import REACTIONS
from infra.ops.heartbeats import Heartbeat, reporting
from infra.reactions.runner import ROLE, Runner, RunnerStatus
from infra.runtime.supervisor import spare_the_collector
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import verb
from verbs.writing import TAKEN_IN_BYTES, keeping_writer

PART = "reactions"
# Bytes of folds: what changes together is short-lived here.
CACHE = 8_000_000

cli = verb()


@cli.command()
def react() -> None:
    """Do what follows from what happened: serve who waits, let end what is over."""
    settings = load_settings()
    settings = settings.model_copy(update={"cache_bytes": min(settings.cache_bytes, CACHE)})
    spare_the_collector()
    with opened(settings) as conninfo, stop_signal() as stop:
        writer = keeping_writer(settings, conninfo, TAKEN_IN_BYTES)
        machine = Runner(conninfo, REACTIONS, writer, cache_bytes=settings.cache_bytes)
        with reporting(conninfo, ROLE, PART, partial(news_of, machine.status)):
            machine.run(stop)


def news_of(status: RunnerStatus) -> Heartbeat | None:
    """One that stands by says nothing: another one leads."""
    if status.state in ("starting", "standby") or (status.state == "stopped" and not status.on):
        return None
    waits = status.state in ("waiting", "halted")
    done = f"{status.on} on: {status.accepted} commands, {status.refused} refused"
    detail = status.last_error if waits else done
    return Heartbeat(state=status.state, position=status.position or None, detail=detail)
