"""The broker: a real Kafka that keeps its data over any end, and never outlives who started it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from infra.local.kafka_broker import Broker, BrokerError, broker

ROOT = Path(__file__).parents[2]

OWNER = """
import sys, time
from pathlib import Path
from infra.local.kafka_broker import broker
with broker(Path(sys.argv[1])) as running:
    print(running.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def machine(kafka_machine: None, run_folder: Path) -> Iterator[Broker]:
    """A broker that these tests may kill, unlike the one that all tests share."""
    with broker(run_folder / "own-kafka") as running:
        yield running


def create_topic(servers: str, topic: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])


def send(servers: str, topic: str, *values: bytes) -> None:
    with closing(KafkaProducer(bootstrap_servers=servers, acks="all")) as producer:
        for sent in [producer.send(topic, value, partition=0) for value in values]:
            sent.get(timeout=20)


def stored(servers: str, topic: str) -> list[bytes]:
    """What the topic holds up to its end."""
    partition = TopicPartition(topic, 0)
    found: list[bytes] = []
    with closing(KafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=10)) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for records in consumer.poll(timeout_ms=200).values():
                found.extend(record.value for record in records)
    return found


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_shared_broker_keeps_what_is_sent(kafka: str, topic_prefix: str) -> None:
    create_topic(kafka, topic_prefix)
    send(kafka, topic_prefix, b"one", b"two")
    assert stored(kafka, topic_prefix) == [b"one", b"two"]


def test_a_killed_broker_comes_back_on_its_ports_with_its_data(
    machine: Broker, topic_prefix: str
) -> None:
    servers, pid = machine.bootstrap_servers, machine.pid
    create_topic(servers, topic_prefix)
    send(servers, topic_prefix, b"before")
    machine.kill()
    assert pid is not None
    assert gone(pid)
    machine.restart()
    send(servers, topic_prefix, b"after")
    assert machine.bootstrap_servers == servers
    assert stored(servers, topic_prefix) == [b"before", b"after"]


def test_a_paused_broker_answers_when_it_is_resumed(machine: Broker, topic_prefix: str) -> None:
    servers = machine.bootstrap_servers
    create_topic(servers, topic_prefix)
    machine.pause()
    paused_at = time.monotonic()
    resumption = threading.Timer(1.0, machine.resume)
    resumption.start()
    send(servers, topic_prefix, b"late")
    resumption.join()
    assert time.monotonic() - paused_at > 0.9
    assert stored(servers, topic_prefix) == [b"late"]


def test_a_paused_broker_can_be_stopped_and_leaves_no_process(machine: Broker) -> None:
    pid = machine.pid
    assert [name for name in children() if name.endswith(f" {pid}")] != []
    machine.pause()
    machine.stop()
    assert machine.pid is None
    assert [name for name in children() if name.endswith(f" {pid}")] == []
    assert [name for name in children() if str(machine.folder) in name] == []
    machine.start()


def children() -> list[str]:
    found = psutil.Process().children(recursive=True)
    return [" ".join(process.cmdline()) for process in found if not gone(process.pid)]


def test_a_broker_whose_owner_is_killed_ends_too(kafka_machine: None, run_folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(run_folder / "orphan")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(pid)


def test_a_broker_that_cannot_start_tells_its_last_words(
    machine: Broker, public_folder: Path
) -> None:
    taken = machine.port
    with pytest.raises(BrokerError, match=str(taken)), Broker(public_folder, port=taken):
        pass
    assert [name for name in children() if str(public_folder) in name] == []
