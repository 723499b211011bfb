"""Whole systems for one test each, over the run's machines or over machines of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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


def own_folder(run_folder: Path, name: str) -> Path:
    """Within the run's, so that a failed run keeps what the processes said."""
    folder = run_folder / "faults" / name
    folder.mkdir(parents=True)
    return folder
