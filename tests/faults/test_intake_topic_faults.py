"""Topics of channels that others made, made anew, or that lost what was read of them."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.kafka.topics import topic_name
from infra.local.kafka_broker import Broker
from tests.faults.processes import Process
from tests.faults.system import SKU, System
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]

VERB = ("consume", "orders")
PLACED = (
    "SELECT convert_from(state, 'UTF8')::json -> 'data' ->> 'reference'"
    " FROM ordinal.stored_events WHERE topic = 'OrderPlaced' ORDER BY 1"
)
CODECS = ("gzip", "snappy", "lz4", "zstd")


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as client:
        yield client


def order(reference: str) -> bytes:
    lines = [{"sku": SKU, "quantity": 1, "unit_price": 250}]
    body = {"reference": reference, "country": "GB", "currency": "GBP", "lines": lines}
    return json.dumps(body).encode()


def send(system: System, *references: str, **config: Any) -> None:
    """All of them into one partition, in this order."""
    producer = Producer(
        {"bootstrap.servers": system.kafka.kafka_bootstrap_servers, "linger.ms": 50, **config}
    )
    for reference in references:
        producer.produce(topic_name(system.kafka, "intake.orders"), order(reference), b"k")
    assert producer.flush(60) == 0


def placed(system: System) -> list[str]:
    return [reference for (reference,) in system.rows(PLACED)]


def await_orders(system: System, *references: str) -> None:
    eventually(lambda: placed(system) == sorted(references), 60)


def made_anew(system: System, admin: KafkaAdminClient, **configs: str) -> None:
    """Delete the topic and make it again, as somebody else would."""
    name = topic_name(system.kafka, "intake.orders")
    admin.delete_topics([name])
    eventually(lambda: name not in admin.list_topics())
    wanted = {
        "num_partitions": system.kafka.topic_partitions,
        "replication_factor": 1,
        "configs": configs,
    }
    # The broker takes a moment to be through with a name.
    eventually(lambda: _made(admin, name, wanted), 30)


def _made(admin: KafkaAdminClient, name: str, wanted: dict[str, Any]) -> bool:
    with suppress(KafkaError):
        admin.create_topics({name: wanted})
    return name in admin.list_topics()


# -- a topic that is made anew


@pytest.mark.parametrize("running", [False, True])
def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    kafka_system: System, admin: KafkaAdminClient, running: bool
) -> None:
    """Offsets begin again; nothing of it is skipped, and no id is given twice."""
    system = kafka_system
    system.open_shop(units=1_000)
    intake = system.start(*VERB)
    send(system, "a", "b", "c")
    await_orders(system, "a", "b", "c")
    if not running:
        intake.stop()
    made_anew(system, admin)
    send(system, "d", "e")
    if not running:
        intake = system.start(*VERB)
    await_orders(system, "a", "b", "c", "d", "e")
    assert intake.said("intake_topic_made_anew")
    assert system.rows("SELECT changes FROM ordinal.intake_topics") == [(1,)]
    letters = "SELECT count(*) FROM ordinal.outbox WHERE topic = 'dead-letters'"
    assert system.rows(letters) == [(0,)]


def test_teeth_without_the_topics_id_messages_are_skipped(
    kafka_system: System, admin: KafkaAdminClient
) -> None:
    system = kafka_system
    system.open_shop(units=1_000)
    intake = system.start(*VERB, without="id of a topic")
    send(system, "a", "b", "c")
    await_orders(system, "a", "b", "c")
    intake.stop()
    made_anew(system, admin)
    send(system, "d", "e", "f", "g")
    with_both_off = "id of a topic", "comparison"
    system.start(*VERB, without=",".join(with_both_off))
    eventually(lambda: "g" in placed(system), 60)
    assert placed(system) == ["a", "b", "c", "g"]


def test_a_topic_known_before_the_upgrade_keeps_its_ids(kafka_system: System) -> None:
    """An older version knew no ids of topics: its messages must not be taken for new ones."""
    system = kafka_system
    system.open_shop(units=1_000)
    name = topic_name(system.kafka, "intake.orders")
    system.rows(
        "INSERT INTO ordinal.intake_offsets SELECT %s, part, 0"
        " FROM generate_series(0, %s) AS part RETURNING 1",
        name,
        system.kafka.topic_partitions - 1,
    )
    system.start(*VERB)
    send(system, "a")
    await_orders(system, "a")
    assert system.rows("SELECT source FROM ordinal.intake_topics") == [(name,)]


# -- a topic that lost what was read of it


@pytest.mark.slow
@pytest.mark.parametrize("early", [["e"], ["e", "f", "g"]], ids=["shorter", "longer"])
def test_a_broker_that_lost_a_tail_halts_the_intake_until_that_is_accepted(
    broker_system: System, own_broker: Broker, public_folder: Path, early: list[str]
) -> None:
    """Also when more have come meanwhile than were lost, before anybody could look."""
    system = broker_system
    system.open_shop(units=1_000)
    intake = system.start(*VERB)
    send(system, "a", "b")
    await_orders(system, "a", "b")
    back_from_yesterday(own_broker, public_folder / "yesterday", lambda: lose(system, intake))
    send(system, *early)
    intake = system.start(*VERB)
    eventually(lambda: intake.said("intake_topic_lost_its_tail"), 60)
    send(system, *(each for each in "efgh" if each not in early))
    eventually(lambda: "--accept-lost" in status_of(system), 30)
    assert placed(system) == ["a", "b", "c", "d"]
    name = topic_name(system.kafka, "intake.orders")
    assert system.start("topics", "--accept-lost", name).wait(30) == 0
    await_orders(system, *"abcdefgh")
    assert system.start("topics", "--accept-lost", name).wait(30) == 1


def status_of(system: System) -> str:
    status = system.start("status", "--part", "intake orders")
    status.wait(60)
    return status.tail(60)


def lose(system: System, intake: Process) -> None:
    """What the broker will not know any more tomorrow."""
    send(system, "c", "d")
    await_orders(system, "a", "b", "c", "d")
    intake.stop()


def back_from_yesterday(broker: Broker, yesterday: Path, meanwhile: Callable[[], None]) -> None:
    broker.stop()
    shutil.copytree(broker.data_folder, yesterday)
    broker.start()
    meanwhile()
    broker.stop()
    shutil.rmtree(broker.data_folder)
    yesterday.rename(broker.data_folder)
    broker.start()


# -- topics that others made


@pytest.mark.parametrize("codec", CODECS)
def test_a_topic_that_keeps_what_its_producers_compress_is_read(
    kafka_system: System, admin: KafkaAdminClient, codec: str
) -> None:
    system = kafka_system
    system.open_shop(units=10_000)
    made_anew(system, admin, **{"compression.type": "producer"})
    many = [f"r{number:04}" for number in range(2_000)]
    send(system, *many, **{"compression.type": codec, "batch.size": 4_000_000})
    system.start(*VERB)
    await_orders(system, *many)


def test_teeth_without_its_codec_a_channel_stands_still(
    kafka_system: System, admin: KafkaAdminClient
) -> None:
    system = kafka_system
    system.open_shop(units=1_000)
    made_anew(system, admin, **{"compression.type": "producer"})
    send(system, "a", "b", "c", **{"compression.type": "zstd"})
    intake = system.start(*VERB, without="codecs")
    eventually(lambda: intake.said("intake_waits"), 60)
    assert placed(system) == []


def test_settings_that_differ_are_told_and_repaired(
    kafka_system: System, admin: KafkaAdminClient
) -> None:
    system = kafka_system
    made_anew(system, admin, **{"compression.type": "producer", "retention.ms": "1000"})
    told = system.start("topics")
    assert told.wait(30) == 1
    assert "compression.type" in told.tail(60)
    assert "retention.ms" in told.tail(60)
    assert system.start("topics", "--repair").wait(30) == 0
    assert system.start("topics").wait(30) == 0
