"""A real PostgreSQL in a folder, shared by every process that works there.

Whoever starts or stops the server holds the folder's gate; whoever uses the server shares its
lock of users; the last one out gets that lock alone, and stops the server. The kernel releases
both however a process ends, so a killed one leaves nothing to clean up but, at most, a running
server, which the next one adopts. A server that ends under its users' feet is brought back by one
of them.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
import structlog

from infra.local.postgres_account import (
    PUBLIC_FOLDER,
    EmbeddedError,
    account_for,
    make_folder,
    open_to_others,
    programs,
)
from infra.local.postgres_server import START_LIMIT, STOP_LIMIT, PostgresServer

__all__ = [
    "EmbeddedError",
    "database",
    "embedded_folder",
    "kept_running",
    "postmaster_pid",
    "restart",
    "running",
    "stop",
]

KEYWORD = "embedded"
# Seconds between two looks at the server, longer where it does not come back.
CHECK_INTERVAL = 0.5
LONGEST_PAUSE = 8.0

# Seconds: somebody else may be stopping the server, and then a third one starting it.
GATE_LIMIT = START_LIMIT + STOP_LIMIT + 10.0

log = structlog.get_logger("postgres")


@contextmanager
def database(url: str, root: Path) -> Iterator[str]:
    """The conninfo to connect with: `url` itself, or that of the embedded server it names."""
    folder = embedded_folder(url, root)
    if folder is None:
        yield url
        return
    with running(folder) as conninfo:
        yield conninfo


def embedded_folder(url: str, root: Path) -> Path | None:
    """The folder that `embedded` or `embedded:FOLDER` means for the project at `root`."""
    if url == KEYWORD:
        return _default_folder(root.resolve())
    if not url.startswith(f"{KEYWORD}:"):
        return None
    name = url.removeprefix(f"{KEYWORD}:")
    if not name:
        raise EmbeddedError("embedded: lacks its folder; say embedded or embedded:FOLDER.")
    return (root / Path(name).expanduser()).resolve()


def psql(url: str, root: Path) -> str:
    """The command to type for psql: the embedded server brings its own."""
    folder = embedded_folder(url, root)
    if folder is None:
        return "psql"
    return str(programs(account_for(folder / "server")) / "psql")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The conninfo of the folder's server, which runs as long as anybody is in such a block."""
    server = PostgresServer(folder.resolve())
    with _among_users(server):
        with _gate(server.folder):
            server.ensure_running()
        yield server.conninfo()


@contextmanager
def kept_running(url: str, root: Path) -> Iterator[None]:
    """Bring an embedded server back whenever it ends, until the block does."""
    folder = embedded_folder(url, root)
    if folder is None:
        yield
        return
    over = threading.Event()
    server = PostgresServer(folder.resolve())
    keeper = threading.Thread(target=_keep, args=(server, over), name="postgres", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(server: PostgresServer, over: threading.Event) -> None:
    pause = CHECK_INTERVAL
    while not over.wait(pause):
        pause = CHECK_INTERVAL if _alive_again(server) else min(2 * pause, LONGEST_PAUSE)


def _alive_again(server: PostgresServer) -> bool:
    if server.alive():
        return True
    log.error("postgres_ended", folder=str(server.folder))
    try:
        with _gate(server.folder):
            server.ensure_running()
    except (EmbeddedError, OSError, psycopg.Error) as error:
        log.error("postgres_not_back", error=str(error))
        return False
    log.info("postgres_back")
    return True


def stop(folder: Path) -> None:
    """Stop the server under everybody's feet; `restart` or the next `running` brings it back."""
    server = PostgresServer(folder.resolve())
    with _gate(server.folder):
        server.stop()


def restart(folder: Path) -> None:
    """Stop the server if it is alive, and return when it answers again."""
    server = PostgresServer(folder.resolve())
    with _gate(server.folder):
        server.stop()
        server.ensure_running()


def postmaster_pid(folder: Path) -> int | None:
    """The process to aim a signal at, None when no server runs."""
    return PostgresServer(folder.resolve()).pid()


def _default_folder(root: Path) -> Path:
    own = root / ".data" / "postgres"
    if os.geteuid() != 0 or own.exists() or open_to_others(root):
        return own
    # The server of root has a user of its own, who can't enter a private folder.
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return PUBLIC_FOLDER / f"{root.name}-{digest}"


@contextmanager
def _among_users(server: PostgresServer) -> Iterator[None]:
    with _lock_file(server.folder, "users.lock") as users:
        # A forked process is a user of its own, or none: our share must not live on in it.
        os.register_at_fork(after_in_child=users.close)
        with _gate(server.folder):
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _gate(server.folder):
                if _taken(users):
                    server.stop()


@contextmanager
def _gate(folder: Path) -> Iterator[None]:
    deadline = time.monotonic() + GATE_LIMIT
    with _lock_file(folder, "gate.lock") as gate:
        while not _taken(gate):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Another process has been starting or stopping the server in {folder} "
                    f"for {GATE_LIMIT:.0f} s."
                )
            time.sleep(0.01)
        yield


def _lock_file(folder: Path, name: str) -> IO[str]:
    try:
        make_folder(folder, 0o755 if os.geteuid() == 0 else 0o700)
        return (folder / name).open("a")
    except OSError as error:
        raise EmbeddedError(f"The database can't live in {folder}: {error}.") from error


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
