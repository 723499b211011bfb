"""Whole systems for one test each, over the run's machines or over machines of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.kafka_broker import Broker
from tests.faults.machine import Machine, own_machine
from tests.faults.processes import Makers, makers
from tests.faults.system import System, system_over


@pytest.fixture(scope="session")
def nursery() -> Iterator[Makers]:
    """Where processes come from."""
    with makers() as made:
        yield made


@pytest.fixture
def system(
    nursery: Makers, run_folder: Path, topic_prefix: str, ordinal_database: str
) -> Iterator[System]:
    """Without Kafka: read models follow the log."""
    with system_over(nursery, own_folder(run_folder, topic_prefix), ordinal_database) as made:
        yield made


@pytest.fixture
def kafka_system(
    nursery: Makers, run_folder: Path, ordinal_database: str, kafka: str, topic_prefix: str
) -> Iterator[System]:
    """With topics of its own on the run's broker."""
    folder = own_folder(run_folder, topic_prefix)
    with system_over(nursery, folder, ordinal_database, kafka=kafka, prefix=topic_prefix) as made:
        yield made


@pytest.fixture
def machine(public_folder: Path) -> Iterator[Machine]:
    """A PostgreSQL that may be killed."""
    with own_machine(public_folder / "postgres") as running:
        yield running


@pytest.fixture
def machine_system(nursery: Makers, public_folder: Path, machine: Machine) -> Iterator[System]:
    """On a PostgreSQL of its own, without Kafka."""
    with system_over(nursery, public_folder, machine.conninfo) as made:
        yield made


@pytest.fixture
def own_broker(kafka_machine: None, public_folder: Path) -> Iterator[Broker]:
    """A broker that may be killed."""
    with Broker(public_folder / "kafka") as running:
        yield running


@pytest.fixture
def broker_system(
    nursery: Makers, public_folder: Path, ordinal_database: str, own_broker: Broker
) -> Iterator[System]:
    """On a broker of its own."""
    kafka = own_broker.bootstrap_servers
    with system_over(nursery, public_folder, ordinal_database, kafka=kafka) as made:
        yield made


def own_folder(run_folder: Path, name: str) -> Path:
    """Within the run's, so that a failed run keeps what the processes said."""
    folder = run_folder / "faults" / name
    folder.mkdir(parents=True)
    return folder
