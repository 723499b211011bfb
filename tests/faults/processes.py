"""Processes of the program as a test holds them: started, signalled, waited for."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]


class Origin(Protocol):
    """Where processes come from."""

    def start(
        self, verb: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path,
        without: str = "",
    ) -> "Process": ...  # fmt: skip

    def deliver(self, number: int, signal: signal.Signals) -> None: ...


class Process:
    """One running verb. `code` is its exit code, or minus the signal that ended it."""

    def __init__(self, origin: Origin, number: int, name: str, log: Path) -> None:
        self._origin = origin
        self.number = number
        self.name = name
        self.log = log
        self.pid = 0
        self.code: int | None = None
        self.started, self.ended = threading.Event(), threading.Event()

    @property
    def alive(self) -> bool:
        return not self.ended.is_set()

    def send(self, number: signal.Signals) -> None:
        """Deliver a signal; one that has ended gets nothing any more."""
        if self.alive:
            self._origin.deliver(self.number, number)

    def kill(self) -> None:
        """As a power cut would; also when it is stopped."""
        self.send(signal.SIGKILL)
        self.wait(10)

    def stop(self, seconds: float = 15) -> int:
        """Ask it to end."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        return self.wait(seconds)

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def wait(self, seconds: float = 30) -> int:
        """Until it ends by itself."""
        assert self.ended.wait(seconds), f"{self.name} did not end\n{self.tail()}"
        assert self.code is not None
        return self.code

    def tail(self, lines: int = 15) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def said(self, words: str, times: int = 1) -> bool:
        return self.log.read_text(errors="replace").count(words) >= times


class Makers:
    """The other end of the nursery."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._children: dict[int, Process] = {}
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # One child in a hundred would inherit a test's coverage or crash point otherwise.
            env={k: v for k, v in os.environ.items() if not k.startswith("ORDINAL_")},
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def start(
        self, verb: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path,
        without: str = "",
    ) -> Process:  # fmt: skip
        number = next(self._numbers)
        log.touch()
        child = self._children[number] = Process(self, number, " ".join(verb), log)
        self.order(
            number=number,
            verb=list(verb),
            environment=dict(environment),
            folder=str(folder),
            log=str(log),
            without=without,
        )
        assert child.started.wait(60), "the nursery does not answer"
        return child

    def deliver(self, number: int, signal: signal.Signals) -> None:
        self.order(number=number, signal=int(signal))

    def order(self, **what: Any) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news = json.loads(line)
            child = self._children[news["number"]]
            if "pid" in news:
                child.pid = news["pid"]
                child.started.set()
            else:
                child.code = news["code"]
                child.ended.set()

    def close(self) -> None:
        """End everything that was made here and still lives."""
        for child in self._children.values():
            child.send(signal.SIGKILL)
        for child in self._children.values():
            child.ended.wait(10)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._thread.join(10)
        self._process.stdout.close()


@contextmanager
def makers() -> Iterator[Makers]:
    made = Makers()
    try:
        yield made
    finally:
        made.close()
