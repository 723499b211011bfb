"""Parked streams come back whole, whatever the projector does meanwhile."""

import threading
from dataclasses import replace

import psycopg
import pytest

from domain.decider import Recorded
from infra.postgres.connections import connect_projector
from infra.readmodels.parked_streams import NotParked, StillPoisoned, parked_streams, replay_parked
from projections.projection import StreamRows
from tests.infra.running import eventually, project, running
from tests.infra.sample_projection import POISON, SAMPLE, Written, append, contents, evolve, receive

A, B = "stock-a", "stock-b"
HISTORY: list[Written] = [(A, receive(1)), (B, receive(1)), (A, POISON), (A, receive(2))]


def lenient(rows: StreamRows, recorded: Recorded) -> None:
    """The fold after its mistake was mended."""
    if getattr(recorded.event, "reason", "") != "poison":
        evolve(rows, recorded)


MENDED = replace(SAMPLE, evolve=lenient)


def parked(conninfo: str) -> list[str]:
    with psycopg.connect(conninfo) as conn:
        return [found.stream_id for found in parked_streams(conn, "sample", 1)]


def test_a_mended_fold_brings_the_stream_back(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    assert parked(ordinal_database) == [A]
    assert replay_parked(ordinal_database, MENDED, A) == 3
    assert parked(ordinal_database) == []
    found = contents(ordinal_database)
    append(ordinal_database, [(A, receive(4))])
    project(ordinal_database, MENDED)
    assert found["sample_receipt"] == ["(a,d1,3)", "(b,d1,1)"]
    assert contents(ordinal_database)["sample_receipt"] == ["(a,d1,7)", "(b,d1,1)"]
    assert len(contents(ordinal_database)["sample_fact"]) == 4


def test_a_fold_that_still_fails_leaves_everything_as_it_was(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    before = contents(ordinal_database)
    with pytest.raises(StillPoisoned, match="poisoned"):
        replay_parked(ordinal_database, SAMPLE, A)
    assert contents(ordinal_database) == before
    assert parked(ordinal_database) == [A]


def test_what_the_read_model_has_not_come_to_is_left_to_the_projector(
    ordinal_database: str,
) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    append(ordinal_database, [(A, receive(4))])
    assert replay_parked(ordinal_database, MENDED, A) == 3
    project(ordinal_database, MENDED)
    assert contents(ordinal_database)["sample_receipt"] == ["(a,d1,7)", "(b,d1,1)"]


@pytest.mark.parametrize("stream_id", [B, "stock-nobody"])
def test_only_a_parked_stream_is_replayed(ordinal_database: str, stream_id: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    with pytest.raises(NotParked):
        replay_parked(ordinal_database, MENDED, stream_id)


def test_the_projector_takes_over_without_losing_an_event(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    writing = threading.Thread(target=append_slowly, args=(ordinal_database,))
    with running(ordinal_database, MENDED) as projector:
        eventually(lambda: projector.status.position >= 4)
        park(ordinal_database, A)
        writing.start()
        replay_parked(ordinal_database, MENDED, A)
        writing.join()
        eventually(lambda: projector.status.position >= 34)
    assert contents(ordinal_database)["sample_receipt"] == ["(a,d1,33)", "(b,d1,1)"]


def append_slowly(conninfo: str) -> None:
    for _ in range(30):
        append(conninfo, [(A, receive(1))])


def park(conninfo: str, stream_id: str) -> None:
    with connect_projector(conninfo, "test") as conn:
        conn.execute(
            "INSERT INTO read.parked (projection, generation, stream_id, position, error)"
            " VALUES ('sample', 1, %s, 5, 'by hand')",
            (stream_id,),
        )


def test_a_replay_waits_for_the_batch_under_way(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    replay = threading.Thread(target=replay_parked, args=(ordinal_database, MENDED, A))
    with connect_projector(ordinal_database, "batch") as conn, conn.transaction():
        conn.execute("UPDATE read.checkpoints SET updated_at = now()")
        replay.start()
        replay.join(0.3)
        assert replay.is_alive()
    replay.join(10)
    assert parked(ordinal_database) == []
