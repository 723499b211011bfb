"""One PostgreSQL server in one folder: made, started, found alive, stopped."""

import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import socket
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from infra.local.postgres_account import Account, EmbeddedError, account_for, make_folder, programs

DATABASE = "ordinal"
SUPERUSER = "ordinal"
PORT = "5432"

# Seconds. A recovery replays at most `max_wal_size`; a stop writes out what is in memory.
START_LIMIT = 120.0
STOP_LIMIT = 60.0

# Bytes that the address of a Unix socket may have on every system that we run on.
SOCKET_PATH_LIMIT = 103
LOG_LIMIT = 16 * 1024 * 1024

SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # A rebuild writes 600 MB: with the usual 8, each page waits for one to be written on its own.
    "wal_buffers": "64MB",
    "wal_compression": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The server of a folder; who may start and stop it, and when, is the caller's to decide."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "server"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def conninfo(self, database: str = DATABASE) -> str:
        sockets = str(self._socket_folder())
        return make_conninfo(host=sockets, port=PORT, user=SUPERUSER, dbname=database)

    def ensure_running(self) -> None:
        """Return when the server answers, after a recovery too; start it when it is not alive."""
        account = self._prepare()
        deadline = time.monotonic() + START_LIMIT
        started = False
        while self._ping() != Ping.OK:
            if self.alive():
                self._check_time(deadline)
            elif started:
                raise self._failure("ended while it started")
            else:
                self._start(account)
                started = True
            time.sleep(0.02)
        self._ensure_database()

    def stop(self) -> None:
        """Return when no process of the server is left; what was committed is on disk."""
        for order, limit in ((signal.SIGINT, STOP_LIMIT), (signal.SIGQUIT, 10.0)):
            self._send(order)
            if self._gone_within(limit):
                self._drop_distant_sockets()
                return
        raise self._failure("does not stop")

    def alive(self) -> bool:
        """Whether any process of the server lives.

        They inherit a lock that the kernel releases with the last of them: unlike a pid in a
        file it can't be left behind by a killed server, nor be confused with another process.
        """
        with self._lock_file().open("a") as probe:
            try:
                fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def pid(self) -> int | None:
        """The process id of the postmaster, None when no server runs."""
        with suppress(FileNotFoundError):
            lines = self._pid_file().read_text().splitlines()
            if lines and self.alive():
                return int(lines[0])
        return None

    def _prepare(self) -> Account:
        account = account_for(self.home)
        self._own_folder(self.home, account)
        if not account.can_enter(self.home):
            raise EmbeddedError(
                f"{self.folder} lies in a private folder that the server's user may not enter; "
                "choose another folder (ORDINAL_DATABASE_URL=embedded:FOLDER) or an ordinary user."
            )
        if not self.data.exists():
            self._create(account)
        self._check_identity(account)
        self._own_folder(self._socket_folder(), account)
        return account

    def _own_folder(self, path: Path, account: Account) -> None:
        make_folder(path.parent, 0o755 if os.geteuid() == 0 else 0o700)
        if not path.exists():
            path.mkdir(0o700)
            os.chown(path, account.uid, account.gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
            raise EmbeddedError(f"{path} belongs to another user; Ordinal does not use it.")

    def _create(self, account: Account) -> None:
        # Made aside and renamed: an interrupted initdb never passes for a database.
        draft = self.data.with_name("data.new")
        if draft.exists():
            shutil.rmtree(draft)
        command = (programs(account) / "initdb", "--pgdata", draft, "--username", SUPERUSER)
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        done = account.run(*command, *locale, "--auth=trust", "--encoding=UTF8", folder=self.home)
        if done.returncode != 0:
            raise self._failure("could not be set up", done.stdout + done.stderr)
        _write_identity(draft, account)
        draft.rename(self.data)
        _sync_folder(self.home)

    def _check_identity(self, account: Account) -> None:
        file = self.data / "ordinal-identity"
        if not file.exists():
            _write_identity(self.data, account)
        if file.read_text() != _identity(self.data, file):
            raise EmbeddedError(
                f"{self.data} is a copy of another database. Taken while that one was running, it "
                "may lack what was committed; used beside it, both hand out the same positions. "
                f"If it is a good copy that takes the place of the original, remove {file}."
            )

    def _start(self, account: Account) -> None:
        self._refuse_stranger()
        self._forget_pids()
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))
        sockets = str(self._socket_folder()).replace('"', '""')
        settings = {**SETTINGS, "unix_socket_directories": f'"{sockets}"'}
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        command = (programs(account) / "pg_ctl", "start", "--no-wait", "--pgdata", self.data)
        with self._lock_file().open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = account.run(
                *command, "--log", self.log, "-o", options, folder=self.home, keep=[lock.fileno()]
            )
        if done.returncode != 0:
            raise self._failure("did not start", done.stderr)

    def _forget_pids(self) -> None:
        # PostgreSQL takes any process with a pid that it finds here for a server, zombies included.
        self._pid_file().unlink(missing_ok=True)
        for leftover in self._socket_folder().iterdir():
            leftover.unlink()

    def _drop_distant_sockets(self) -> None:
        sockets = self._socket_folder()
        if sockets.parent != self.home and sockets.exists():
            shutil.rmtree(sockets)

    def _refuse_stranger(self) -> None:
        """Raise when somebody else's server, one without our lock, runs on the data."""
        with suppress(FileNotFoundError):
            lines = [*self._pid_file().read_text().splitlines(), *[""] * 5]
            address = f"{lines[4]}/.s.PGSQL.{lines[3]}"
            if lines[1] == str(self.data) and lines[4] and _accepts(address):
                raise EmbeddedError(
                    f"A PostgreSQL that was started by hand (process {lines[0]}) runs on "
                    f"{self.data}; stop it first."
                )

    def _ensure_database(self) -> None:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _ping(self) -> Ping:
        conninfo = make_conninfo(self.conninfo("postgres"), connect_timeout=2)
        return Ping(PGconn.ping(conninfo.encode()))

    def _check_time(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise self._failure(f"does not answer after {START_LIMIT:.0f} s")

    def _send(self, order: signal.Signals) -> None:
        pid = self.pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, order)

    def _gone_within(self, limit: float) -> bool:
        deadline = time.monotonic() + limit
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _failure(self, what: str, output: str = "") -> EmbeddedError:
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        last = "\n".join((output or log).strip().splitlines()[-12:])
        reason = f"The embedded PostgreSQL in {self.folder} {what}"
        if "No space left on device" in last:
            reason += ": its disk is full. Free some space, then start again"
        return EmbeddedError(f"{reason}.\n{last}")

    def _lock_file(self) -> Path:
        return self.folder / "server.lock"

    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _socket_folder(self) -> Path:
        own = self.home / "socket"
        address = f"{own}/.s.PGSQL.{PORT}"
        # libpq reads a comma as the end of one host in a list of them.
        if len(os.fsencode(address)) <= SOCKET_PATH_LIMIT and "," not in address:
            return own
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path("/tmp", f"ordinal-{digest}")


def _identity(data: Path, file: Path) -> str:
    # Inodes stay with a folder that is renamed or moved, and are new in every copy.
    return f"{data.stat().st_ino} {file.stat().st_ino}\n"


def _write_identity(data: Path, account: Account) -> None:
    draft = data / "ordinal-identity.new"
    draft.touch()
    with draft.open("w") as file:
        file.write(_identity(data, draft))
        file.flush()
        os.fsync(file.fileno())
    os.chown(draft, account.uid, account.gid)
    draft.rename(data / "ordinal-identity")
    _sync_folder(data)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _accepts(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
