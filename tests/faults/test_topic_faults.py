"""Topics that somebody deleted, or that somebody else made: the relay refuses, and says so."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient

from infra.audit.findings import Findings
from infra.audit.verify_topics import verify_topics
from infra.kafka.topics import EVENT_TOPICS, INDEX, topic_name
from tests.faults.processes import Process
from tests.faults.system import System
from tests.infra.relaying import relay_all
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]


@pytest.fixture
def relayed(kafka_system: System) -> System:
    """A small log, published."""
    kafka_system.open_shop(units=1_000)
    relay_all(kafka_system.conninfo, kafka_system.kafka, kafka_system.fill(10))
    return kafka_system


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as client:
        yield client


def delete(system: System, admin: KafkaAdminClient, name: str) -> None:
    full = topic_name(system.kafka, name)
    admin.delete_topics([full])
    eventually(lambda: full not in admin.list_topics())


def make(system: System, admin: KafkaAdminClient, name: str, partitions: int) -> None:
    full = topic_name(system.kafka, name)
    admin.create_topics({full: {"num_partitions": partitions, "replication_factor": 1}})
    eventually(lambda: full in admin.list_topics())


def topic_breaches(system: System) -> list[str]:
    found = Findings()
    verify_topics(system.conninfo, system.kafka, found)
    return [finding.breach for finding in found.of.values() if finding.breach]


def refused(system: System) -> Process:
    relay = system.start("relay")
    assert relay.wait() != 0
    return relay


@pytest.mark.parametrize(
    "name", [pytest.param(EVENT_TOPICS["stock"], marks=pytest.mark.slow), INDEX]
)
def test_a_deleted_topic_halts_the_relay_until_it_is_repaired(
    relayed: System, admin: KafkaAdminClient, name: str
) -> None:
    """It is made again, but what it lacks is not passed over in silence."""
    system = relayed
    delete(system, admin, name)
    assert refused(system).said("ordinal reconcile --repair")
    assert topic_breaches(system)
    assert system.start("reconcile", "--repair").wait(60) == 0
    system.start("relay")
    system.fill(5, "after")
    system.start("project", "order_status")
    system.check()


@pytest.mark.parametrize("name", [EVENT_TOPICS["order"], INDEX])
def test_a_topic_that_was_made_by_whoever_wrote_to_it_first_is_refused(
    kafka_system: System, admin: KafkaAdminClient, name: str
) -> None:
    """As a broker would that makes topics by itself, with a partition count of its own."""
    system = kafka_system
    system.open_shop(units=100)
    delete(system, admin, name)
    make(system, admin, name, 5)
    assert refused(system).said("has 5 partitions instead of")
    delete(system, admin, name)
    system.start("relay")
    system.start("project", "order_status")
    system.fill(5)
    system.check()


@pytest.mark.slow
def test_a_topic_that_loses_its_place_under_a_running_relay(
    relayed: System, admin: KafkaAdminClient
) -> None:
    """Nothing goes on behind the hole."""
    system = relayed
    relay = system.start("relay")
    eventually(lambda: relay.said('"running"'), 30)
    delete(system, admin, EVENT_TOPICS["order"])
    system.fill(5, "meanwhile")
    assert relay.wait(60) != 0
    assert topic_breaches(system)
