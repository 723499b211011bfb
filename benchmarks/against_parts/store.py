"""A store of one build: its embedded server, its verbs, its HTTP; nothing of it is imported."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.against_parts.builds import Build
from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.dialect import Dialect, Words
from benchmarks.against_parts.rounds import Failed
from benchmarks.machines import free_port

# Seconds. Whoever is the last one in a store also stops its server.
START_LIMIT = 120.0
STOP_LIMIT = 90.0
VERB_LIMIT = 600.0


@dataclass(slots=True)
class Store:
    """Everything that one build has of its own in a run."""

    build: Build
    place: Path
    servers: str | None = None
    _key: str = field(default="", init=False)

    @property
    def name(self) -> str:
        return self.build.name

    @property
    def dialect(self) -> Dialect:
        return self.build.dialect

    @property
    def log(self) -> Path:
        return self.place / "verbs.log"

    @property
    def prefix(self) -> str:
        """What this store's topics begin with."""
        return self.place.name

    @property
    def key(self) -> str:
        """The secret of a key for everything that is measured."""
        if not self._key:
            self._key = self.run(*self.dialect.key).split()[-1]
        return self._key

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def create(self) -> None:
        """An empty store and its topics; afterwards nothing runs."""
        self.place.mkdir(mode=0o755)
        self.run(*self.dialect.migrate)
        if self.servers:
            self.run(*self.dialect.topics)

    def run(self, *words: str) -> str:
        """What a verb writes to standard output; raises Failed when it does."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                self._command(words),
                cwd=self.build.folder,
                env=self._environment({}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=VERB_LIMIT,
                check=False,
            )
        if done.returncode:
            said = done.stdout.decode(errors="replace")[-1_000:]
            raise Failed(
                f"{self._command(words)} of {self.name} failed:\n{said}{self.last_words()}"
            )
        return done.stdout.decode()

    @contextmanager
    def running(
        self, words: Words, settings: Mapping[str, str] | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A verb that works until it is told to end."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._command(words),
                cwd=self.build.folder,
                env=self._environment(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            _end(process)

    @contextmanager
    def answering(self, words: Words) -> Iterator["Serving"]:
        """A verb that serves HTTP, from the moment at which it is ready."""
        key, port = self.key, free_port()
        with ExitStack() as stack:
            settings = {"ORDINAL_HTTP_PORT": str(port)}
            process = stack.enter_context(self.running(words, settings))
            path = "/ready" if words == self.dialect.everything else "/health"
            self._await(process, port, path)
            caller = stack.enter_context(Caller(port, key, self.dialect))
            yield Serving(process.pid, caller)

    def _await(self, process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
        deadline = time.monotonic() + START_LIMIT
        with Caller(port, "", self.dialect) as caller:
            while caller.status_of(path) != 200:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"{self.name} does not serve:\n{self.last_words()}")
                time.sleep(0.05)

    def last_words(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-2_000:]

    def _command(self, words: Words) -> list[str]:
        return [str(self.build.python), "-m", "main", *words]

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Nothing of whoever runs the benchmark decides how the program works."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("ORDINAL_", "PYTHON"))}
        kafka = {"ORDINAL_KAFKA_BOOTSTRAP_SERVERS": self.servers} if self.servers else {}
        return {
            **ours,
            "ORDINAL_DATABASE_URL": f"embedded:{self.place / 'postgres'}",
            "ORDINAL_TOPIC_PREFIX": self.prefix,
            **kafka,
            **settings,
        }


@dataclass(frozen=True, slots=True)
class Serving:
    """A process that answers over HTTP, and who calls it."""

    pid: int
    caller: Caller


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        print(f"process {process.pid} does not end, and is killed", file=sys.stderr)
        process.kill()
        process.wait()
