"""Relays that are killed, stopped and doubled, and brokers that go away: nothing is published
twice, nothing is left out, and the order stays."""

import signal
import threading
from contextlib import closing

import psycopg
import pytest
from kafka import KafkaProducer

from infra.audit.findings import Findings
from infra.audit.verify_topics import verify_topics
from infra.kafka.clients import connection, consumer, offsets_of, read_ranges
from infra.kafka.topics import event_partitions
from infra.kafka.transactional_producer import Transactions
from infra.relay.outbox_reader import Source
from infra.runtime.settings import Settings
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.system import System
from tests.faults.teeth import unguarded
from tests.infra.log_rows import put_into_outbox
from tests.infra.relaying import await_position, published, published_to, relay_all, relaying
from tests.infra.running import eventually
from tests.infra.shop import insert

pytestmark = pytest.mark.faults

POINTS = ["R1", "R2", "R3", "R4", "R5"]


def relay_until_killed(system: System, crash_at: str, name: str) -> None:
    """Give a relay work until it kills itself."""
    relay = system.start("relay", crash_at=crash_at)
    for number in range(200):
        if relay.ended.wait(0.05):
            break
        system.fill(3, f"{name}-{number}")
    assert relay.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_relay_leaves_no_gap_and_no_repeat(kafka_system: System, point: str) -> None:
    system = kafka_system
    system.open_shop(units=1_000)
    put_into_outbox(system.conninfo, "intake.results", [b"one", b"two"])
    relay_until_killed(system, f"{point}:1", "first")
    put_into_outbox(system.conninfo, "intake.results", [b"three"])
    relay_until_killed(system, f"{point}:3", "second")
    system.start("relay")
    system.start("project", "order_status")
    system.check()
    told = [record.value for record in published_to(system.kafka, "intake.results")]
    assert sorted(told) == [b"one", b"three", b"two"]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("point", POINTS)
def test_twenty_killed_relays(kafka_system: System, point: str) -> None:
    kafka_system.open_shop(units=100_000)
    for number in range(20):
        relay_until_killed(kafka_system, f"{point}:{1 + number % 5}", f"run-{number}")
    kafka_system.start("relay")
    kafka_system.start("project", "order_status")
    kafka_system.check()


def event_records(settings: Settings, **config: str) -> int:
    """How many records the event topics hold for a reader with this configuration."""
    with closing(consumer(settings, **config)) as reader:
        places = event_partitions(settings)
        _, ends = offsets_of(reader, places)
        chunks = read_ranges(reader, {place: (0, ends[place]) for place in places})
        return sum(len(records) for _, records in chunks)


def test_teeth_without_transactions_a_kill_would_leave_repeats(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(units=100)
    relay_until_killed(system, "R4:1", "first")
    system.start("relay")
    system.check()
    uncommitted = event_records(system.kafka, isolation_level="read_uncommitted")
    committed = event_records(system.kafka)
    assert committed == system.rows("SELECT count(*) FROM ordinal.stored_events")[0][0]
    assert uncommitted > committed


@pytest.fixture
def relayed(kafka_system: System) -> System:
    """A small log, published and sound."""
    kafka_system.open_shop(units=100)
    relay_all(kafka_system.conninfo, kafka_system.kafka, kafka_system.fill(10))
    assert topic_breaches(kafka_system) == []
    return kafka_system


def topic_breaches(system: System) -> list[str]:
    found = Findings()
    verify_topics(system.conninfo, system.kafka, found)
    return [finding.breach for finding in found.of.values() if finding.breach]


def send_again(system: System, count: int) -> None:
    """What a second relay that is not fenced would do: publish the last events once more."""
    producer = KafkaProducer(**connection(system.kafka), metrics_enabled=False)
    with closing(producer):
        for record in published(system.kafka)[-count:]:
            producer.send(
                record.topic, record.value, record.key, record.headers, record.partition
            ).get(10)


def test_teeth_a_repeat_in_a_topic_is_seen(relayed: System) -> None:
    send_again(relayed, 1)
    [breach] = topic_breaches(relayed)
    assert "repeated" in breach


def test_teeth_an_event_that_was_passed_over_is_seen(relayed: System) -> None:
    """Without the guard on appends a lower position may be committed after a higher one."""
    with relaying(relayed.conninfo, relayed.kafka) as relay:
        await_position(relay, relayed.head())
        with unguarded(relayed.conninfo) as late:
            late.execute("BEGIN")
            insert(late, "stock-LATE-1", 1)
            await_position(relay, relayed.fill(3, "meanwhile"))
            late.execute("COMMIT")
    assert topic_breaches(relayed)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_stopped_relay_that_wakes_up_publishes_nothing(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    first = system.start("relay")
    eventually(lambda: first.said("leading"))
    second = system.start("relay")
    with Load(system, [system.serve()]) as load:
        load.go_on(2)
        first.pause()
        eventually(lambda: second.said('"running"'), 40)
        load.go_on(1)
        first.resume()
        load.go_on(5)
        assert first.said("leadership_lost") or not first.alive
        assert second.alive
    system.check()


def test_topics_with_another_number_of_partitions_are_refused(kafka_system: System) -> None:
    relay = kafka_system.start("relay", topic_partitions=3)
    assert relay.wait() != 0
    assert relay.said("partitions instead of")


@pytest.mark.slow
def test_a_topic_that_is_ahead_of_the_index_halts_the_relay_until_it_is_repaired(
    kafka_system: System,
) -> None:
    """As it would be asked to send positions a second time."""
    system = kafka_system
    system.open_shop(units=100)
    head = system.fill(10)
    relay_all(system.conninfo, system.kafka, head)
    system.fill(5, "ahead")
    with (
        psycopg.connect(system.conninfo, autocommit=True) as conn,
        closing(Transactions(system.kafka, "somebody", threading.Event())) as transactions,
    ):
        transactions.begin()
        messages = Source(conn, system.kafka).events(head, 100)
        transactions.send([message for _, message in messages])
        transactions.acknowledged()
        transactions.commit()
    before = event_records(system.kafka)
    relay = system.start("relay")
    assert relay.wait() != 0
    assert relay.said("ordinal reconcile --repair")
    assert event_records(system.kafka) == before
    assert topic_breaches(system)
    assert system.start("reconcile", "--repair").wait() == 0
    system.start("relay")
    system.start("project", "order_status")
    system.check()
