"""Snapshots that cannot be written, or not be read: they are a convenience, and the log decides."""

import re
from typing import Any

import psycopg
import pytest

from infra.postgres.connections import connect
from infra.write_path.snapshots import Snapshot, Snapshots
from tests.faults.system import SKU, System
from tests.faults.teeth import STOCK_STREAM, breaches, execute, small_store
from tests.infra.running import eventually
from tests.infra.shop import do, order, writing

pytestmark = pytest.mark.faults

# More events on one item than a snapshot waits for.
MANY = 600


def snapshots(system: System) -> list[tuple[Any, ...]]:
    return system.rows("SELECT stream_id, version FROM ordinal.snapshots")


def test_a_snapshot_that_cannot_be_written_costs_nothing(system: System) -> None:
    system.open_shop(units=MANY + 3)
    system.fill(MANY)
    execute(system.conninfo, "REVOKE INSERT, UPDATE ON ordinal.snapshots FROM ordinal_writer")
    system.start("project")
    api = system.serve()
    for number in range(3):
        assert system.order(api, f"order-{number}").status == 201
    eventually(lambda: api.process.said("snapshot_failed"))
    assert system.order(api, "one-too-many").status == 409
    assert snapshots(system) == []
    system.check()


DAMAGES = {
    "cut off": "state = substring(state FOR 40)",
    "no json": "state = decode('00ff', 'hex') || substring(state FROM 3)",
    "one bit": "state = set_byte(state, 60, get_byte(state, 60) # 1)",
    "another fold": "fold_version = fold_version + 1",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_snapshot_that_cannot_be_read_is_folded_anew(system: System, damage: str) -> None:
    system.open_shop(units=MANY + 3)
    system.fill(MANY)
    system.start("project")
    api = system.serve()
    assert system.order(api, "order-0").accepted
    eventually(lambda: bool(snapshots(system)))
    api.process.kill()
    execute(system.conninfo, f"UPDATE ordinal.snapshots SET {damage}")
    api = system.serve()
    assert [system.order(api, f"order-{n}").status for n in range(1, 4)] == [201, 201, 409]
    system.check()


def lie(conninfo: str) -> None:
    """Let the snapshot speak of more units than there are, under a seal of its own."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute(
            "SELECT stream_id, version, fold_version, state FROM ordinal.snapshots"
            " WHERE stream_id = %s",
            (STOCK_STREAM,),
        ).fetchone()
        assert row is not None
        told = Snapshot(*row).unsealed()
        more = re.sub(rb'"on_hand":\d+', b'"on_hand":100000', told.state)
        conn.execute(
            "UPDATE ordinal.snapshots SET state = %s", (told._replace(state=more).sealed().state,)
        )


def test_teeth_a_snapshot_that_is_believed_though_it_lies_is_seen(ordinal_database: str) -> None:
    def session() -> Any:
        return connect(ordinal_database, "ordinal_writer")

    with small_store(ordinal_database):
        pass
    taking = Snapshots(session, every=2)
    with writing(ordinal_database, snapshots=taking) as writer:
        do(writer, order("taken", SKU))
        taking.close()
    lie(ordinal_database)
    with writing(ordinal_database, snapshots=Snapshots(session)) as writer:
        do(writer, order("oversold", SKU, quantity=500))
    assert breaches(ordinal_database) == {"I5"}
