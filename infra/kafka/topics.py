"""The topics that Ordinal owns: their names, partitions and settings, and how they are made.

The topics that channels write to follow from the list of channels, which the front door hands in.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import TopicAlreadyExistsError

from domain.categories import CATEGORIES
from infra.kafka.clients import REQUEST_TIMEOUT_MS, KafkaUnfit, connection, open_client
from infra.runtime.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000
# Bytes. A topic takes what the API lets in, with what the domain adds to it.
MESSAGE_LIMIT = 8 * 1024 * 1024
# A dead letter holds a message in base64, its reason and its place.
DEAD_LETTER_LIMIT = MESSAGE_LIMIT * 4 // 3 + 64 * 1024
EVENT_TOPICS = {name: f"events.{name}" for name in CATEGORIES}
INDEX = "index"
INTAKE_RESULTS = "intake.results"
DEAD_LETTERS = "dead-letters"
# Channels compress as they like. The brokers undo it, so that a message that only looks small is
# refused to whoever sends it.
UNCOMPRESSED = {"compression.type": "uncompressed"}
DEAD = {"cleanup.policy": "compact,delete", "max.message.bytes": str(DEAD_LETTER_LIMIT)}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be: its full name, its fixed number of partitions, its settings."""

    name: str
    partitions: int
    config: Mapping[str, str]


def topic_name(settings: Settings, name: str) -> str:
    """The full name of one of our topics."""
    return f"{settings.topic_prefix}.{name}"


def event_topics(settings: Settings) -> list[Topic]:
    """One topic per aggregate type, kept for ever: any consumer replays by going to offset 0."""
    return [
        _topic(
            settings,
            EVENT_TOPICS[category.name],
            1 if category.single else settings.topic_partitions,
            retention_days=None,
        )
        for category in CATEGORIES.values()
    ]


def event_partitions(settings: Settings) -> list[TopicPartition]:
    """Every partition of every event topic."""
    return [
        TopicPartition(topic.name, partition)
        for topic in event_topics(settings)
        for partition in range(topic.partitions)
    ]


def outbox_partitions(settings: Settings) -> list[TopicPartition]:
    """Every partition that the relay writes messages to which are no events."""
    return [
        TopicPartition(topic_name(settings, name), partition)
        for name in (INTAKE_RESULTS, DEAD_LETTERS)
        for partition in range(settings.topic_partitions)
    ]


def index_topic(settings: Settings) -> Topic:
    return _topic(settings, INDEX, 1, retention_days=None)


def index_partition(settings: Settings) -> TopicPartition:
    return TopicPartition(index_topic(settings).name, 0)


def intake_topic(settings: Settings, channel: str) -> Topic:
    """The topic that a channel writes to."""
    name, count = f"intake.{channel}", settings.topic_partitions
    return _topic(settings, name, count, retention_days=7, more=UNCOMPRESSED)


def topics(settings: Settings, channels: Iterable[str] = ()) -> list[Topic]:
    """Every topic that Ordinal writes to, and those that these channels write to."""
    count = settings.topic_partitions
    return [
        *event_topics(settings),
        index_topic(settings),
        *(intake_topic(settings, channel) for channel in channels),
        _topic(settings, INTAKE_RESULTS, count, retention_days=7),
        _topic(settings, DEAD_LETTERS, count, retention_days=30, more=DEAD),
    ]


def _topic(
    settings: Settings,
    name: str,
    partitions: int,
    *,
    retention_days: int | None,
    more: Mapping[str, str] | None = None,
) -> Topic:
    retention = -1 if retention_days is None else retention_days * DAY_MS
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(retention),
        "retention.bytes": "-1",
        "max.message.bytes": str(MESSAGE_LIMIT),
        "min.insync.replicas": str(max(1, settings.topic_replication - 1)),
    }
    return Topic(topic_name(settings, name), partitions, config | dict(more or {}))


def ensure_topics(settings: Settings, channels: Iterable[str] = ()) -> list[str]:
    """Create the topics that are missing, and return their names; then check all of them."""
    return _ensure(settings, topics(settings, channels))


def ensure_intake_topic(settings: Settings, channel: str) -> None:
    """Create a channel's topic where it is missing; whoever made it may have cut it otherwise."""
    _ensure(settings, [intake_topic(settings, channel)])


def _ensure(settings: Settings, wanted: Sequence[Topic]) -> list[str]:
    with closing(admin(settings)) as client:
        found = _partition_counts(client, wanted)
        missing = [topic for topic in wanted if topic.name not in found]
        if missing:
            _create(client, missing, settings.topic_replication)
            found = _partition_counts(client, wanted)
    _compare(wanted, found)
    return [topic.name for topic in missing]


def check_topics(settings: Settings) -> None:
    """Raise KafkaUnfit when a topic is missing or has another number of partitions."""
    with closing(admin(settings)) as client:
        found = _partition_counts(client, topics(settings))
    _compare(topics(settings), found)


def _compare(wanted: Sequence[Topic], found: Mapping[str, int]) -> None:
    wrong = [
        f"{topic.name} has {found.get(topic.name, 'no')} partitions instead of {topic.partitions}"
        for topic in wanted
        if found.get(topic.name) != topic.partitions
    ]
    if wrong:
        # With another count a stream's later events would stand in another partition.
        raise KafkaUnfit(f"{'; '.join(wrong)}: set ORDINAL_TOPIC_PARTITIONS to what they have")


def _create(client: Any, missing: Sequence[Topic], replication: int) -> None:
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": dict(topic.config),
        }
        for topic in missing
    }
    # Another process may be faster with some of them; the others are made all the same.
    with suppress(TopicAlreadyExistsError):
        client.create_topics(wanted)
    client.wait_for_topics(list(wanted))


def _partition_counts(client: Any, wanted: Sequence[Topic]) -> dict[str, int]:
    described = client.describe_topics([topic.name for topic in wanted])
    return {topic["name"]: len(topic["partitions"]) for topic in described if topic["partitions"]}


def admin(settings: Settings) -> Any:
    """A client that looks after topics."""
    return open_client(
        KafkaAdminClient, **connection(settings), request_timeout_ms=REQUEST_TIMEOUT_MS
    )
