"""A store whose topics are older than one of its categories: the new topic is like any other."""

from contextlib import closing
from dataclasses import replace
from threading import Event

import pytest
from kafka import KafkaAdminClient

from infra.audit.reconcile import reconcile
from infra.kafka.index_topic import encode_index, last_index_record
from infra.kafka.topics import EVENT_TOPICS, index_partition, topic_name
from infra.kafka.transactional_producer import Transactions
from infra.relay.relay import RelayHalted
from infra.runtime.settings import Settings
from tests.infra.log_rows import LogWriter
from tests.infra.relaying import (
    assert_once_and_in_order,
    published,
    refusal,
    relay_all,
    settings_for,
)


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return settings_for(kafka, topic_prefix)


@pytest.fixture
def log(ordinal_database: str) -> LogWriter:
    return LogWriter(ordinal_database)


def remove(settings: Settings, topic: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)) as admin:
        admin.delete_topics([topic])


def forget(settings: Settings, topic: str) -> None:
    """Leave topics and index as a program would that never heard of this topic."""
    remove(settings, topic)
    last = last_index_record(settings)
    assert last
    known = {name: places for name, places in last.next_offsets.items() if name != topic}
    record = replace(last, from_=last.to, count=0, next_offsets=known)
    with closing(Transactions(settings, topic_name(settings, "relay"), Event())) as transactions:
        transactions.begin()
        transactions.send([(index_partition(settings), None, encode_index(record), [])])
        transactions.acknowledged()
        transactions.commit()


def test_a_new_topic_enters_the_index_with_the_first_transaction(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    topic = topic_name(settings, EVENT_TOPICS["stock"])
    written = log.append("order-1", "order-2")
    relay_all(ordinal_database, settings, written[-1])
    forget(settings, topic)
    written += log.append("order-3")
    relay_all(ordinal_database, settings, written[-1])
    last = last_index_record(settings)
    assert last
    assert last.next_offsets[topic] == {0: 0, 1: 0}
    for number in range(4):
        written += log.append(f"stock-HERE-{number}", "order-1")
    relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert reconcile(ordinal_database, settings, repair=False).clean


def test_its_lost_tail_is_noticed_and_sent_again(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    topic = topic_name(settings, EVENT_TOPICS["stock"])
    written = log.append("order-1")
    relay_all(ordinal_database, settings, written[-1])
    forget(settings, topic)
    written += log.append("stock-HERE-1", "stock-HERE-2", "order-2")
    relay_all(ordinal_database, settings, written[-1])
    remove(settings, topic)
    refusal(ordinal_database, settings, RelayHalted, f"{topic} partition . lost its tail")
    report = reconcile(ordinal_database, settings, repair=True)
    assert (report.counts["lost tail"], report.resent) == (2, 2)
    assert_once_and_in_order(published(settings), written)
    assert reconcile(ordinal_database, settings, repair=False).clean
