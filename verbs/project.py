"""`ordinal project`"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated

import structlog
import typer

from infra.ops.heartbeats import Heartbeat, reporting_each
from infra.readmodels.feeds import Feed, StoreFeed
from infra.readmodels.index_follower import Follower
from infra.readmodels.kafka_feed import KafkaFeed, SharedSession
from infra.readmodels.projector import Projector, ProjectorStatus
from infra.runtime.settings import Settings
from infra.runtime.supervisor import spare_the_collector
from verbs.read_models import chosen_projections
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import verb
from verbs.upgrading import bring_up_to_date

cli = verb()
log = structlog.get_logger("ordinal")


@cli.command()
def project(names: Annotated[list[str] | None, typer.Argument(help="Read models.")] = None) -> None:
    """Keep read models up to date: all of them, or the named ones."""
    settings = load_settings()
    spare_the_collector()
    with opened(settings) as conninfo, stop_signal() as stop:
        feed = feeds_of(settings, conninfo)
        chosen = chosen_projections(names or [])
        machines = {f"projector {each.name}": Projector(conninfo, each, feed) for each in chosen}
        threads = [
            threading.Thread(target=_project, args=(machine, stop), name=name)
            for name, machine in machines.items()
        ]
        threads.append(
            threading.Thread(target=bring_up_to_date, args=(conninfo, chosen, stop), name="upgrade")
        )
        news = {name: partial(news_of, machine.status) for name, machine in machines.items()}
        with reporting_each(conninfo, "ordinal_projector", news):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def feeds_of(settings: Settings, conninfo: str) -> Callable[[], Feed]:
    """Opens feeds; through Kafka, those of one process share a consumer, and a session."""
    if settings.kafka_bootstrap_servers:
        return partial(KafkaFeed, SharedSession(conninfo), Follower(settings))
    return partial(StoreFeed, conninfo)


def _project(machine: Projector, stop: threading.Event) -> None:
    """A read model that halts waits for its operator; the others go on."""
    try:
        machine.run(stop)
    except Exception as error:
        log.error("projector_halted", projection=machine.status.projection, error=str(error))


def news_of(status: ProjectorStatus) -> Heartbeat | None:
    """One that stands by says nothing; where a read model stands, its checkpoint says."""
    if status.state == "standby" or (status.state == "stopped" and not status.generation):
        return None
    return Heartbeat(
        state=status.state,
        position=status.position or None,
        detail=status.last_error if status.state in ("waiting", "halted") else None,
    )
