"""The same systems as for the faults: processes over a database, and topics, of one test's own."""

import pytest

from tests.e2e.asking import Shop, await_ready
from tests.faults.conftest import kafka_system, nursery, system
from tests.faults.system import System

__all__ = ["kafka_system", "nursery", "system"]


@pytest.fixture
def shop(kafka_system: System) -> Shop:
    """Open, with five units of one sku, and everything runs."""
    kafka_system.open_shop(units=5)
    for verb in ("relay", "project"):
        kafka_system.start(verb)
    api = kafka_system.serve()
    await_ready(kafka_system, api)
    return Shop(kafka_system, api)
