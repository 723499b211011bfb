"""Work that hangs, and the process that ends for it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.runtime.watchdog import HUNG, Watchdog
from tests.infra.pulses import Watched

ROOT = Path(__file__).parents[2]
HANGS = """
import threading
from infra.runtime import watchdog

def hangs_here():
    threading.Event().wait()

watchdog.INTERVAL, watchdog.CHECKS = 0.05, 3
with watchdog.Watchdog("a loop") as known:
    known.ping()
    hangs_here()
"""


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_a_process_that_hangs_says_where_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == HUNG
    assert "work_hangs" in done.stdout + done.stderr
    assert "in hangs_here" in done.stderr


def test_who_beats_is_let_be(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.runtime.watchdog.INTERVAL", 0.05)
    monkeypatch.setattr("infra.runtime.watchdog.CHECKS", 20)
    with Watchdog("a loop") as watchdog:
        for _ in range(30):
            time.sleep(0.05)
            watchdog.ping()
    assert not watched.ended.is_set()


def test_who_has_not_begun_or_is_done_needs_no_beat(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.runtime.watchdog.CHECKS", 1)
    before = threading.active_count()
    with Watchdog("a loop"):
        pass
    Watchdog("another")
    assert threading.active_count() == before
    assert not watched.ended.wait(0.2)
