"""Kafka as Ordinal uses it: the topics, the partition of a key, clients, the index of the log.

The index topic says, transaction by transaction, which stretch of the log stands in the event
topics and from which offsets to go on behind it.
"""

import importlib.util
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, TopicAlreadyExistsError

from infra.kafka_clients import open_client
from infra.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000
# Bytes. A topic takes what the API lets in, with what the domain adds to it.
MESSAGE_LIMIT = 8 * 1024 * 1024
# A dead letter holds a message in base64, its reason and its place.
DEAD_LETTER_LIMIT = MESSAGE_LIMIT * 4 // 3 + 64 * 1024
EVENT_TOPICS = {
    "order": "events.order",
    "stock": "events.stock",
    "sourcing": "events.sourcing",
}
INDEX = "index"
INTAKE_ORDERS = "intake.orders"
INTAKE_MARKETPLACE = "intake.marketplace"
INTAKE_RESULTS = "intake.results"
DEAD_LETTERS = "dead-letters"
# Channels compress as they like. The brokers undo it, so that we need no codec but our own, and a
# message that only looks small is refused to whoever sends it.
UNCOMPRESSED = {"compression.type": "uncompressed"}
DEAD = {"cleanup.policy": "compact,delete", "max.message.bytes": str(DEAD_LETTER_LIMIT)}

BOOTSTRAP_TIMEOUT_MS = 3_000
REQUEST_TIMEOUT_MS = 5_000
RECONNECT_LIMIT_MS = 1_000
POLL_MS = 20
# Seconds without a word from the broker.
READ_LIMIT = 8.0


class KafkaUnfit(Exception):
    """This Kafka, or this client, can't carry the log; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be: its full name, its fixed number of partitions, its settings."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecord:
    """One transaction of the relay: `count` events behind `from_` (exclusive) up to `to`.

    `event_id` and `hash` (SHA-256 of the stored bytes) are those of the event at `to`.
    `next_offsets` says for every partition of the event topics where all later events stand.
    Earlier records are void behind `void_after`, whose event `event_id` and `hash` are of then.
    """

    from_: int
    to: int
    count: int
    event_id: str
    hash: str
    outbox_to: int
    store_epoch: int
    next_offsets: dict[str, dict[int, int]]
    void_after: int | None = None
    own_offset: int = -1

    @property
    def agreed(self) -> int:
        """The position of the event that `hash` is about, up to which the log must hold."""
        return self.to if self.void_after is None else self.void_after


class IndexJson(msgspec.Struct, rename={"from_": "from"}, omit_defaults=True):
    """One transaction of the relay: `count` events behind `from` (exclusive) up to `to`.

    `event_id` and `hash` (SHA-256 of the stored bytes) are those of the event at `to`.
    `next_offsets` says for every partition of the event topics where all later events stand.
    `void_after` is there after the log was restored from a backup: what earlier records announced
    behind that position, up to `to`, is void; `event_id` and `hash` are those of the event there.
    """

    from_: int
    to: int
    count: int
    event_id: str
    hash: str
    outbox_to: int
    store_epoch: int
    next_offsets: dict[str, dict[int, int]]
    void_after: int | None = None


_INDEX = msgspec.json.Decoder(IndexJson)


def encode_index(record: IndexRecord) -> bytes:
    fields = {name: getattr(record, name) for name in IndexJson.__struct_fields__}
    return msgspec.json.encode(IndexJson(**fields))


def decode_index(value: bytes, *, own_offset: int = -1) -> IndexRecord:
    """An index record from its bytes; raises KafkaUnfit when they are none."""
    try:
        known = _INDEX.decode(value)
    except msgspec.MsgspecError as error:
        raise KafkaUnfit(f"offset {own_offset} of the index is no index record: {error}") from error
    return IndexRecord(own_offset=own_offset, **msgspec.structs.asdict(known))


def topic_name(settings: Settings, name: str) -> str:
    """The full name of one of our topics."""
    return f"{settings.topic_prefix}.{name}"


def event_topics(settings: Settings) -> list[Topic]:
    """One topic per aggregate type, kept for ever: any consumer replays by going to offset 0."""
    partitions = {"sourcing": 1}
    return [
        _topic(settings, name, partitions.get(kind, settings.topic_partitions), retention_days=None)
        for kind, name in EVENT_TOPICS.items()
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


def topics(settings: Settings) -> list[Topic]:
    """Every topic that Ordinal owns."""
    count = settings.topic_partitions
    return [
        *event_topics(settings),
        index_topic(settings),
        *(
            _topic(settings, name, count, retention_days=7, more=UNCOMPRESSED)
            for name in (INTAKE_ORDERS, INTAKE_MARKETPLACE)
        ),
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


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing, and return their names; then check all of them."""
    with closing(_admin(settings)) as admin:
        found = _partition_counts(admin, topics(settings))
        missing = [topic for topic in topics(settings) if topic.name not in found]
        if missing:
            _create(admin, missing, settings.topic_replication)
            found = _partition_counts(admin, topics(settings))
    _compare(topics(settings), found)
    return [topic.name for topic in missing]


def check_topics(settings: Settings) -> None:
    """Raise KafkaUnfit when a topic is missing or has another number of partitions."""
    with closing(_admin(settings)) as admin:
        found = _partition_counts(admin, topics(settings))
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


def _create(admin: Any, missing: Sequence[Topic], replication: int) -> None:
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
        admin.create_topics(wanted)
    admin.wait_for_topics(list(wanted))


def _partition_counts(admin: Any, wanted: Sequence[Topic]) -> dict[str, int]:
    described = admin.describe_topics([topic.name for topic in wanted])
    return {topic["name"]: len(topic["partitions"]) for topic in described if topic["partitions"]}


def connection(settings: Settings) -> dict[str, Any]:
    """What every client of the library needs to reach the brokers."""
    if settings.kafka_bootstrap_servers is None:
        raise KafkaUnfit("ORDINAL_KAFKA_BOOTSTRAP_SERVERS is not set")
    password = settings.kafka_sasl_password
    given = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_cafile": _path(settings.kafka_ssl_cafile),
        "ssl_certfile": _path(settings.kafka_ssl_certfile),
        "ssl_keyfile": _path(settings.kafka_ssl_keyfile),
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        # The library's thirty seconds would keep us waiting for a broker that is long back.
        "reconnect_backoff_max_ms": RECONNECT_LIMIT_MS,
    }
    return {name: value for name, value in given.items() if value is not None}


def consumer(settings: Settings, **overrides: Any) -> Any:
    """A consumer of committed records that never moves by itself: a hole is an error."""
    require_crc32c()
    config = {
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "allow_auto_create_topics": False,
        "fetch_min_bytes": 1,
        "fetch_max_wait_ms": 50,
        "max_poll_records": 2_000,
        "metrics_enabled": False,
    }
    return open_client(KafkaConsumer, **connection(settings) | config | overrides)


def poll(reader: Any, milliseconds: int) -> Any:
    """What has come, by partition. Raises KafkaError.

    The client stumbles over a socket that closes just when it begins to wait for it.
    """
    try:
        return reader.poll(timeout_ms=milliseconds)
    except (OSError, ValueError) as error:
        raise KafkaConnectionError(f"{type(error).__name__}: {error}") from error


def require_crc32c() -> None:
    """Refuse to work without the C checksums: in Python they take a second for 10 MB."""
    if importlib.util.find_spec("crc32c") is None:
        raise KafkaUnfit("the package crc32c is missing: install kafka-python[crc32c]")


def last_index_record(settings: Settings) -> IndexRecord | None:
    """Where the relay stands, None before its first transaction."""
    partition = index_partition(settings)
    with closing(consumer(settings)) as reader:
        record = last_records(reader, [partition])[partition]
    return None if record is None else decode_index(record.value, own_offset=record.offset)


def index_records(settings: Settings, *, from_offset: int = 0) -> Iterator[IndexRecord]:
    """The index from an offset of its own up to its present end."""
    partition = index_partition(settings)
    with closing(consumer(settings)) as reader:
        _, ends = offsets_of(reader, [partition])
        for _, records in read_ranges(reader, {partition: (from_offset, ends[partition])}):
            for record in records:
                yield decode_index(record.value, own_offset=record.offset)


def offsets_of(
    reader: Any, partitions: Sequence[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """The first offset of each partition, and the one behind its last committed record."""
    return (
        reader.beginning_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS),
        reader.end_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS),
    )


def last_records(reader: Any, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Any]:
    """The last committed record of each partition, None where there is none."""
    begins, ends = offsets_of(reader, partitions)
    found = dict.fromkeys(partitions)
    wanted = [each for each in partitions if ends[each] > begins[each]]
    # Behind it stand markers, and what was taken back.
    width = 4
    while wanted:
        ranges = {each: (max(begins[each], ends[each] - width), ends[each]) for each in wanted}
        for partition, records in read_ranges(reader, ranges):
            found[partition] = records[-1]
        wanted = [e for e in wanted if found[e] is None and ranges[e][0] > begins[e]]
        width *= 16
    return found


def read_ranges(
    reader: Any, ranges: Mapping[TopicPartition, tuple[int, int]]
) -> Iterator[tuple[TopicPartition, list[Any]]]:
    """Records of offsets in [begin, end) of several partitions, in chunks, each in order.

    Raises KafkaTimeoutError when the broker falls silent.
    """
    reader.assign(list(ranges))
    # A partition that was assigned before may still be paused.
    reader.resume(*ranges)
    for partition, (begin, _) in ranges.items():
        reader.seek(partition, begin)
    left = {partition: end for partition, (begin, end) in ranges.items() if begin < end}
    # Whoever is done is not paused: the library would never read a paused partition again.
    heard = time.monotonic()
    while left:
        # Short, since a poll that finds nothing but what was taken back does not end by itself.
        polled = poll(reader, POLL_MS)
        if polled:
            heard = time.monotonic()
        elif time.monotonic() - heard > READ_LIMIT:
            raise KafkaTimeoutError(f"nothing was heard of {sorted(left)} for {READ_LIMIT} s")
        for partition, records in polled.items():
            if within := [each for each in records if each.offset < ranges[partition][1]]:
                yield partition, within
        for partition in [each for each, end in left.items() if reader.position(each) >= end]:
            del left[partition]


def _admin(settings: Settings) -> Any:
    return open_client(
        KafkaAdminClient, **connection(settings), request_timeout_ms=REQUEST_TIMEOUT_MS
    )


def _path(path: object) -> str | None:
    return None if path is None else str(path)
