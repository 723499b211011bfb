"""Transactions that a crash left open in some topics, on a real broker: each is ended before the
relay sends anything, and what it held is seen once."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from infra.kafka.clients import consumer, offsets_of
from infra.kafka.index_topic import last_index_record
from infra.kafka.topics import (
    ensure_topics,
    event_partitions,
    index_partition,
    outbox_partitions,
    topic_name,
)
from infra.kafka.transactional_producer import Transactions
from infra.local.kafka_broker import Broker
from infra.relay import relay as relay_module
from infra.relay import startup_checks
from infra.relay.relay import Relay
from infra.runtime.settings import Settings
from tests.infra.log_rows import LogWriter, put_into_outbox
from tests.infra.relaying import (
    assert_once_and_in_order,
    await_position,
    published,
    published_to,
    relay_all,
    relaying,
    settings_for,
)
from tests.infra.running import eventually

OUTBOX_TOPICS = ["intake.results", "dead-letters"]
FIRST, LATER = [b"one", b"two", b"three"], [b"four", b"five"]
COMMANDS = [["order-1", "stock-HERE-1"], ["order-2"], ["order-1", "sourcing-policy"]]


class Killed(Exception):
    """Where a relay ends that has no time to say so."""


@pytest.fixture(scope="module")
def forgetful(kafka_machine: None, run_folder: Path) -> Iterator[Broker]:
    """A broker that lets a transaction write where its coordinator does not know of, so that its
    end is never marked there.

    One that is killed and starts again may leave the same behind, but not whenever one asks for it.
    """
    with Broker(run_folder / "forgetful-kafka") as running:
        servers = running.bootstrap_servers
        unchecked = {"transaction.partition.verification.enable": "false"}
        with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", unchecked)])
        yield running


@pytest.fixture
def settings(forgetful: Broker, topic_prefix: str) -> Settings:
    made = settings_for(forgetful.bootstrap_servers, topic_prefix)
    ensure_topics(made)
    return made


@pytest.fixture
def log(ordinal_database: str) -> LogWriter:
    return LogWriter(ordinal_database)


def forget(patch: pytest.MonkeyPatch, known: set[TopicPartition]) -> None:
    """From now on the coordinator hears of these partitions only."""
    begin = Transactions.begin

    def begin_silently(transactions: Transactions, partitions: Any = ()) -> None:
        wanted = frozenset(partitions)
        begin(transactions, wanted & known)
        transactions._announced = wanted
        manager = transactions._producer._transaction_manager
        manager._partitions_in_transaction |= wanted - known

    patch.setattr(Transactions, "begin", begin_silently)


def relay_that_is_killed(
    conninfo: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, commits: bool
) -> None:
    """It sends all that waits. Its commit, if it comes to that, is marked in the index alone."""
    commit = Transactions.commit

    def end(transactions: Transactions) -> None:
        if commits:
            commit(transactions)
        raise Killed

    with monkeypatch.context() as patch:
        forget(patch, {index_partition(settings)} if commits else set())
        patch.setattr(Transactions, "commit", end)
        with pytest.raises(Killed):
            Relay(conninfo, settings).run(threading.Event())


def undecided(settings: Settings) -> set[str]:
    """The topics that hold records whose transaction has not ended."""
    ours = [index_partition(settings), *event_partitions(settings), *outbox_partitions(settings)]
    with (
        closing(consumer(settings)) as committed,
        closing(consumer(settings, isolation_level="read_uncommitted")) as reader,
    ):
        (_, decided), (_, written) = offsets_of(committed, ours), offsets_of(reader, ours)
    prefix = topic_name(settings, "")
    return {each.topic.removeprefix(prefix) for each in ours if decided[each] < written[each]}


def decisions(logs: list[Any]) -> list[bool]:
    """Whether transactions that were left open were committed, in the order of the log."""
    return [each["commit"] for each in logs if each["event"] == "transaction_left_open"]


def told(settings: Settings, topic: str) -> list[bytes]:
    """What a reader of committed messages sees."""
    return sorted(record.value for record in published_to(settings, topic))


@pytest.mark.parametrize("topic", OUTBOX_TOPICS)
@pytest.mark.parametrize("commits", [True, False])
def test_answers_that_were_left_undecided_are_told_once(
    ordinal_database: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    topic: str,
    commits: bool,
) -> None:
    put_into_outbox(ordinal_database, topic, FIRST)
    relay_that_is_killed(ordinal_database, settings, monkeypatch, commits=commits)
    record = last_index_record(settings)
    assert (record.outbox_to if record else 0) == (len(FIRST) if commits else 0)
    assert undecided(settings) == {topic} | (set() if commits else {"index"})
    assert told(settings, topic) == []
    put_into_outbox(ordinal_database, topic, LATER)
    with capture_logs() as logs:
        relay_all(ordinal_database, settings, 0, outbox_to=len(FIRST + LATER))
    assert decisions(logs) == [commits]
    assert told(settings, topic) == sorted(FIRST + LATER)
    assert undecided(settings) == set()


@pytest.mark.parametrize("commits", [True, False])
def test_events_and_answers_that_were_left_undecided_are_told_once(
    ordinal_database: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    log: LogWriter,
    commits: bool,
) -> None:
    written = log.append_all(COMMANDS)
    put_into_outbox(ordinal_database, "intake.results", FIRST)
    relay_that_is_killed(ordinal_database, settings, monkeypatch, commits=commits)
    assert undecided(settings) >= {"events.order", "events.stock", "intake.results"}
    assert published(settings) == []
    written += log.append_all(COMMANDS)
    with capture_logs() as logs:
        relay_all(ordinal_database, settings, written[-1], outbox_to=len(FIRST))
    assert decisions(logs) == [commits]
    assert_once_and_in_order(published(settings), written)
    assert told(settings, "intake.results") == sorted(FIRST)
    assert undecided(settings) == set()


def test_without_settling_answers_would_be_told_twice(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into_outbox(ordinal_database, "intake.results", FIRST)
    relay_that_is_killed(ordinal_database, settings, monkeypatch, commits=False)
    monkeypatch.setattr(relay_module, "settle_undecided", lambda *_: None)
    relay_all(ordinal_database, settings, 0, outbox_to=len(FIRST))
    assert told(settings, "intake.results") == sorted(FIRST * 2)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("next_one", ["while it is away", "when all is seen", "unprepared"])
def test_a_relay_that_outlives_its_broker_settles_what_that_left_undecided(
    ordinal_database: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    log: LogWriter,
    forgetful: Broker,
    caplog: pytest.LogCaptureFixture,
    next_one: str,
) -> None:
    """Whenever the next transaction comes: behind the open one it would be decided with it."""
    caplog.set_level(logging.CRITICAL, logger="kafka")  # records would keep its sockets alive
    if next_one == "unprepared":
        monkeypatch.setattr(Transactions, "check", lambda _: None)
    with relaying(ordinal_database, settings) as relay:
        with monkeypatch.context() as patch:
            forget(patch, {index_partition(settings)})
            written = log.append_all(COMMANDS)
            await_position(relay, written[-1])
        assert undecided(settings) == {"events.order", "events.stock", "events.sourcing"}
        forgetful.kill()
        if next_one == "while it is away":
            written += log.append_all(COMMANDS)
        forgetful.start()
        if next_one == "when all is seen":
            eventually(lambda: undecided(settings) == set())
            assert_once_and_in_order(published(settings), written)
        written += log.append_all(COMMANDS)
        await_position(relay, written[-1])
    assert undecided(settings) == set()
    assert_once_and_in_order(published(settings), written)


def test_an_open_transaction_of_somebody_else_holds_nobody_up_for_long(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be ended by us, and what stands behind it is seen when it ends."""
    monkeypatch.setattr(startup_checks, "SETTLING_LIMIT", 0.2)
    place = outbox_partitions(settings)[0]
    put_into_outbox(ordinal_database, "intake.results", FIRST)
    with closing(Transactions(settings, "somebody", threading.Event())) as foreign:
        foreign.begin([place])
        foreign.send([(place, None, b"foreign", [])])
        foreign.acknowledged()
        with capture_logs() as logs:
            relay_all(ordinal_database, settings, 0, outbox_to=len(FIRST))
        assert "still_open" in {each["event"] for each in logs}
        assert undecided(settings) == {"intake.results"}
        foreign.commit()
    assert told(settings, "intake.results") == sorted([*FIRST, b"foreign"])
