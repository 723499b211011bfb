"""`ordinal up`"""

from consumers.channels import CHANNELS
from infra.kafka.topics import ensure_topics
from infra.runtime.settings import Settings
from infra.runtime.supervisor import Family
from infra.store.migrations import migrate
from verbs.session import load_settings, opened
from verbs.signals import stop_signal
from verbs.terminal import verb

cli = verb()


@cli.command()
def up() -> None:
    """Run everything: API, projectors, reactions and, with Kafka, relay and intake."""
    settings = load_settings()
    with opened(settings, migrated=False) as conninfo, stop_signal() as stop:
        migrate(conninfo)
        if settings.kafka_bootstrap_servers:
            ensure_topics(settings, CHANNELS)
        family = Family(verbs_of(settings))
        family.start()
        family.watch(stop)


def verbs_of(settings: Settings) -> list[tuple[str, ...]]:
    """The processes that make up a whole."""
    verbs: list[tuple[str, ...]] = [("serve",), ("project",), ("react",)]
    if settings.kafka_bootstrap_servers:
        verbs += [("relay",), *(("consume", channel) for channel in CHANNELS)]
    return verbs
