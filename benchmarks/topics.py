"""What the benchmarks with Kafka need: a broker of this run, and topics of each round's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from consumers.channels import CHANNELS
from infra.kafka.topics import ensure_topics
from infra.local import kafka_broker
from infra.runtime.settings import Settings


@contextmanager
def kafka() -> Iterator[str]:
    """Where a broker of this run answers; its data is thrown away."""
    with kafka_broker.broker() as machine:
        yield machine.bootstrap_servers


def fresh_topics(conninfo: str, servers: str, prefix: str) -> Settings:
    """The shipped settings over empty topics."""
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(conninfo),
        kafka_bootstrap_servers=servers,
        topic_prefix=prefix,
    )
    ensure_topics(settings, CHANNELS)
    return settings


def environment(settings: Settings) -> dict[str, str]:
    """What a process needs to work with these settings."""
    return {
        "ORDINAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "ORDINAL_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers or "",
        "ORDINAL_TOPIC_PREFIX": settings.topic_prefix,
    }
