"""Processes of an older build of the program, as a test holds them."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from benchmarks.against_parts.builds import Build
from tests.faults.processes import Process


class OlderProgram:
    """Starts verbs of a build with its own code and packages."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._numbers = count(1)
        self._children: dict[int, Process] = {}

    def start(
        self, verb: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path,
        without: str = "",
    ) -> Process:  # fmt: skip
        assert not without, "guards can be switched off in this build alone"
        child = Process(self, next(self._numbers), " ".join(verb), log)
        with log.open("ab") as out:
            started = subprocess.Popen(
                [self._build.python, "-m", "main", *verb],
                cwd=folder,
                env={**self._environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        child.pid = started.pid
        self._children[child.number] = child
        child.started.set()
        threading.Thread(target=_reap, args=(child, started), daemon=True).start()
        return child

    def _environment(self) -> dict[str, str]:
        """Nothing of whoever runs the tests decides how the program works."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("ORDINAL_", "PYTHON"))}
        return ours | {"PYTHONPATH": str(self._build.folder)}

    def deliver(self, number: int, signal: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._children[number].pid, signal)

    def close(self) -> None:
        """End everything that was started here and still lives."""
        for child in self._children.values():
            child.kill()


def _reap(child: Process, started: "subprocess.Popen[bytes]") -> None:
    child.code = started.wait()
    child.ended.set()


@contextmanager
def older_program(build: Build) -> Iterator[OlderProgram]:
    program = OlderProgram(build)
    try:
        yield program
    finally:
        program.close()
