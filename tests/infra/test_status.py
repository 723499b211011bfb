"""What `status` sees is what is there."""

from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.ops.heartbeats import Heartbeat, HeartbeatWriter, reporting_each
from infra.ops.status import connect_status, look, problems, status
from tests.infra.running import project
from tests.infra.sample_projection import POISON, SAMPLE, SAMPLE_2, append, receive


def execute(conninfo: str, statement: str, *parameters: Any) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(statement.encode(), parameters or None)


def tell(conninfo: str, part: str, state: str = "running", **news: Any) -> None:
    """As the part's own process does."""
    said = Heartbeat(state=state, **news)
    teller = HeartbeatWriter(conninfo, "ordinal_writer", {part: lambda: said})
    teller.start()
    teller.stop()


def test_parts_of_one_process_speak_over_one_session(ordinal_database: str) -> None:
    said = {f"projector {name}": Heartbeat(state=name) for name in ("running", "halted")}
    news = {part: partial(said.get, part) for part in said} | {"projector c": lambda: None}
    with reporting_each(ordinal_database, "ordinal_projector", news):
        pass
    with psycopg.connect(ordinal_database) as conn:
        heard = conn.execute("SELECT part, state FROM ordinal.progress ORDER BY part").fetchall()
    assert heard == [("projector halted", "halted"), ("projector running", "running")]


def test_everything_is_told(ordinal_database: str) -> None:
    positions = append(
        ordinal_database, [("stock-a", receive(1)), ("stock-a", POISON), ("stock-b", receive(1))]
    )
    project(ordinal_database, SAMPLE)
    (head,) = append(ordinal_database, [("stock-b", receive(1))])
    execute(
        ordinal_database,
        "INSERT INTO ordinal.outbox (topic, value, recorded_at)"
        " VALUES ('dead-letters', '', now()), ('intake.results', '', now())",
    )
    found = status(ordinal_database, [SAMPLE])
    assert (found.head, found.store_epoch, found.dead_letters) == (head, 1, 1)
    (model,) = found.read_models
    assert (model.projection, model.version, model.built) == ("sample", 1, True)
    (generation,) = model.generations
    assert (generation.generation, generation.version, generation.live) == (1, 1, True)
    assert (generation.position, generation.lag_events) == (positions[-1], 1)
    assert generation.lag_seconds > 0
    assert [(each.stream_id, each.position) for each in generation.parked] == [
        ("stock-a", positions[1])
    ]


def test_a_read_model_that_has_caught_up_lags_by_nothing(ordinal_database: str) -> None:
    append(ordinal_database, [("stock-a", receive(1))])
    project(ordinal_database, SAMPLE)
    (model,) = status(ordinal_database, [SAMPLE]).read_models
    assert [(g.lag_events, g.lag_seconds) for g in model.generations] == [(0, 0.0)]


def test_a_version_that_is_not_built_is_said_so(ordinal_database: str) -> None:
    append(ordinal_database, [("stock-a", receive(1))])
    project(ordinal_database, SAMPLE)
    found = status(ordinal_database, [SAMPLE_2])
    (model,) = found.read_models
    assert (model.built, len(model.generations)) == (False, 1)
    assert "sample version 2 is not built" in problems(found)


def test_a_fresh_store_has_nothing_to_tell(ordinal_database: str) -> None:
    found = status(ordinal_database, [SAMPLE])
    assert (found.head, found.dead_letters) == (0, 0)
    assert [model.generations for model in found.read_models] == [[]]


def test_all_is_well_when_everybody_works_and_nothing_waits(ordinal_database: str) -> None:
    last = append(ordinal_database, [("stock-a", receive(1))])[-1]
    project(ordinal_database, SAMPLE)
    tell(ordinal_database, "projector sample")
    tell(ordinal_database, "relay", position=last)
    tell(ordinal_database, "intake orders")
    found = status(ordinal_database, [SAMPLE], relayed=True)
    assert problems(found) == []
    assert set(found.parts) == {"relay", "projector sample", "intake orders"}


def test_without_kafka_nobody_waits_for_a_relay(ordinal_database: str) -> None:
    tell(ordinal_database, "relay", "halted")
    tell(ordinal_database, "intake orders", "halted")
    found = status(ordinal_database, [SAMPLE])
    assert (found.relay, list(found.intakes)) == (None, [])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE ordinal.progress SET state = 'halted', detail = 'no trigger' WHERE part = 'relay'",
         "relay is halted, heard of 0 s ago: no trigger"),
        ("UPDATE ordinal.progress SET updated_at = now() - interval '40 s' WHERE part = 'relay'",
         "relay is running, heard of 40 s ago"),
        ("UPDATE ordinal.progress SET position = 0 WHERE part = 'relay'",
         "the topics are"),
        ("UPDATE read.checkpoints SET position = 0, event_id = NULL", "s behind"),
        ("UPDATE read.checkpoints SET event_id = 'another'", "was a backup restored?"),
        ("UPDATE ordinal.store SET store_epoch = 2", "rebuild it"),
        ("INSERT INTO read.parked VALUES ('sample', 1, 'stock-a', 1, 'why')",
         "1 streams of sample are parked"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(ordinal_database: str, damage: str, says: str) -> None:
    last = append(ordinal_database, [("stock-a", receive(1))])[-1]
    project(ordinal_database, SAMPLE)
    tell(ordinal_database, "projector sample")
    tell(ordinal_database, "relay", position=last)
    execute(ordinal_database, damage)
    (problem,) = problems(status(ordinal_database, [SAMPLE], relayed=True))
    assert says in problem


def test_who_was_never_heard_of_is_missed(ordinal_database: str) -> None:
    found = problems(status(ordinal_database, [SAMPLE], relayed=True))
    assert found[:2] == ["relay was never heard of", "projector sample was never heard of"]


def test_an_intake_that_was_given_up_is_forgotten_after_a_week(ordinal_database: str) -> None:
    tell(ordinal_database, "intake orders")
    execute(ordinal_database, "UPDATE ordinal.progress SET updated_at = now() - interval '8 days'")
    assert list(status(ordinal_database, [SAMPLE], relayed=True).intakes) == []


@pytest.mark.parametrize("role", ["ordinal_writer", "ordinal_projector"])
def test_every_login_of_a_process_may_look(ordinal_database: str, role: str) -> None:
    append(ordinal_database, [("stock-a", receive(1))])
    project(ordinal_database, SAMPLE)
    login = f"login_{uuid4().hex}"
    execute(ordinal_database, f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE {role}")
    try:
        conninfo = make_conninfo(ordinal_database, user=login, password="x")
        assert status(conninfo, [SAMPLE], relayed=True).head > 0
    finally:
        execute(ordinal_database, f"DROP ROLE {login}")


def test_a_look_is_of_one_moment(ordinal_database: str) -> None:
    """Whatever is appended and applied meanwhile, nobody stands beyond the log."""
    append(ordinal_database, [("stock-a", receive(1))])
    with connect_status(ordinal_database) as conn, conn.transaction():
        before = look(conn, [SAMPLE], relayed=False).head
        append(ordinal_database, [("stock-a", receive(1))])
        project(ordinal_database, SAMPLE)
        found = look(conn, [SAMPLE], relayed=False)
        assert (found.head, found.read_models[0].generations) == (before, [])


def test_what_a_part_does_not_know_yet_stays_as_it_was_told(ordinal_database: str) -> None:
    tell(ordinal_database, "relay", position=7, outbox=3)
    tell(ordinal_database, "relay", "halted", detail="the store ends at 5")
    relay = status(ordinal_database, [], relayed=True).relay
    assert relay
    assert relay.part
    assert (relay.position, relay.part.state, relay.part.outbox) == (7, "halted", 3)
