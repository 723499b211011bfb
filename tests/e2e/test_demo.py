"""The demo as a stranger meets it: what it prints works, and nothing stays when it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tests.conftest import public_temporary_folder
from tests.faults.http import free_port
from tests.faults.processes import ROOT

# Seconds. The promise for a second start is 5, on a machine with nothing else to do.
FIRST_START = 120.0
SECOND_START = 10.0
END = 15.0
LAST_WORDS = "Ctrl-C ends everything"


@dataclass(slots=True)
class Visit:
    """One start of the demo, up to its end."""

    seconds: float = 0.0
    printed: str = ""
    answers: list[subprocess.CompletedProcess[str]] = field(default_factory=list)
    code: int | None = None
    running: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def answer(self, to: str) -> str:
        """What the one command said in which these words stand."""
        (found,) = [done for done in self.answers if to in done.args[-1]]
        assert found.returncode == 0, (found.args, found.stderr)
        return found.stdout

    def json(self, to: str) -> Any:
        return msgspec.json.decode(self.answer(to))


def visit(folder: Path, *options: str) -> Visit:
    """Start it, do what it proposes, press Ctrl-C, and look around."""
    made, began = Visit(), time.monotonic()
    log = folder / "demo.log"
    with log.open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "main", "demo", *options],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await_guide(demo, log)
        made.seconds, made.printed = time.monotonic() - began, log.read_text()
        made.answers = [in_a_shell(command) for command in commands_in(made.printed)]
        made.running = processes_of(folder, demo.pid)
        os.killpg(demo.pid, signal.SIGINT)
        made.code = demo.wait(END)
        made.left_behind = processes_of(folder, demo.pid)
    finally:
        end(folder, demo)
    return made


def environment() -> dict[str, str]:
    """A stranger's, with a port of our own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("ORDINAL_")}
    own = {"ORDINAL_DATABASE_URL": "embedded", "ORDINAL_HTTP_PORT": str(free_port())}
    return given | own | {"PYTHONPATH": str(ROOT)}


def await_guide(demo: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + FIRST_START
    while LAST_WORDS not in log.read_text():
        assert demo.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def commands_in(printed: str) -> list[str]:
    """The indented lines, as one would copy them: a backslash goes on in the next line."""
    whole = printed.replace("\\\n", " ")
    return re.findall(r"^  (\S.*)$", whole, re.MULTILINE)


def in_a_shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=20
    )


def processes_of(folder: Path, session: int) -> list[str]:
    """Every process of the demo's session, or that works in its folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            line = " ".join(process.cmdline())
            ours = os.getsid(process.pid) == session or str(folder) in f"{process.cwd()} {line}"
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {line}")
    return found


def end(folder: Path, demo: subprocess.Popen[bytes]) -> None:
    """Whatever went wrong, nobody stays."""
    for line in processes_of(folder, demo.pid):
        with suppress(ProcessLookupError):
            os.kill(int(line.split()[0]), signal.SIGKILL)
    demo.wait(END)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with public_temporary_folder() as made:
        yield made


@pytest.fixture(scope="module")
def first(folder: Path) -> Visit:
    return visit(folder)


@pytest.fixture(scope="module")
def second(folder: Path, first: Visit) -> Visit:
    return visit(folder)


@pytest.mark.timeout(200)
def test_the_commands_that_it_prints_work_as_printed(first: Visit) -> None:
    assert len(first.answers) == 4
    assert len(first.json("/v1/orders?limit=3")["items"]) == 3
    placed = first.json("Idempotency-Key")
    assert (placed["outcome"], placed["changed"]) == ("placed", True)
    stock = first.json("/v1/inventory/by-sku")
    assert stock["available"] > 0
    assert "report_channel" in first.answers[3].args[-1]
    assert re.search(r"^ web +\| EUR", first.answer("report_channel"), re.MULTILINE)


def test_ctrl_c_leaves_nothing_running(first: Visit) -> None:
    assert {"demo", "serve", "project"} <= {process.split()[-1] for process in first.running}
    assert any("postgres" in process for process in first.running)
    assert (first.code, first.left_behind) == (0, [])


@pytest.mark.timeout(60)
def test_a_second_start_is_quick_and_finds_the_data(first: Visit, second: Visit) -> None:
    sys.stdout.write(f"first start {first.seconds:.1f} s, second {second.seconds:.1f} s\n")
    assert second.seconds < SECOND_START
    latest = second.json("/v1/orders?limit=3")["items"][0]
    assert latest["order_id"] == first.json("Idempotency-Key")["id"]
    assert second.json("Idempotency-Key")["outcome"] == "placed"


def test_a_second_end_leaves_nothing_either(second: Visit) -> None:
    assert (second.code, second.left_behind) == (0, [])


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("kafka_machine")
def test_with_a_broker_in_between_it_is_the_same_shop(folder: Path, second: Visit) -> None:
    third = visit(folder, "--kafka")
    sys.stdout.write(f"start with a broker {third.seconds:.1f} s\n")
    assert "The topics are at 127.0.0.1:" in third.printed
    assert third.json("/v1/orders?limit=3")["items"] != []
    assert third.json("Idempotency-Key")["outcome"] == "placed"
    assert (third.code, third.left_behind) == (0, [])
