"""Clients of the brokers: how they connect, and reading that never moves by itself."""

import importlib.util
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient

from infra.runtime.settings import Settings

BOOTSTRAP_TIMEOUT_MS = 3_000
REQUEST_TIMEOUT_MS = 5_000
RECONNECT_LIMIT_MS = 1_000
POLL_MS = 20
# Seconds without a word from the broker.
READ_LIMIT = 8.0


class KafkaUnfit(Exception):
    """This Kafka, or this client, can't carry the log; the message says why and what to do."""


def open_client(kind: Any, **config: Any) -> Any:
    """`kind(**config)` for one of the library's clients, with all of it closed if that fails.

    The library starts a thread and opens sockets before it knows whether any broker answers, and
    drops neither when none does: a long outage would use up the process's file descriptors.
    """
    make = config.pop("kafka_client", KafkaNetClient)
    made = []

    def remembered(**given: Any) -> Any:
        made.append(make(**given))
        return made[0]

    try:
        return kind(**config, kafka_client=remembered)
    except BaseException:
        for client in made:
            client.close()
        raise


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
    """What has come, by partition. Raises KafkaError, after which the reader is of no more use:
    another poll on it may not return.

    The client stumbles over a socket that closes just when it begins to wait for it, and over
    records that it can't unpack.
    """
    try:
        return reader.poll(timeout_ms=milliseconds)
    except KafkaError:
        raise
    except Exception as error:
        raise KafkaConnectionError(f"{type(error).__name__}: {error}") from error


def require_crc32c() -> None:
    """Refuse to work without the C checksums: in Python they take a second for 10 MB."""
    if importlib.util.find_spec("crc32c") is None:
        raise KafkaUnfit("the package crc32c is missing: install kafka-python[crc32c]")


def offsets_of(
    reader: Any, partitions: Sequence[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """The first offset of each partition, and the one behind its last committed record."""
    return (
        reader.beginning_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS),
        end_offsets(reader, partitions),
    )


def end_offsets(reader: Any, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset behind the last committed record of each partition."""
    if not partitions:
        return {}
    ends: dict[TopicPartition, int] = reader.end_offsets(
        list(partitions), timeout_ms=REQUEST_TIMEOUT_MS
    )
    return ends


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


def _path(path: object) -> str | None:
    return None if path is None else str(path)
