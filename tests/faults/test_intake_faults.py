"""Intake processes that come, go and are killed: no order twice, none lost, none unanswered."""

import signal

import psycopg
import pytest

from tests.faults.channel import CHANNEL, Channel
from tests.faults.load import SKUS, UNITS
from tests.faults.system import System, named
from tests.faults.teeth import execute
from tests.infra.running import eventually

pytestmark = pytest.mark.faults

VERB = ("consume", "orders", "--channel", CHANNEL)


def check(system: System, channel: Channel) -> None:
    """The system's invariants, and those of the channel that sent."""
    found = system.findings(90)
    with psycopg.connect(system.conninfo, autocommit=True) as conn:
        channel.verify(conn, found)
    assert found.sound, f"{named(found)}\n{system.tails()}"


def intake_until_killed(system: System, crash_at: str) -> None:
    process = system.start(*VERB, crash_at=crash_at)
    assert process.wait(60) == -signal.SIGKILL


def test_an_intake_ends_in_time_while_it_joins(kafka_system: System) -> None:
    """The group waits for one that was killed; whoever is told to stop meanwhile does so."""
    first = kafka_system.start(*VERB)
    eventually(lambda: first.said('"partitions":2'), 30)
    first.kill()
    joining = kafka_system.start(*VERB)
    eventually(lambda: joining.said('"partitions":0'), 30)
    assert joining.stop(10) == 0


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_killed_intake_loses_no_order_and_no_answer(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project", "order_status")
    with Channel(system.kafka) as channel:
        for point in ("A1:2", "A2:2", "A3:2"):
            intake_until_killed(system, point)
        system.start(*VERB)
    check(system, channel)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_storm_of_rebalances(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")
    system.start(*VERB)
    with Channel(system.kafka, pause=0.005) as channel:
        for turn in range(10):
            other = system.start(*VERB)
            other.ended.wait(2)
            other.kill() if turn % 2 else other.stop()
            other.ended.wait(1)
    check(system, channel)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_stopped_intake_that_wakes_up_repeats_nothing(kafka_system: System) -> None:
    """Longer than the broker waits for it: another one has its partitions by then."""
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")
    first, second = system.start(*VERB), system.start(*VERB)
    with Channel(system.kafka) as channel:
        for process in (first, second):
            process.ended.wait(4)
            process.pause()
            process.ended.wait(14)
            process.resume()
    assert first.alive
    assert second.alive
    check(system, channel)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_teeth_an_offset_that_moves_on_its_own_is_seen(kafka_system: System) -> None:
    """What a consumer would do that commits offsets by itself and dies before the orders."""
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    relay = system.start("relay")
    intake = system.start(*VERB)
    with Channel(system.kafka) as channel:
        intake.ended.wait(4)
        intake.kill()
        intake.ended.wait(2)
        execute(
            system.conninfo,
            "UPDATE ordinal.intake_offsets SET next_offset = next_offset + 3",
        )
        system.start(*VERB)
    found = system.findings(60)
    with psycopg.connect(system.conninfo, autocommit=True) as conn:
        channel.verify(conn, found)
    assert relay.alive
    assert "has not exactly one answer" in (found.of["I1"].breach or "")
