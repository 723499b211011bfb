"""The election of one active process, on a real PostgreSQL."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from infra.postgres import leader_election
from infra.postgres.connections import WatchedConnection
from infra.postgres.leader_election import Leadership, LeadershipLost
from infra.runtime.crash_points import VARIABLE
from tests.infra.running import eventually

KEY = 4_711
ROOT = Path(__file__).parents[2]


@pytest.fixture
def never() -> threading.Event:
    return threading.Event()


def seat(conninfo: str, key: int = KEY) -> Leadership:
    return Leadership(conninfo, key, "test")


def end_sessions(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'ordinal test leadership'"
        )


def test_one_leads_and_the_other_waits_until_the_seat_is_free(
    ordinal_database: str, never: threading.Event
) -> None:
    with seat(ordinal_database) as first, seat(ordinal_database) as second:
        assert first.acquire(never)
        taken = list[bool]()
        waiting = threading.Thread(target=lambda: taken.append(second.acquire(never)))
        waiting.start()
        waiting.join(0.6)
        assert waiting.is_alive()
        assert not second.still_leader()
        first.release()
        waiting.join(5)
        assert taken == [True]
        second.check()
        with pytest.raises(LeadershipLost):
            first.check()


def test_seats_of_different_kinds_are_independent(
    ordinal_database: str, never: threading.Event
) -> None:
    with seat(ordinal_database) as first, seat(ordinal_database, KEY + 1) as second:
        assert first.acquire(never)
        assert second.acquire(never)


def test_a_stop_ends_the_wait(ordinal_database: str, never: threading.Event) -> None:
    with seat(ordinal_database) as first, seat(ordinal_database) as second:
        assert first.acquire(never)
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        assert not second.acquire(stop)


def test_a_database_that_is_away_is_waited_for() -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with seat("host=127.0.0.1 port=1 dbname=nowhere") as nowhere:
        assert not nowhere.acquire(stop)


def test_whoever_loses_the_session_loses_the_seat(
    ordinal_database: str, never: threading.Event
) -> None:
    with seat(ordinal_database) as first:
        assert first.acquire(never)
        assert first.confirm()
        end_sessions(ordinal_database)
        assert not first.confirm()
        with pytest.raises(LeadershipLost):
            first.check()
        assert first.acquire(never)
        first.check()


def test_the_pings_notice_a_lost_session(
    ordinal_database: str, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "PING_INTERVAL", 0.05)
    with seat(ordinal_database) as first:
        assert first.acquire(never)
        end_sessions(ordinal_database)
        eventually(lambda: not first.still_leader())


def test_the_pings_keep_the_seat(
    ordinal_database: str, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(leader_election, "IDLE_LIMIT", 0.5)
    monkeypatch.setattr(leader_election, "TRUST_LIMIT", 0.5)
    with seat(ordinal_database) as first:
        assert first.acquire(never)
        time.sleep(1.2)
        first.check()


def test_an_answer_of_long_ago_is_not_believed(
    ordinal_database: str, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "TRUST_LIMIT", 0.0)
    with seat(ordinal_database) as first:
        assert first.acquire(never)
        with pytest.raises(LeadershipLost):
            first.check()


def test_a_server_that_gives_no_answer_is_given_up(ordinal_database: str) -> None:
    with closing(WatchedConnection.connect(ordinal_database, autocommit=True)) as conn:
        conn.silence = 0.2
        conn.execute("SELECT 1")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT pg_sleep(5)")
        assert time.monotonic() - began < 2
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
        assert conn.closed


def test_a_stopped_leader_is_replaced(ordinal_database: str, never: threading.Event) -> None:
    program = (
        "import sys, threading, time\n"
        "from infra.postgres import leader_election\n"
        "leader_election.IDLE_LIMIT, leader_election.PING_INTERVAL = 1.0, 0.2\n"
        f"seat = leader_election.Leadership(sys.argv[1], {KEY}, 'stopped')\n"
        "seat.acquire(threading.Event())\n"
        "print('leading', flush=True)\n"
        "while seat.still_leader():\n"
        "    time.sleep(0.05)\n"
        "print('lost', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, ordinal_database],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            while process.stdout.readline().strip() != "leading":
                assert process.poll() is None
            process.send_signal(signal.SIGSTOP)
            with seat(ordinal_database) as successor:
                assert successor.acquire(never)
                process.send_signal(signal.SIGCONT)
                assert "lost" in process.stdout.read()
                successor.check()
        finally:
            process.kill()


@pytest.mark.parametrize(("chosen", "passes"), [("P1:3", 2), ("P1", 0), ("P2:1", 5)])
def test_a_process_dies_at_the_chosen_pass_of_a_crash_point(chosen: str, passes: int) -> None:
    program = (
        "from infra.runtime.crash_points import crash_point\n"
        "for number in range(5):\n"
        "    crash_point('P1')\n"
        "    print(number, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {VARIABLE: chosen},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [str(number) for number in range(passes)]
    assert done.returncode == (0 if passes == 5 else -signal.SIGKILL)
