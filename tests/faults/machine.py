"""A PostgreSQL of a test's own, which may be killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import embedded_postgres
from infra.store.migrations import migrate


@dataclass(slots=True)
class Machine:
    """The embedded server of a folder."""

    folder: Path
    conninfo: str

    def kill(self) -> None:
        """As a power cut would, as far as its processes go; the others notice by themselves."""
        pid = embedded_postgres.postmaster_pid(self.folder)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        embedded_postgres.restart(self.folder)


@contextmanager
def own_machine(folder: Path) -> Iterator[Machine]:
    with embedded_postgres.running(folder) as conninfo:
        migrate(conninfo)
        yield Machine(folder, conninfo)
