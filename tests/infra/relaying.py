"""A relay in a thread for as long as a block lasts, and what a reader sees of its topics."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import TopicPartition
from pydantic import SecretStr

from consumers.channels import CHANNELS
from infra.kafka.clients import consumer, offsets_of, read_ranges
from infra.kafka.topics import event_partitions, topics
from infra.relay.relay import Relay
from infra.relay.startup_checks import position_of
from infra.runtime.settings import Settings
from tests.infra.log_rows import versions_by_stream
from tests.infra.running import eventually


def settings_for(kafka: str, prefix: str, **more: Any) -> Settings:
    """Settings of a test's own topics, two partitions each, whatever the environment says."""
    return Settings(
        _env_file=None,
        database_url=SecretStr("unused"),
        kafka_bootstrap_servers=kafka,
        topic_prefix=prefix,
        **({"topic_partitions": 2} | more),
    )


@contextmanager
def relaying(conninfo: str, settings: Settings) -> Iterator[Relay]:
    """A relay that runs; what ends it early is raised when the block ends."""
    relay, stop, raised = Relay(conninfo, settings), threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            relay.run(stop)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield relay
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def relay_all(conninfo: str, settings: Settings, up_to: int, *, outbox_to: int = 0) -> Relay:
    """Publish the log up to a position, and stop."""
    with relaying(conninfo, settings) as relay:
        await_position(relay, up_to, outbox_to)
    return relay


def await_position(relay: Relay, position: int, outbox: int = 0) -> None:
    status = relay.status
    eventually(lambda: status.position >= position and status.outbox_position >= outbox)


def refusal(conninfo: str, settings: Settings, error: type[Exception], says: str) -> None:
    """The relay ends by itself with this error."""
    relay, stop = Relay(conninfo, settings), threading.Event()
    patience = threading.Timer(10, stop.set)
    patience.start()
    with pytest.raises(error, match=says):
        relay.run(stop)
    patience.cancel()
    assert relay.status.state == "halted"
    assert (relay.status.last_error or "").startswith(error.__name__)


def published(settings: Settings) -> list[Any]:
    """Every committed event message, partition by partition, each from its offset 0."""
    with closing(consumer(settings)) as reader:
        return _all(reader, event_partitions(settings))


def published_to(settings: Settings, topic: str) -> list[Any]:
    """Every committed message of one of our topics."""
    with closing(consumer(settings)) as reader:
        found = next(
            t for t in topics(settings, CHANNELS) if t.name == f"{settings.topic_prefix}.{topic}"
        )
        return _all(reader, [TopicPartition(found.name, n) for n in range(found.partitions)])


def _all(reader: Any, partitions: list[Any]) -> list[Any]:
    _, ends = offsets_of(reader, partitions)
    chunks: dict[Any, list[Any]] = {partition: [] for partition in partitions}
    for partition, records in read_ranges(reader, {p: (0, ends[p]) for p in partitions}):
        chunks[partition] += records
    return [record for partition in partitions for record in chunks[partition]]


def positions(records: list[Any]) -> list[int]:
    return [position_of(record) for record in records]


def assert_once_and_in_order(records: list[Any], expected: list[int]) -> None:
    """Every position once, rising within each partition, versions without a gap per stream."""
    assert sorted(positions(records)) == expected
    last: dict[tuple[str, int], int] = {}
    for record in records:
        place, position = (record.topic, record.partition), position_of(record)
        assert position > last.get(place, 0)
        last[place] = position
    pairs = [(r.key.decode(), int(dict(r.headers)["stream_version"])) for r in records]
    for versions in versions_by_stream(pairs).values():
        assert versions == list(range(1, len(versions) + 1))
