"""Brokers that are killed, stopped, late, or back from yesterday: the store stays the truth."""

import shutil
import signal
from pathlib import Path

import pytest

from infra.local.kafka_broker import Broker
from tests.faults.http import free_port
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.processes import Makers
from tests.faults.system import System, system_over
from tests.infra.proxy import proxy
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_broker_that_is_killed_again_and_again(broker_system: System, own_broker: Broker) -> None:
    system = broker_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")
    with Load(system, [system.serve()]) as load:
        for _ in range(3):
            load.go_on(3)
            own_broker.kill()
            load.go_on(2)
            own_broker.start()
        load.go_on(3)
        assert load.slowest < 2.5
    system.check(90)


def relay_killed_with_its_broker(system: System, broker: Broker, point: str) -> None:
    relay = system.start("relay", crash_at=f"{point}:2")
    for number in range(50):
        if relay.ended.wait(0.05):
            break
        system.fill(3, f"{point}-{number}")
    assert relay.wait(30) == -signal.SIGKILL
    broker.kill()
    broker.start()


@pytest.mark.parametrize("point", ["R3", "R4"])
def test_a_relay_and_its_broker_killed_together(
    broker_system: System, own_broker: Broker, point: str
) -> None:
    broker_system.open_shop(units=UNITS)
    broker_system.start("project", "order_status")
    relay_killed_with_its_broker(broker_system, own_broker, point)
    broker_system.fill(5, "after")
    broker_system.start("relay")
    broker_system.check(90)


def test_a_broker_that_is_away_for_long_costs_no_order(
    broker_system: System, own_broker: Broker
) -> None:
    system = broker_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")
    with Load(system, [system.serve()]) as load:
        load.go_on(1)
        own_broker.kill()
        load.go_on(15)
        accepted = load.statuses[201]
        own_broker.start()
    assert accepted > 20
    assert load.slowest < 2.5
    system.check(90)


def test_a_broker_that_is_stopped_beyond_every_timeout(
    broker_system: System, own_broker: Broker
) -> None:
    system = broker_system
    system.open_shop(*SKUS, units=UNITS)
    relay, _ = system.start("relay"), system.start("project")
    with Load(system, [system.serve()]) as load:
        load.go_on(2)
        own_broker.pause()
        load.go_on(20)
        own_broker.resume()
        load.go_on(2)
    assert relay.said('"retrying"')
    system.check(90)


def test_a_commit_that_arrives_late_ends_no_other_transaction(
    nursery: Makers, public_folder: Path, ordinal_database: str, kafka_machine: None
) -> None:
    """What is on its way is held for longer than the relay waits, and is delivered then."""
    port = free_port()
    with (
        proxy(("127.0.0.1", 0), ("127.0.0.1", port)) as line,
        Broker(public_folder / "kafka", port=port, advertised_port=int(line.address[1])) as broker,
        system_over(
            nursery, public_folder, ordinal_database, kafka=broker.bootstrap_servers
        ) as system,
    ):
        system.open_shop(*SKUS, units=UNITS)
        relay, _ = system.start("relay"), system.start("project")
        eventually(lambda: relay.said('"running"'), 30)
        with Load(system, [system.serve()]) as load:
            for _ in range(3):
                load.go_on(2)
                line.delay(9)
                load.go_on(0.3)
                line.delay(0)
                load.go_on(10)
        assert relay.said('"retrying"')
        system.check(90)


def test_a_broker_that_is_back_from_yesterday_gets_its_tail_again(
    broker_system: System, own_broker: Broker, public_folder: Path
) -> None:
    system = broker_system
    system.open_shop(units=UNITS)
    relay, _ = system.start("relay"), system.start("project")
    system.fill(50)
    eventually(lambda: not any(system.lag().values()), 30)
    own_broker.stop()
    yesterday = public_folder / "yesterday"
    shutil.copytree(own_broker.data_folder, yesterday)
    own_broker.start()
    system.fill(50, "lost")
    eventually(lambda: not any(system.lag().values()), 60)
    relay.stop()
    own_broker.stop()
    shutil.rmtree(own_broker.data_folder)
    yesterday.rename(own_broker.data_folder)
    own_broker.start()
    # The index is back from yesterday as well, so that the tail is missing and no contradiction.
    assert system.findings(0).of["I9"].breaches
    system.start("relay")
    system.fill(20, "after")
    system.check(90)


def test_everybody_ends_in_time_with_the_broker_down(
    broker_system: System, own_broker: Broker
) -> None:
    system = broker_system
    system.open_shop(*SKUS, units=UNITS)
    processes = [system.start(*verb) for verb in (("relay",), ("project",), ("consume", "orders"))]
    api = system.serve()
    with Load(system, [api, system.serve()]) as load:
        load.go_on(3)
        own_broker.kill()
        load.go_on(2)
        for process in processes:
            process.send(signal.SIGTERM)
        assert [process.wait(10) for process in processes] == [0, 0, 0]
        assert api.process.stop(10) == 0
    own_broker.start()
    for verb in (("relay",), ("project",), ("consume", "orders")):
        system.start(*verb)
    system.check(90)
