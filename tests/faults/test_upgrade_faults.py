"""Rebuilding, and old and new programs side by side, while everything is in use."""

import signal

import psycopg
import pytest

from projections import PROJECTIONS
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.system import System, order_body
from tests.faults.teeth import STOCK_STREAM, unguarded
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]

LAG_LIMIT = 2_000


def generations(system: System) -> list[tuple[str, int]]:
    return system.rows(
        "SELECT projection, max(generation) FROM read.checkpoints WHERE live GROUP BY 1 ORDER BY 1"
    )


@pytest.mark.slow
def test_a_rebuild_amid_live_traffic(kafka_system: System) -> None:
    """Killed once on the way; readers are never kept waiting, and nothing is sent to anybody."""
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")
    api = system.serve()
    with Load(system, [api]) as load:
        load.go_on(3)
        first = system.start("rebuild", "all")
        first.ended.wait(0.4)
        first.send(signal.SIGKILL)
        load.go_on(1)
        outbox = system.rows("SELECT count(*) FROM ordinal.outbox")
        second = system.start("rebuild", "all")
        while not second.ended.wait(0.1):
            assert system.get(api, "/v1/orders").status == 200
            assert max(system.lag().values()) < LAG_LIMIT
        assert second.code == 0, second.tail()
        load.go_on(2)
    assert [number >= 2 for _, number in generations(system)] == [True] * len(PROJECTIONS)
    assert system.rows("SELECT count(*) FROM ordinal.outbox") == outbox
    system.check(60)


def test_read_models_of_an_older_release_are_built_by_themselves(system: System) -> None:
    """In one pass, also when the process that began is killed."""
    system.open_shop(units=100)
    system.fill(3)
    first = system.start("project")
    eventually(lambda: max(system.lag().values(), default=1) == 0, 30)
    first.stop()
    before = generations(system)
    with psycopg.connect(system.conninfo) as conn:
        conn.execute("UPDATE read.checkpoints SET version = version - 1")
    killed = system.start("project")
    eventually(lambda: killed.said("upgrade_began"), 30)
    killed.send(signal.SIGKILL)
    system.start("project")
    versions = "SELECT projection, version FROM read.checkpoints WHERE live ORDER BY 1, 2 DESC"
    wanted = {(each.name, each.version) for each in PROJECTIONS}
    eventually(lambda: wanted <= set(system.rows(versions)), 60)
    assert {name for name, _ in generations(system)} == {name for name, _ in before}
    system.check(30)


def overwrite_first(system: System, old: bytes, new: bytes) -> None:
    with unguarded(system.conninfo) as conn:
        conn.execute(
            "UPDATE ordinal.stored_events SET state = convert_to(replace(convert_from(state,"
            " 'UTF8'), %s, %s), 'UTF8') WHERE originator_id = %s AND originator_version = 1",
            (old.decode(), new.decode(), STOCK_STREAM),
        )


def test_an_older_program_does_not_guess_and_goes_on_after_the_upgrade(system: System) -> None:
    """A newer program has written a version that this one cannot read."""
    system.open_shop(units=100)
    system.fill(3)
    current, newer = b'"schema_version":1', b'"schema_version":2'
    overwrite_first(system, current, newer)
    projector, api = system.start("project"), system.serve()
    eventually(lambda: projector.said('"projector_halted"'), 30)
    head = system.head()
    assert system.order(api, "order").status == 503
    assert system.head() == head
    overwrite_first(system, newer, current)
    projector.stop()
    system.start("project")
    assert system.insist([api], "/orders", order_body("order"), "order").status == 201
    system.check()
