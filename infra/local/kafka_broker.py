"""A real Apache Kafka (KRaft, one node) for tests, benchmarks and developers without containers."""

import base64
import random
import signal
import socket
import string
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka import KafkaAdminClient

from infra.local.kafka_jars import BROKER_FILES, BrokerError, jars, missing

__all__ = ["Broker", "BrokerError", "broker", "jars", "missing"]

# A small broker that does not live long and shares its machine: the collector and the compiler with
# the least work besides. The second compiler alone takes a third of a core for the first minute.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
HEAP = ("-Xms256m", "-Xmx768m")
LOGS = Path(__file__).parents[2] / ".logs"

# Seconds.
START_LIMIT = 60.0
STOP_LIMIT = 30.0

STARTED = "Kafka Server started"

# Below the ports that systems hand to outgoing connections: a client that keeps knocking while
# the broker is down could otherwise be given the broker's own port, and keep it.
PORTS = range(20_000, 32_000)


class Broker:
    """One broker with its data in `folder`; it keeps its ports when it is restarted.

    `advertised_port` is where clients are sent instead, for a proxy that leads to `port`;
    `retention` is the default of its topics, applied every second.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        advertised_port: int | None = None,
        retention: timedelta | None = None,
    ) -> None:
        free = _free_ports(3)
        self.folder = folder.resolve()
        self.port = port or free[0]
        self._advertised_port = advertised_port or self.port
        self._direct_port, self._controller_port = free[1:]
        self._retention = retention
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients begin: the broker, or the proxy in front of it."""
        return f"127.0.0.1:{self._advertised_port}"

    @property
    def direct_bootstrap_servers(self) -> str:
        """A way to the broker that leads past any proxy."""
        return f"127.0.0.1:{self._direct_port}"

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        return self.folder / "broker.log"

    @property
    def pid(self) -> int | None:
        """The broker's process, None when it was not started or was ended by us."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return when the broker answers clients; raise with the end of its log if it can't."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._write_properties()
        if not (self.data_folder / "meta.properties").exists():
            self._format()
        try:
            self._launch()
            self._await_ready(time.monotonic() + START_LIMIT)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the broker in good order, by force if it takes too long."""
        if self._process is not None:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reap()

    def kill(self) -> None:
        """End the broker as a power cut would, as far as its process goes."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def pause(self) -> None:
        """Freeze the broker: its connections stay open, and nothing answers on them."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same ports and data."""
        self.stop()
        self.start()

    def _write_properties(self) -> None:
        template = string.Template((BROKER_FILES / "server.properties").read_text())
        text = template.substitute(
            port=self.port,
            advertised_port=self._advertised_port,
            direct_port=self._direct_port,
            controller_port=self._controller_port,
        )
        self._properties.write_text(text + self._retention_properties())

    def _retention_properties(self) -> str:
        if self._retention is None:
            return ""
        milliseconds = self._retention // timedelta(milliseconds=1)
        return (
            f"\nlog.retention.ms={milliseconds}\n"
            "log.retention.check.interval.ms=1000\n"
            "log.initial.task.delay.ms=1000\n"
        )

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that begins with a dash would pass for an option.
        command = ("format", f"--cluster-id={cluster}", "--config", str(self._properties))
        with self.log_file.open("ab") as log:
            done = subprocess.run(
                [*self._java(*QUICK), "kafka.tools.StorageTool", *command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise self._failure("could not format its data folder")

    def _launch(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(*HEAP, *QUICK), "kafka.Kafka", str(self._properties)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = _guard(self._process.pid)

    def _java(self, *options: str) -> list[str]:
        log_config = f"-Dlog4j2.configurationFile={BROKER_FILES / 'log4j2.xml'}"
        # Java expands the asterisk itself.
        return ["java", *options, log_config, "-cp", f"{jars()}/*"]

    def _await_ready(self, deadline: float) -> None:
        # The client of kafka-python leaks a thread where nobody answers: first see that one does.
        while STARTED not in self._log_of_this_start():
            self._check_progress(deadline)
        with closing(KafkaAdminClient(bootstrap_servers=self.direct_bootstrap_servers)) as admin:
            while all(node["is_fenced"] for node in admin.describe_cluster()["brokers"]):
                self._check_progress(deadline)

    def _log_of_this_start(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _check_progress(self, deadline: float) -> None:
        if self._process is None or self._process.poll() is not None:
            raise self._failure("ended while it started")
        if time.monotonic() > deadline:
            raise self._failure(f"is not ready after {START_LIMIT:.0f} s")
        time.sleep(0.05)

    def _send(self, order: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(order)

    def _reap(self) -> None:
        # The guard goes first: it must not outlive the process whose id it knows.
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
        if self._process is not None:
            self._process.wait()
        self._guard = self._process = None

    def _failure(self, what: str) -> BrokerError:
        lines = self._log_of_this_start().splitlines()
        last = "\n".join([line for line in lines if not line.startswith("\tat ")][-20:])
        return BrokerError(f"The Kafka broker in {self.folder} {what}.\n{last}")

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"


@contextmanager
def broker(folder: Path | None = None) -> Iterator[Broker]:
    """A running broker; without a folder its data is thrown away, and its log kept on failure."""
    if folder is not None:
        with Broker(folder) as machine:
            yield machine
        return
    with tempfile.TemporaryDirectory(prefix="ordinal-kafka-") as name:
        machine = Broker(Path(name))
        try:
            with machine:
                yield machine
        except BaseException as error:
            error.add_note(f"The broker's log is kept in {_keep_log(machine)}.")
            raise


def _keep_log(machine: Broker) -> Path:
    LOGS.mkdir(exist_ok=True)
    kept = LOGS / f"{machine.folder.name}.log"
    kept.write_bytes(machine.log_file.read_bytes())
    return kept


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """A process that kills `pid` when this one ends without stopping it, however it ends."""
    # Its input is a pipe that only we hold, and that the kernel closes with us.
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -KILL "$0"', str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _free_ports(count: int) -> list[int]:
    candidates = random.SystemRandom().sample(PORTS, len(PORTS))
    free = (port for port in candidates if _is_free(port))
    return [next(free) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
