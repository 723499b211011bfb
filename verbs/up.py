"""`ordinal up`"""

from functools import partial

from consumers.channels import CHANNELS
from infra.kafka.topics import ensure_topics
from infra.runtime.settings import Settings
from infra.store.migrations import migrate
from verbs.parts import aside, family_of
from verbs.session import load_settings, opened
from verbs.signals import StopFlag
from verbs.terminal import verb

cli = verb()


@cli.command()
def up() -> None:
    """Run everything: API, projectors, reactions and, with Kafka, relay and intake."""
    settings = load_settings()
    family, stop = family_of(verbs_of(settings)), StopFlag()
    with opened(settings, migrated=False, watched=False) as conninfo:
        migrate(conninfo)
        if settings.kafka_bootstrap_servers:
            aside("topics", partial(ensure_topics, settings, CHANNELS))
        family.start()
        family.watch(stop)


def verbs_of(settings: Settings) -> list[tuple[str, ...]]:
    """The processes that make up a whole."""
    verbs: list[tuple[str, ...]] = [("serve",), ("project",), ("react",)]
    if settings.kafka_bootstrap_servers:
        verbs += [("relay",), *(("consume", channel) for channel in CHANNELS)]
    return verbs
