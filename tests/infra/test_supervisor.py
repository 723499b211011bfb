"""Several processes as one family: copies of a process that has imported for all of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.processes import ROOT
from tests.infra.running import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every part begins anew")

# A family whose parts do what their name says; what a part tells goes to standard output.
FAMILY = """
import os, signal, sys, threading, time
import structlog
from infra.runtime.forked import share_what_is_loaded
from infra.runtime.supervisor import Family
from verbs.signals import StopFlag, stop_signal

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def run(verb):
    if verb[0] == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with stop_signal() as stop:
        if verb[0] == "deaf":
            stop = threading.Event()
        tell(verb[0], os.getpid(), os.environ.get("GIVEN"))
        if verb[0] == "hung":
            os._exit(70)
        if verb[0] == "wrong":
            raise ValueError("wrong on purpose")
        stop.wait(60)
    tell(verb[0], "stopped")

share_what_is_loaded()
stop = StopFlag()
BEFORE
family = Family([(name,) for name in NAMES], {"GIVEN": "word"}, run)
family.start()
family.watch(stop)
"""


class Started:
    """A family in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    def said(self, words: str, times: int = 1) -> bool:
        return (self._out.read_text() + self._err.read_text()).count(words) >= times

    def pid(self, name: str) -> int:
        """Of the part's newest process."""
        lines = [line.split() for line in self._out.read_text().splitlines()]
        return int([words[1] for words in lines if words[0] == name and words[1] != "stopped"][-1])


@contextmanager
def family(folder: Path, *names: str, before: str = "") -> Iterator[Started]:
    out, err = folder / "out", folder / "err"
    program = FAMILY.replace("NAMES", repr(names)).replace("BEFORE", before)
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdout=stdout, stderr=stderr
        )
    try:
        yield Started(process, out, err)
    finally:
        process.kill()
        process.wait()


@linux
def test_a_part_is_a_copy_with_the_environment_that_was_given(tmp_path: Path) -> None:
    with family(tmp_path, "one", "two") as started:
        eventually(lambda: started.said("one ") and started.said("two "))
        assert started.said("word", 2)
        part = psutil.Process(started.pid("one"))
        assert part.ppid() == started.process.pid
        assert part.cmdline() == psutil.Process(started.process.pid).cmdline()
        assert Path(f"/proc/{part.pid}/comm").read_text().strip() == "one"
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(10) == 0
        assert started.said("one stopped")
        assert started.said("two stopped")


@linux
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_part_that_ends_is_started_again_and_harms_nobody(
    tmp_path: Path, end: signal.Signals
) -> None:
    with family(tmp_path, "one", "two") as started:
        eventually(lambda: started.said("one ") and started.said("two "))
        first, other = started.pid("one"), started.pid("two")
        os.kill(first, end)
        eventually(lambda: started.pid("one") != first)
        assert started.pid("two") == other
        assert psutil.pid_exists(other)


@linux
@pytest.mark.parametrize(("name", "code"), [("hung", 70), ("wrong", 1)])
def test_what_ended_a_part_is_told(tmp_path: Path, name: str, code: int) -> None:
    with family(tmp_path, name, "two") as started:
        eventually(lambda: started.said("process_ended"))
        assert started.said(f"code={code}") or started.said(f"code\x1b[0m=\x1b[35m{code}")
        eventually(lambda: started.said(f"{name} ", 2))
        assert started.said("wrong on purpose") == (name == "wrong")


@linux
def test_a_killed_supervisor_leaves_nobody_behind(tmp_path: Path) -> None:
    with family(tmp_path, "one", "two") as started:
        eventually(lambda: started.said("one ") and started.said("two "))
        parts = [started.pid("one"), started.pid("two")]
        started.process.kill()
        started.process.wait()
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in parts))


@linux
def test_who_does_not_listen_is_killed_in_time(tmp_path: Path) -> None:
    with family(tmp_path, "deaf") as started:
        eventually(lambda: started.said("deaf "))
        pid, began = started.pid("deaf"), time.monotonic()
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(15) == 0
        assert time.monotonic() - began > 7
        assert not psutil.pid_exists(pid)


@linux
def test_nothing_is_copied_beside_a_thread(tmp_path: Path) -> None:
    """Its locks would be in the copy, and nobody to release them."""
    thread = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    with family(tmp_path, "settings", before=thread) as started:
        eventually(lambda: started.said("process_started"))
        children = psutil.Process(started.process.pid).children()
        eventually(lambda: any(c.cmdline()[1:] == ["-m", "main", "settings"] for c in children))
