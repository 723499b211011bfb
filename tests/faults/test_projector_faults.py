"""Projectors that are killed, stopped and misled: each event counts once in a read model."""

import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial

import psycopg
import pytest
from kafka import KafkaProducer

from infra.kafka.clients import connection
from infra.readmodels.parked_streams import replay_parked
from projections import PROJECTIONS
from projections.inventory import INVENTORY
from tests.faults.hand import HandRelay
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.processes import Process
from tests.faults.system import System, named
from tests.faults.teeth import STOCK_STREAM, breaches, execute, read_models, small_store, unguarded
from tests.infra.relaying import published, relay_all
from tests.infra.running import eventually, project
from tests.infra.shop import receive

pytestmark = pytest.mark.faults

POINTS = ["P1", "P2", "P3", "P4"]


def project_until_killed(system: System, crash_at: str, name: str) -> None:
    """Give a projector work until it kills itself."""
    projector = system.start("project", "inventory", crash_at=crash_at)
    for number in range(200):
        if projector.ended.wait(0.05):
            break
        system.fill(2, f"{name}-{number}")
    assert projector.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_projector_counts_each_event_once(system: System, point: str) -> None:
    system.open_shop(units=1_000)
    for number in (1, 2, 4):
        project_until_killed(system, f"{point}:{number}", f"run-{number}")
    system.start("project")
    system.check()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", POINTS)
def test_twenty_killed_projectors(kafka_system: System, point: str) -> None:
    kafka_system.open_shop(units=100_000)
    kafka_system.start("relay")
    for number in range(20):
        project_until_killed(kafka_system, f"{point}:{1 + number % 5}", f"run-{number}")
    kafka_system.start("project")
    kafka_system.check()


def test_teeth_an_event_that_counts_twice_is_seen(ordinal_database: str) -> None:
    """Rows without their checkpoint are what a projector would leave that commits too early."""
    with small_store(ordinal_database):
        read_models(ordinal_database)
    assert not breaches(ordinal_database)
    execute(
        ordinal_database,
        "UPDATE read.checkpoints SET position = 0, event_id = NULL WHERE projection = 'inventory'",
    )
    project(ordinal_database, INVENTORY)
    assert breaches(ordinal_database) == {"I4"}


def test_teeth_an_event_that_was_left_out_is_seen(ordinal_database: str) -> None:
    """A checkpoint without its rows is what a consumer would leave that commits by itself."""
    with small_store(ordinal_database) as writer:
        read_models(ordinal_database)
        receive(writer, 5)
    execute(
        ordinal_database,
        "UPDATE read.checkpoints SET (position, event_id) = (SELECT notification_id,"
        " convert_from(state, 'UTF8')::json ->> 'event_id' FROM ordinal.stored_events"
        " ORDER BY notification_id DESC LIMIT 1)",
    )
    assert breaches(ordinal_database) == {"I4"}


def test_teeth_an_offset_that_goes_back_is_seen(system: System) -> None:
    """What a zombie would do whose checkpoint nobody compares."""
    system.open_shop(units=100)
    system.fill(5)
    projector = system.start("project", "inventory")
    system.check()
    system.watch.settle()
    projector.kill()
    execute(
        system.conninfo,
        "UPDATE read.checkpoints SET (position, event_id) = (SELECT notification_id,"
        " convert_from(state, 'UTF8')::json ->> 'event_id' FROM ordinal.stored_events"
        " ORDER BY notification_id LIMIT 1)",
    )
    system.watch.settle()
    assert "inventory g1 fell" in (system.findings(0).of["I10"].breach or "")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_stopped_projector_that_wakes_up_changes_nothing(system: System) -> None:
    system.open_shop(*SKUS, units=UNITS)
    first = system.start("project")
    eventually(lambda: all(system.lag().get(each.name) == 0 for each in PROJECTIONS))
    second = system.start("project")
    with Load(system, [system.serve()]) as load:
        load.go_on(2)
        first.pause()
        eventually(lambda: leads(second), 60)
        load.go_on(1)
        first.resume()
        load.go_on(5)
    assert first.alive
    assert second.alive
    system.check()


def leads(process: Process) -> bool:
    return process.said('"running"', times=len(PROJECTIONS))


def test_what_is_delivered_again_changes_nothing(kafka_system: System) -> None:
    """A thousand old records, sent once more by somebody who may write to our topics."""
    system = kafka_system
    system.open_shop(units=10_000)
    relay_all(system.conninfo, system.kafka, system.fill(350))
    system.start("relay")
    system.start("project")
    eventually(lambda: not any(system.lag().values()), 30)
    with closing(KafkaProducer(**connection(system.kafka), metrics_enabled=False)) as producer:
        for old in published(system.kafka)[:1_000]:
            producer.send(old.topic, old.value, old.key, old.headers, old.partition)
        producer.flush()
    system.fill(5, "after")
    assert broken(system) == {"I3"}


def broken(system: System) -> set[str]:
    """The invariants that do not hold."""
    found = system.findings()
    print(named(found))
    return {finding.invariant for finding in found.of.values() if finding.breaches}


def test_what_kafka_lacks_or_announces_wrongly_is_read_from_the_store(
    kafka_system: System,
) -> None:
    """Nothing is left out and nothing counts twice, though the topics are a mess (I3)."""
    system = kafka_system
    system.open_shop(units=10_000)
    system.fill(60)
    projector = system.start("project")
    with (
        psycopg.connect(system.conninfo, autocommit=True) as conn,
        closing(HandRelay(conn, system.kafka)) as hand,
    ):
        for mess in (sound, lacking_one, reordered, sound, not_following, repeating, sound):
            mess(hand)
            eventually(partial(reached, system, hand.to), 30)
    assert projector.said("reading_store_instead")
    assert "I4" not in {f.invariant for f in system.findings(0).of.values() if f.breaches}


def reached(system: System, position: int) -> bool:
    rows = system.rows("SELECT position FROM read.checkpoints")
    return len(rows) == len(PROJECTIONS) and all(found >= position for (found,) in rows)


def sound(hand: HandRelay) -> None:
    hand.publish(hand.stretch(20), 20)


def lacking_one(hand: HandRelay) -> None:
    hand.publish(hand.stretch(20)[1:], 20)


def reordered(hand: HandRelay) -> None:
    hand.publish(hand.stretch(20)[::-1], 20)


def repeating(hand: HandRelay) -> None:
    hand.publish(hand.stretch(20) * 2, 20)


def not_following(hand: HandRelay) -> None:
    hand.publish(hand.stretch(20), 20, from_=hand.to + 3)


POISON = b"\x00 this is no event"


def last_rows(system: System, count: int) -> dict[int, bytes]:
    """Position and bytes of the last event of the youngest orders."""
    rows = system.rows(
        "SELECT DISTINCT ON (originator_id) notification_id, state FROM ordinal.stored_events"
        " WHERE originator_id LIKE 'order-%%'"
        " ORDER BY originator_id, notification_id DESC LIMIT %s",
        count,
    )
    return {position: bytes(state) for position, state in rows}


def overwrite(system: System, rows: dict[int, bytes]) -> None:
    with unguarded(system.conninfo) as conn:
        for position, state in rows.items():
            conn.execute(
                "UPDATE ordinal.stored_events SET state = %s WHERE notification_id = %s",
                (state, position),
            )


def parked(system: System) -> list[tuple[str, str]]:
    return system.rows("SELECT projection, stream_id FROM read.parked ORDER BY 1, 2")


def test_a_poison_event_parks_its_stream_until_it_is_mended_and_replayed(system: System) -> None:
    system.open_shop(units=100)
    system.fill(5)
    kept = last_rows(system, 1)
    overwrite(system, dict.fromkeys(kept, POISON))
    system.start("project")
    eventually(lambda: len(parked(system)) == 3, 30)
    system.fill(5, "flowing")
    assert "I4" in broken(system)
    assert len({stream for _, stream in parked(system)}) == 1
    overwrite(system, kept)
    known = {projection.name: projection for projection in PROJECTIONS}
    for name, stream in parked(system):
        replay_parked(system.conninfo, known[name], stream)
    system.check()


@pytest.mark.parametrize(
    ("count", "bad"),
    [
        (1, lambda state: state.replace(b'"type":"', b'"type":"Newer')),
        (1, lambda state: state.replace(b'"schema_version":1', b'"schema_version":2')),
        (25, lambda _: POISON),
    ],
    ids=["unknown event", "unknown version", "many streams at once"],
)
def test_a_bad_release_halts_and_goes_on_when_it_is_mended(
    system: System, count: int, bad: Callable[[bytes], bytes]
) -> None:
    system.open_shop(units=100)
    system.fill(30)
    kept = last_rows(system, count)
    overwrite(system, {position: bad(state) for position, state in kept.items()})
    projector = system.start("project")
    eventually(lambda: projector.said('"projector_halted"', times=3), 30)
    assert parked(system) == []
    eventually(lambda: system.lag()["inventory"] == 0, 30)
    assert "I9" in {f.invariant for f in system.findings(0).of.values() if f.breaches}
    overwrite(system, kept)
    projector.stop()
    system.start("project")
    system.check()


@pytest.mark.slow
def test_a_lost_connection_parks_nothing(system: System) -> None:
    system.open_shop(*SKUS, units=UNITS)
    system.start("project")
    with Load(system, [system.serve()]) as load:
        for _ in range(10):
            load.go_on(0.3)
            execute(
                system.conninfo,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'ordinal projector%'",
            )
    assert parked(system) == []
    system.check()


def test_teeth_a_parked_stream_is_seen(ordinal_database: str) -> None:
    with small_store(ordinal_database):
        read_models(ordinal_database)
    execute(
        ordinal_database,
        "INSERT INTO read.parked (projection, generation, stream_id, position, error)"
        " VALUES ('inventory', 1, %s, 1, 'given up too early')",
        STOCK_STREAM,
    )
    assert breaches(ordinal_database) == {"I4"}
