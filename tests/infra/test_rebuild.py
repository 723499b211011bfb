"""Rebuilding read models: equal to what was fed live, resumable, strict, and in bounded memory."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.category import bare_id
from domain.decider import Recorded
from infra.audit.verify_topics import lag_of
from infra.postgres.connections import connect_projector
from infra.readmodels import rebuild as machine
from infra.readmodels.checkpoints import checkpoints
from infra.readmodels.generations import drop_old, open_generation
from infra.readmodels.rebuild import Progress, RebuildFailed, RebuildRunning, ShardLost, rebuild
from infra.readmodels.rebuild_shards import ProcessShard, ShardRows
from projections.projection import Projection, StreamRows
from tests.infra.running import eventually, project, running
from tests.infra.sample_projection import (
    POISON,
    SAMPLE,
    SAMPLE_2,
    Bytes,
    FactRow,
    Written,
    adjust,
    append,
    contents,
    receive,
    register,
    state_of,
)

OTHER = replace(
    SAMPLE,
    name="other",
    tables=tuple(replace(table, name=f"other_{table.name}") for table in SAMPLE.tables),
    views={},
)


def history(count: int, streams: int = 7) -> list[Written]:
    """So many events, in turn over the streams, with some that nobody folds."""
    events: list[Written] = []
    for number in range(count):
        stream = f"stock-HERE-{number % streams}"
        event = adjust(-1) if number % 3 == 0 else receive(number, f"d{number % 4}")
        events.append((stream, register(stream) if number < streams else event))
        if number % 10 == 0:
            events.append((f"order-{number}", Bytes("NobodyKnows", b"{}")))
    return events


@pytest.fixture(autouse=True)
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "STRETCH", 25)
    monkeypatch.setattr(machine, "NEARLY", 5)
    monkeypatch.setattr("infra.readmodels.rebuild_shards.KEPT", 2)
    monkeypatch.setattr("infra.readmodels.rebuild_shards.READ_CHUNK", 10)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MANY", 50)
    monkeypatch.setattr(machine, "MOST_PROCESSES", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


def generations(conninfo: str, name: str = "sample") -> list[tuple[int, int, bool]]:
    with psycopg.connect(conninfo) as conn:
        return [(c.generation, c.version, c.live) for c in checkpoints(conn, name)]


def head(conninfo: str) -> int:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute("SELECT max(notification_id) FROM ordinal.stored_events").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("streams", [3, 60])
def test_what_is_rebuilt_equals_what_was_fed_live(ordinal_database: str, streams: int) -> None:
    append(ordinal_database, history(200, streams))
    project(ordinal_database, SAMPLE)
    before = contents(ordinal_database)
    rebuild(ordinal_database, [SAMPLE])
    assert contents(ordinal_database) == before
    assert generations(ordinal_database) == [(2, 1, True), (1, 1, False)]


@pytest.mark.usefixtures("processes")
def test_several_processes_build_the_same(ordinal_database: str) -> None:
    append(ordinal_database, history(200))
    project(ordinal_database, SAMPLE)
    before = contents(ordinal_database)
    rebuild(ordinal_database, [SAMPLE, OTHER])
    assert contents(ordinal_database) == before
    others = contents(ordinal_database, OTHER)
    assert {name.removeprefix("other_"): rows for name, rows in others.items()} == before


def test_an_empty_log_gives_empty_read_models(ordinal_database: str) -> None:
    rebuild(ordinal_database, [SAMPLE])
    assert generations(ordinal_database) == [(1, 1, True)]
    assert contents(ordinal_database)["sample_level"] == []


def test_progress_is_told(ordinal_database: str) -> None:
    append(ordinal_database, history(100))
    told: list[Progress] = []
    rebuild(ordinal_database, [SAMPLE], progress=told.append)
    assert [p.phase for p in told if p.phase != "folding"] == ["indexing", "switching", "done"]
    assert [p.position for p in told] == sorted(p.position for p in told)
    assert (told[-1].position, told[-1].events) == (told[-1].head, 110)


def test_large_events_make_short_stretches(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "STRETCH_BYTES", 1)
    append(ordinal_database, history(40))
    told: list[Progress] = []
    rebuild(ordinal_database, [SAMPLE], progress=told.append)
    assert len([p for p in told if p.phase == "folding"]) == 44 // machine.NEARLY - 1
    assert told[-1].events == 44


def test_indexes_are_there_in_the_end(ordinal_database: str) -> None:
    append(ordinal_database, history(10))
    project(ordinal_database, SAMPLE)
    rebuild(ordinal_database, [SAMPLE])
    with psycopg.connect(ordinal_database) as conn:
        found = conn.execute(
            "SELECT tablename, count(*) FROM pg_indexes WHERE tablename LIKE 'sample%'"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert [count for name, count in found if name.endswith("_g2")] == [
        count for name, count in found if name.endswith("_g1")
    ]


def test_nothing_of_the_filling_stays_with_the_tables(ordinal_database: str) -> None:
    append(ordinal_database, history(60))
    begin(ordinal_database, [SAMPLE], stretches=1)
    with psycopg.connect(ordinal_database) as conn:
        asked = "SELECT reloptions FROM pg_class WHERE relname = 'sample_fact_g1'"
        assert conn.execute(asked).fetchone() == (["autovacuum_enabled=off"],)
        rebuild(ordinal_database, [SAMPLE])
        assert conn.execute(asked).fetchone() == (None,)


def test_a_row_that_comes_again_in_a_later_stretch_ends_it(ordinal_database: str) -> None:
    def again(rows: StreamRows, recorded: Recorded) -> None:
        rows.put(FactRow(item=bare_id(recorded.stream_id), position=1, type="", words=""))

    others = [(f"stock-HERE-{number}", receive(1)) for number in range(40)]
    append(ordinal_database, [("stock-HERE-x", receive(1)), *others, ("stock-HERE-x", receive(1))])
    with pytest.raises(RebuildFailed, match="sample_fact_g1_pkey"):
        rebuild(ordinal_database, [replace(SAMPLE, evolve=again)])
    assert generations(ordinal_database) == []


KILLED = """
import os, signal, sys
from infra.readmodels import rebuild as machine
from tests.infra.sample_projection import SAMPLE
machine.STRETCH, machine.NEARLY = 25, 5
if sys.argv[2] == "processes":
    machine.MANY, os.cpu_count = 50, lambda: 2
told = 0
def progress(p):
    global told
    told += p.phase == "folding"
    if told == 3:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    machine.rebuild(sys.argv[1], [SAMPLE], progress=progress)
"""


@pytest.mark.parametrize("how", ["alone", "processes"])
def test_a_killed_rebuild_goes_on_where_it_was(
    ordinal_database: str, tmp_path: Path, how: str
) -> None:
    append(ordinal_database, history(200))
    project(ordinal_database, SAMPLE)
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run(
        [sys.executable, str(script), ordinal_database, how],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert generations(ordinal_database) == [(2, 1, False), (1, 1, True)]
    before = contents(ordinal_database)
    told: list[Progress] = []
    eventually(lambda: nobody_rebuilds(ordinal_database))
    rebuild(ordinal_database, [SAMPLE], progress=told.append)
    assert 0 < told[-1].events < 200
    assert generations(ordinal_database) == [(2, 1, True), (1, 1, False)]
    assert contents(ordinal_database) == before


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("after", [0, 2])
def test_a_lost_process_ends_it_and_the_next_one_goes_on(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """After so many answers of everybody, or before the first one."""
    append(ordinal_database, history(200))
    project(ordinal_database, SAMPLE)
    before = contents(ordinal_database)
    answer, given = ProcessShard.answer, [0]

    def bereaved(shard: ProcessShard) -> Sequence[ShardRows]:
        given[0] += 1
        if given[0] == 3 * after + 1:
            shard._process.kill()
            shard._process.wait()
        return answer(shard)

    with monkeypatch.context() as patch:
        patch.setattr(ProcessShard, "answer", bereaved)
        with pytest.raises(ShardLost, match="call it again to go on"):
            rebuild(ordinal_database, [SAMPLE])
    assert generations(ordinal_database) == [(2, 1, False), (1, 1, True)]
    eventually(lambda: nobody_rebuilds(ordinal_database))
    rebuild(ordinal_database, [SAMPLE])
    assert contents(ordinal_database) == before


def nobody_rebuilds(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'ordinal rebuild%'"
        ).fetchone()
    return row == (0,)


class Stopped(Exception):
    """By the test."""


def stop_after(stretches: int) -> Callable[[Progress], None]:
    left = [stretches]

    def progress(told: Progress) -> None:
        left[0] -= told.phase == "folding"
        if left[0] == 0:
            raise Stopped

    return progress


def begin(conninfo: str, projections: Sequence[Projection], stretches: int = 2) -> None:
    with pytest.raises(Stopped):
        rebuild(conninfo, projections, progress=stop_after(stretches))


def test_read_models_that_stopped_at_different_positions_go_on_together(
    ordinal_database: str,
) -> None:
    append(ordinal_database, history(200))
    begin(ordinal_database, [SAMPLE], stretches=4)
    begin(ordinal_database, [OTHER], stretches=2)
    rebuild(ordinal_database, [SAMPLE, OTHER])
    first = contents(ordinal_database)
    others = contents(ordinal_database, OTHER)
    assert {name.removeprefix("other_"): rows for name, rows in others.items()} == first
    rebuild(ordinal_database, [SAMPLE])
    assert contents(ordinal_database) == first


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ordinal.store SET store_epoch = 2",
        "ALTER TABLE read.sample_level_g1 DROP COLUMN counted",
        "UPDATE read.checkpoints SET event_id = 'another'",
        "UPDATE read.checkpoints SET version = 7",
    ],
    ids=["other epoch", "other columns", "other log", "other version"],
)
def test_a_half_built_generation_that_does_not_fit_is_begun_anew(
    ordinal_database: str, change: str
) -> None:
    append(ordinal_database, history(100))
    begin(ordinal_database, [SAMPLE])
    with psycopg.connect(ordinal_database) as conn:
        conn.execute(change)
    told: list[Progress] = []
    rebuild(ordinal_database, [SAMPLE], progress=told.append)
    assert told[-1].events == 110
    assert generations(ordinal_database) == [(1, 1, True)]


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("count", [20, 200], ids=["in one process", "in several"])
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (POISON, "StockAdjusted at position {} of stock-HERE-x: ArithmeticError: poisoned"),
        (Bytes("StockReceived", b"no json"), "StockReceived at position {} of stock-HERE-x"),
        (
            Bytes("Newer", state_of("stock-HERE-x", 1, {}, type="Newer")),
            "position {} of stock-HERE-x: UnknownEvent",
        ),
        (adjust(1, "nul \0"), "COPY sample_level_g2"),
        (receive(2**63), "sample_receipt_g2 ('HERE-x', 'd1'): "),
    ],
    ids=["handler", "bytes", "newer", "unstorable", "out of range"],
)
def test_the_first_error_ends_it_and_leaves_the_live_one_alone(
    ordinal_database: str, count: int, bad: object, said: str
) -> None:
    append(ordinal_database, history(count))
    project(ordinal_database, SAMPLE)
    before = contents(ordinal_database)
    (position,) = append(ordinal_database, [("stock-HERE-x", bad)])
    append(ordinal_database, history(20))
    with pytest.raises(RebuildFailed) as raised:
        rebuild(ordinal_database, [SAMPLE])
    assert said.format(position) in str(raised.value)
    assert generations(ordinal_database) == [(1, 1, True)]
    assert contents(ordinal_database) == before
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT to_regclass('read.sample_level_g2')").fetchone() == (None,)


def test_only_one_process_rebuilds_a_read_model(ordinal_database: str) -> None:
    append(ordinal_database, history(100))

    def again(_: Progress) -> None:
        rebuild(ordinal_database, [SAMPLE])

    with pytest.raises(RebuildRunning):
        rebuild(ordinal_database, [OTHER, SAMPLE], progress=again)


@contextmanager
def trading(conninfo: str) -> Iterator[None]:
    """Somebody appends all the time."""
    stop = threading.Event()

    def trade() -> None:
        while not stop.is_set():
            append(conninfo, history(20))

    thread = threading.Thread(target=trade)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_rebuild_under_way_does_not_disturb_the_live_one(ordinal_database: str) -> None:
    append(ordinal_database, history(300))
    with running(ordinal_database, SAMPLE) as live, trading(ordinal_database):
        eventually(lambda: live.status.position > 100)
        rebuild(ordinal_database, [SAMPLE])
        eventually(lambda: live.status.generation == 2)
        at = head(ordinal_database)
        eventually(lambda: live.status.position >= at)
    project(ordinal_database, SAMPLE)
    fed = contents(ordinal_database)
    rebuild(ordinal_database, [SAMPLE])
    assert contents(ordinal_database) == fed
    assert live.status.failures <= 1


def test_the_live_one_stands_still_while_the_new_one_takes_over(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ordinal_database, history(50))
    seen = []

    def late(conn: Any, projection: Projection, generation: int) -> None:
        """Something happens at the last moment."""
        append(ordinal_database, [("stock-HERE-1", receive(1))])
        time.sleep(0.3)
        seen.append(live.status.position)
        open_generation(conn, projection, generation)

    monkeypatch.setattr(machine, "open_generation", late)
    with running(ordinal_database, SAMPLE) as live:
        eventually(lambda: live.status.position == head(ordinal_database))
        rebuild(ordinal_database, [SAMPLE])
        eventually(lambda: live.status.position == head(ordinal_database))
    assert seen == [head(ordinal_database) - 1]


def test_old_and_new_versions_are_fed_side_by_side(ordinal_database: str) -> None:
    append(ordinal_database, history(100))
    project(ordinal_database, SAMPLE)
    with running(ordinal_database, SAMPLE_2) as new, running(ordinal_database, SAMPLE) as old:
        eventually(lambda: new.status.state == "needs_rebuild")
        rebuild(ordinal_database, [SAMPLE_2])
        assert generations(ordinal_database) == [(2, 2, True), (1, 1, True)]
        append(ordinal_database, [("stock-HERE-1", receive(1))])
        eventually(lambda: new.status.position == head(ordinal_database))
        eventually(lambda: old.status.position == head(ordinal_database))
    with psycopg.connect(ordinal_database) as conn:
        first = conn.execute("SELECT * FROM read.sample_level_g1 ORDER BY 1").fetchall()
        assert conn.execute("SELECT * FROM read.sample_level_g2 ORDER BY 1").fetchall() == first
        assert conn.execute("SELECT * FROM read.sample_level ORDER BY 1").fetchall() == first


def test_the_tables_of_a_former_version_are_nobodys_lag(ordinal_database: str) -> None:
    append(ordinal_database, history(20))
    project(ordinal_database, SAMPLE)
    rebuild(ordinal_database, [SAMPLE_2])
    append(ordinal_database, [("stock-HERE-1", receive(1))])
    with psycopg.connect(ordinal_database) as conn:
        assert lag_of(conn, None) == {"sample": 1}
    project(ordinal_database, SAMPLE_2)
    with psycopg.connect(ordinal_database) as conn:
        assert lag_of(conn, None) == {"sample": 0}


def test_the_old_generation_stays_until_it_is_dropped(ordinal_database: str) -> None:
    append(ordinal_database, history(50))
    project(ordinal_database, SAMPLE)
    rebuild(ordinal_database, [SAMPLE_2])
    with connect_projector(ordinal_database, "test") as conn:
        assert conn.execute("SELECT count(*) > 0 FROM read.sample_level_g1").fetchone() == (True,)
        assert drop_old(conn, SAMPLE_2) == [1]
        assert conn.execute("SELECT to_regclass('read.sample_level_g1')").fetchone() == (None,)
        with pytest.raises(LookupError):
            drop_old(conn, SAMPLE)
    assert generations(ordinal_database) == [(2, 2, True)]


def test_a_long_query_of_an_analyst_delays_the_change_and_not_the_live_one(
    ordinal_database: str,
) -> None:
    append(ordinal_database, history(50))
    with running(ordinal_database, SAMPLE) as live, psycopg.connect(ordinal_database) as analyst:
        eventually(lambda: live.status.position == head(ordinal_database))
        analyst.execute("SELECT count(*) FROM read.sample_level")
        told: list[str] = []
        changing = threading.Thread(
            target=rebuild,
            args=(ordinal_database, [SAMPLE]),
            kwargs={"progress": lambda built: told.append(built.blocked_by)},
        )
        changing.start()
        eventually(lambda: any(told))
        assert f"process {analyst.info.backend_pid}" in told[-1]
        append(ordinal_database, [("stock-HERE-1", receive(1))])
        eventually(lambda: live.status.position == head(ordinal_database), 1.5)
        assert changing.is_alive()
        analyst.rollback()
        changing.join(15)
        assert not changing.is_alive()
    assert generations(ordinal_database)[0] == (2, 1, True)


def test_a_transaction_that_does_not_end_is_named_and_nothing_is_lost(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ordinal_database, history(50))
    project(ordinal_database, SAMPLE)
    monkeypatch.setattr(machine, "SWITCH_LIMIT", 0.1)
    with psycopg.connect(ordinal_database, application_name="a notebook") as analyst:
        analyst.execute("SELECT count(*) FROM read.sample_level")
        with pytest.raises(machine.RebuildBlocked, match="a notebook"):
            rebuild(ordinal_database, [SAMPLE])
    rebuild(ordinal_database, [SAMPLE])
    assert generations(ordinal_database)[0] == (2, 1, True)
