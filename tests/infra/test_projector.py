"""The projector against a real PostgreSQL: what it applies, and when it refuses to go on."""

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.postgres.connections import connect_projector
from infra.postgres.leader_election import Leadership
from infra.readmodels import applier as applying
from infra.readmodels import feeds
from infra.readmodels.applier import Applier
from infra.readmodels.checkpoints import CheckpointMoved, ProjectorHalted, read_generation
from infra.readmodels.feeds import StoreFeed, batch_of
from infra.readmodels.folding import Folding
from infra.readmodels.generations import ensure_generation
from infra.readmodels.projector import leader_lock_of
from infra.readmodels.tables import PhysicalTable
from infra.store.event_log import read_after
from tests.infra.pulses import Watched
from tests.infra.running import eventually, project, running
from tests.infra.sample_projection import (
    FACT,
    POISON,
    RECEIPT,
    SAMPLE,
    SAMPLE_2,
    Bytes,
    FactRow,
    ReceiptRow,
    Written,
    adjust,
    append,
    contents,
    receive,
    register,
    state_of,
)

A, B, C = "stock-HERE-a", "stock-HERE-b", "stock-HERE-c"
HISTORY: list[Written] = [
    (A, register("a")),
    (B, register("b")),
    (A, receive(5)),
    ("order-1", Bytes("NobodyKnows", b"{}")),
    (B, receive(7, "d2")),
    (A, receive(1, "d2")),
    (B, adjust(-1)),
    (A, receive(2)),
]


@pytest.fixture
def applier(ordinal_database: str) -> Any:
    with connect_projector(ordinal_database, "test") as conn:
        yield applier_on(conn)


def applier_on(conn: Any) -> Applier:
    ensure_generation(conn, SAMPLE)
    found = read_generation(conn, SAMPLE.name, SAMPLE.version)
    assert found
    return Applier(conn, SAMPLE, found)


def apply_in_pieces(conninfo: str, sizes: list[int]) -> None:
    """Apply the whole log, cut into batches of these sizes, the rest one by one."""
    with connect_projector(conninfo, "test") as conn:
        applier = applier_on(conn)
        rows = list(read_after(conn, 0, 10_000))
        while rows:
            size = sizes.pop(0) if sizes else 1
            applier.apply(batch_of(rows[:size]))
            del rows[:size]


def parked(conninfo: str) -> list[tuple[str, int]]:
    with psycopg.connect(conninfo) as conn:
        rows = conn.execute("SELECT stream_id, position FROM read.parked ORDER BY 1").fetchall()
    return [(str(stream), int(position)) for stream, position in rows]


def checkpoint(conninfo: str) -> tuple[int, str | None]:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute("SELECT position, event_id FROM read.checkpoints").fetchone()
    assert row
    return int(row[0]), row[1]


def test_events_become_rows_and_the_checkpoint_stands_at_the_last_one(
    ordinal_database: str,
) -> None:
    positions = append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    found = contents(ordinal_database)
    assert [row.split(",")[:2] for row in found["sample_level"]] == [
        ["(HERE-a", "8"],
        ["(HERE-b", "6"],
    ]
    assert found["sample_receipt"] == ["(HERE-a,d1,7)", "(HERE-a,d2,1)", "(HERE-b,d2,7)"]
    assert len(found["sample_fact"]) == 7
    position, event_id = checkpoint(ordinal_database)
    assert position == positions[-1]
    assert event_id


def test_a_view_sums_over_streams(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT on_hand FROM read.sample_total").fetchall() == [(14,)]


def test_what_happens_later_is_seen_soon(ordinal_database: str) -> None:
    with running(ordinal_database, SAMPLE) as projector:
        for _ in range(5):
            (position,) = append(ordinal_database, [(A, receive(1))])
            eventually(lambda seen=position: projector.status.position >= seen, 2)  # type: ignore[misc]
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,5)"]


def test_a_projector_that_hangs_is_noticed(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    with running(ordinal_database, SAMPLE):
        watched.await_pings(f"projector {SAMPLE.name}")
        with watched.hanging("infra.readmodels.feeds.read_after", []):
            assert watched.ended.wait(20)


@pytest.mark.parametrize(
    "where",
    [
        "infra.postgres.leader_election.Leadership._try",
        "infra.readmodels.projector.ensure_generation",
    ],
)
def test_a_projector_that_hangs_before_it_leads_is_noticed(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    watched = Watched(monkeypatch)
    with Leadership(ordinal_database, leader_lock_of(SAMPLE), "somebody") as seat:
        assert seat.acquire(threading.Event())
        with running(ordinal_database, SAMPLE):
            watched.await_pings(f"projector {SAMPLE.name}")
            with watched.hanging(where):
                seat.release()
                assert watched.ended.wait(20)


def test_the_checkpoint_moves_over_what_the_projection_does_not_fold(
    ordinal_database: str,
) -> None:
    positions = append(ordinal_database, [("order-1", Bytes("Whatever", b"\xff"))])
    project(ordinal_database, SAMPLE)
    assert checkpoint(ordinal_database) == (positions[-1], None)
    append(ordinal_database, [(A, receive(1))])
    project(ordinal_database, SAMPLE)
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,1)"]


EVENTS = {
    A: [register("a"), receive(5), receive(2), adjust(-3), POISON, receive(4)],
    B: [register("b"), adjust(2), receive(3, "x"), receive(3, "y"), adjust(9)],
    C: [register("c"), receive(1), receive(1, "nul \0"), receive(8)],
}


@st.composite
def interleavings(draw: st.DrawFn) -> list[Written]:
    turns = draw(st.permutations([stream for stream, events in EVENTS.items() for _ in events]))
    left = {stream: iter(events) for stream, events in EVENTS.items()}
    return [(stream, next(left[stream])) for stream in turns]


def without_positions(found: dict[str, Any]) -> Any:
    """Rows of another interleaving differ in nothing but the positions they quote."""
    levels = [text.rpartition(",")[0] for text in found["sample_level"]]
    facts = [re.sub(r",\d+,", ",", text) for text in found["sample_fact"]]
    return levels, found["sample_receipt"], facts


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=interleavings(), sizes=st.lists(st.integers(1, 15), max_size=8))
def test_every_interleaving_and_every_batch_size_gives_the_same_rows(
    ordinal_database: str, history: list[Written], sizes: list[int]
) -> None:
    def outcome(pieces: list[int]) -> Any:
        apply_in_pieces(ordinal_database, pieces)
        found = contents(ordinal_database), parked(ordinal_database)
        with psycopg.connect(ordinal_database) as conn:
            conn.execute(
                "TRUNCATE read.sample_level_g1, read.sample_receipt_g1, read.sample_fact_g1,"
                " read.parked"
            )
            conn.execute("UPDATE read.checkpoints SET position = 0, event_id = NULL")
        return found

    reset(ordinal_database)
    append(ordinal_database, [(s, e) for s, events in EVENTS.items() for e in events])
    expected = without_positions(outcome([100])[0])
    reset(ordinal_database)
    append(ordinal_database, history)
    whole, singly, cut = outcome([100]), outcome([]), outcome(sizes)
    assert whole == singly == cut
    assert without_positions(whole[0]) == expected


def reset(conninfo: str) -> None:
    """An empty log, which only its owner can have, and only by force."""
    with psycopg.connect(conninfo) as conn:
        conn.execute("ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only")
        conn.execute("TRUNCATE ordinal.stored_events")
        conn.execute("ALTER TABLE ordinal.stored_events ENABLE TRIGGER append_only")


def test_rows_of_a_stream_come_in_the_order_of_their_keys() -> None:
    rows = Folding(SAMPLE, [PhysicalTable(RECEIPT, 1)]).stream("a")
    rows.loaded(ReceiptRow(item="a", document="c"))
    rows.put(ReceiptRow(item="a", document="b"))
    rows.put(ReceiptRow(item="a", document="d"))
    assert [row.document for row in rows.all(ReceiptRow)] == ["b", "c", "d"]


def test_a_fold_touches_nothing_but_its_own_rows() -> None:
    rows = Folding(SAMPLE, [PhysicalTable(FACT, 1)]).stream("a")
    fact = FactRow(item="b", position=1, type="", words="")
    with pytest.raises(ValueError, match="put by the stream of a"):
        rows.put(fact)
    rows.put(replace(fact, item="a"))
    with pytest.raises(ValueError, match="already"):
        rows.put(replace(fact, item="a"))
    with pytest.raises(TypeError, match="never read back"):
        rows.get(FactRow, 1)


def test_a_process_that_was_overtaken_changes_nothing(
    ordinal_database: str, applier: Applier
) -> None:
    append(ordinal_database, HISTORY)
    with connect_projector(ordinal_database, "zombie") as conn:
        zombie = applier_on(conn)
        batch = batch_of(read_after(conn, 0, 3))
        applier.apply(batch)
        applier.apply(batch_of(read_after(conn, batch.to, 100)))
        before = contents(ordinal_database), checkpoint(ordinal_database)
        with pytest.raises(CheckpointMoved):
            zombie.apply(batch)
    assert (contents(ordinal_database), checkpoint(ordinal_database)) == before


def test_a_projector_goes_on_after_it_was_overtaken(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)

    class Overtaken(StoreFeed):
        """Lets another process apply each of the first batches before its own projector does."""

        left = 2

        def next(self, position: int, stop: threading.Event) -> feeds.FeedBatch | None:
            batch = super().next(position, stop)
            if batch and Overtaken.left:
                Overtaken.left -= 1
                with connect_projector(ordinal_database, "other") as conn:
                    applier_on(conn).apply(batch_of(batch.rows[:2]))
            return batch

    project(ordinal_database, SAMPLE, partial(Overtaken, ordinal_database))
    assert Overtaken.left == 0
    assert contents(ordinal_database)["sample_receipt"] == [
        "(HERE-a,d1,7)",
        "(HERE-a,d2,1)",
        "(HERE-b,d2,7)",
    ]


def test_only_one_of_two_projectors_is_active(ordinal_database: str) -> None:
    with running(ordinal_database, SAMPLE) as first:
        eventually(lambda: first.status.state == "running")
        with running(ordinal_database, SAMPLE) as second:
            (position,) = append(ordinal_database, [(A, receive(1))])
            eventually(lambda: first.status.position >= position)
            assert second.status.state == "standby"
            assert second.status.batches == 0


def test_a_poisoned_stream_is_parked_and_the_others_flow(ordinal_database: str) -> None:
    positions = append(
        ordinal_database, [(A, receive(5)), (A, POISON), (B, receive(1)), (A, receive(9))]
    )
    project(ordinal_database, SAMPLE)
    append(ordinal_database, [(A, receive(1)), (B, receive(1))])
    assert project(ordinal_database, SAMPLE).status.parked == 1
    assert parked(ordinal_database) == [(A, positions[1])]
    found = contents(ordinal_database)
    assert found["sample_receipt"] == ["(HERE-a,d1,5)", "(HERE-b,d1,2)"]
    assert [row.split(",")[1] for row in found["sample_level"]] == ["5", "2"]


@pytest.mark.parametrize(
    "bad",
    [
        Bytes("StockReceived", b"\x00 no json"),
        Bytes("StockReceived", b'{"actor": "\xff"}'),
        Bytes("StockReceived", state_of(A, 2, {"quantity": "many"}, type="StockReceived")),
        Bytes("StockReceived", state_of(B, 2, receive(1))),
        Bytes("StockReceived", state_of(A, 9, receive(1))),
        receive(1, "nul \0"),
        receive(2**62),
    ],
    ids=[
        "no json",
        "no utf-8",
        "wrong type",
        "envelope of another stream",
        "envelope of another version",
        "unstorable",
        "out of range",
    ],
)
def test_whatever_cannot_be_kept_parks_its_stream_at_that_event(
    ordinal_database: str, bad: object
) -> None:
    history: list[Written] = [
        (B, receive(1)),
        (A, receive(2**62)),
        (C, receive(3)),
        (A, bad),
        (B, receive(1)),
        (A, receive(1)),
    ]
    positions = append(ordinal_database, history)
    project(ordinal_database, SAMPLE)
    assert parked(ordinal_database) == [(A, positions[3])]
    assert contents(ordinal_database)["sample_receipt"] == [
        f"(HERE-a,d1,{2**62})",
        "(HERE-b,d1,2)",
        "(HERE-c,d1,3)",
    ]
    assert checkpoint(ordinal_database)[0] == positions[-1]


@pytest.mark.parametrize(
    "newer",
    [
        Bytes("StockTeleported", state_of(A, 3, {}, type="StockTeleported")),
        Bytes("StockReceived", state_of(A, 3, receive(1), type="StockReceived", schema_version=9)),
    ],
    ids=["unknown name", "unknown version"],
)
def test_an_event_of_a_newer_program_halts_right_before_it(
    ordinal_database: str, newer: Bytes
) -> None:
    positions = append(ordinal_database, [(A, register("a")), (A, receive(1)), (A, newer)])
    with pytest.raises(ProjectorHalted, match="too old"):
        project(ordinal_database, SAMPLE)
    assert checkpoint(ordinal_database)[0] == positions[1]
    assert parked(ordinal_database) == []
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,1)"]


def test_many_poisoned_streams_at_once_are_a_bad_release(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "BATCH", 8)
    streams = [f"stock-HERE-{number:02}" for number in range(applying.PARKED_A_MINUTE + 1)]
    append(ordinal_database, [(stream, POISON) for stream in streams])
    with pytest.raises(ProjectorHalted, match="more than 20 streams"):
        project(ordinal_database, SAMPLE)
    assert len(parked(ordinal_database)) == 16


def test_as_many_as_allowed_are_parked(ordinal_database: str) -> None:
    streams = [f"stock-HERE-{number:02}" for number in range(applying.PARKED_A_MINUTE)]
    append(ordinal_database, [(stream, POISON) for stream in streams])
    project(ordinal_database, SAMPLE)
    assert len(parked(ordinal_database)) == applying.PARKED_A_MINUTE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM ordinal.stored_events WHERE notification_id > 3", "backup"),
        ("UPDATE ordinal.stored_events SET state = '{}'", "backup"),
        ("UPDATE ordinal.store SET store_epoch = 2", "epoch"),
    ],
    ids=["shorter log", "other event", "other epoch"],
)
def test_a_restored_backup_halts(ordinal_database: str, change: str, reason: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    with psycopg.connect(ordinal_database) as conn:
        conn.execute("ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only")
        conn.execute(change)
    with pytest.raises(ProjectorHalted, match=reason):
        project(ordinal_database, SAMPLE)


def test_a_lost_connection_is_no_poison(ordinal_database: str) -> None:
    with running(ordinal_database, SAMPLE) as projector:
        for number in range(6):
            append(ordinal_database, [(A, receive(1)), (B, receive(1))])
            if number % 2:
                terminate(ordinal_database)
        eventually(lambda: projector.status.position >= 12)
    assert parked(ordinal_database) == []
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,6)", "(HERE-b,d1,6)"]


def terminate(conninfo: str) -> None:
    with psycopg.connect(conninfo) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ordinal %'"
        )


def test_a_newer_version_waits_for_its_rebuild(ordinal_database: str) -> None:
    append(ordinal_database, HISTORY)
    project(ordinal_database, SAMPLE)
    with running(ordinal_database, SAMPLE_2) as newer:
        eventually(lambda: newer.status.state == "needs_rebuild")


PROJECT = """
import sys, threading
from functools import partial
from infra.readmodels.feeds import StoreFeed
from infra.readmodels.projector import Projector
from tests.infra.sample_projection import SAMPLE
Projector(sys.argv[1], SAMPLE, partial(StoreFeed, sys.argv[1])).run(threading.Event())
"""


@pytest.mark.parametrize("point", ["P1", "P2", "P3", "P4"])
def test_a_killed_projector_has_applied_each_event_once(ordinal_database: str, point: str) -> None:
    append(ordinal_database, HISTORY)
    done = subprocess.run(
        [sys.executable, "-c", PROJECT, ordinal_database],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ORDINAL_CRASH_AT": point},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    project(ordinal_database, SAMPLE)
    assert contents(ordinal_database)["sample_receipt"] == [
        "(HERE-a,d1,7)",
        "(HERE-a,d2,1)",
        "(HERE-b,d2,7)",
    ]
