"""The embedded PostgreSQL: shared, stopped by the last one, and there again after any end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.local import embedded_postgres, postgres_account
from infra.local.embedded_postgres import EmbeddedError

ROOT = Path(__file__).parents[2]

USER = """
import sys
from pathlib import Path
from infra.local.embedded_postgres import running
with running(Path(sys.argv[1])):
    print("running", flush=True)
    sys.stdin.read()
"""


def start_user(folder: Path) -> subprocess.Popen[str]:
    """Another process that uses the folder's server until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def await_running(user: subprocess.Popen[str]) -> None:
    assert user.stdout is not None
    assert user.stdout.readline() == "running\n"


@contextmanager
def another_user(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with start_user(folder) as process:
        await_running(process)
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Close its input, which it waits for, and wait in turn."""
    if process.returncode is None:
        process.communicate(timeout=30)


def postmaster(folder: Path) -> int:
    pid = embedded_postgres.postmaster_pid(folder)
    assert pid is not None
    return pid


def remember(conninfo: str, *facts: int) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS facts (fact int)")
        for fact in facts:
            connection.execute("INSERT INTO facts VALUES (%s)", [fact])


def remembered(conninfo: str) -> list[int]:
    with psycopg.connect(conninfo) as connection:
        return [row[0] for row in connection.execute("SELECT fact FROM facts ORDER BY fact")]


def kill_postmaster(folder: Path) -> None:
    os.kill(postmaster(folder), signal.SIGKILL)


def test_an_ordinary_conninfo_is_left_alone(tmp_path: Path) -> None:
    with embedded_postgres.database("postgresql://db/ordinal", tmp_path) as conninfo:
        assert conninfo == "postgresql://db/ordinal"
    assert list(tmp_path.iterdir()) == []


def test_a_named_folder_is_relative_to_the_project(tmp_path: Path) -> None:
    assert (
        embedded_postgres.embedded_folder("embedded:here/pg", tmp_path) == tmp_path / "here" / "pg"
    )
    assert embedded_postgres.embedded_folder(f"embedded:{tmp_path}", ROOT) == tmp_path
    assert embedded_postgres.embedded_folder("host=localhost dbname=embedded", tmp_path) is None


def test_a_folder_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="embedded:FOLDER"):
        embedded_postgres.embedded_folder("embedded:", tmp_path)


def test_the_default_folder_lies_in_an_open_project(public_folder: Path) -> None:
    folder = embedded_postgres.embedded_folder("embedded", public_folder)
    assert folder == public_folder / ".data" / "postgres"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the server of root has a user of its own")
def test_the_default_folder_of_root_lies_outside_a_private_project(public_folder: Path) -> None:
    private = public_folder / "home"
    private.mkdir(mode=0o700)
    folder = embedded_postgres.embedded_folder("embedded", private)
    assert folder == embedded_postgres.embedded_folder("embedded", private)
    assert folder is not None
    assert postgres_account.open_to_others(folder)
    assert not folder.is_relative_to(private)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the server of root has a user of its own")
def test_a_private_folder_is_refused_and_stays_private(public_folder: Path) -> None:
    private = public_folder / "home"
    private.mkdir(mode=0o700)
    with (
        pytest.raises(EmbeddedError, match="private folder"),
        embedded_postgres.running(private / "pg"),
    ):
        pass
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_refused(public_folder: Path) -> None:
    file = public_folder / "file"
    file.touch()
    with pytest.raises(EmbeddedError, match="can't live"), embedded_postgres.running(file / "pg"):
        pass


def test_the_server_commits_durably_and_listens_on_no_network(postgres_server: str) -> None:
    with psycopg.connect(postgres_server) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        settings = [connection.execute(f"SHOW {name}").fetchone() for name in names]
    assert settings == [("on",), ("on",), ("on",), ("",)]


def test_two_processes_share_the_server_and_the_last_one_stops_it(public_folder: Path) -> None:
    with another_user(public_folder) as first:
        server = postmaster(public_folder)
        with embedded_postgres.running(public_folder) as conninfo:
            assert postmaster(public_folder) == server
            end(first)
            remember(conninfo, 1)
            assert postmaster(public_folder) == server
        assert embedded_postgres.postmaster_pid(public_folder) is None
    with embedded_postgres.running(public_folder) as conninfo:
        assert remembered(conninfo) == [1]


def test_processes_that_start_and_end_at_once_share_one_server(public_folder: Path) -> None:
    with ExitStack() as together:
        users = [together.enter_context(start_user(public_folder)) for _ in range(4)]
        for user in users:
            await_running(user)
        assert len(servers_on(public_folder)) == 1
        for user in users:
            assert user.stdin is not None
            user.stdin.close()
    assert [user.returncode for user in users] == [0, 0, 0, 0]
    assert servers_on(public_folder) == []


def servers_on(folder: Path) -> list[str]:
    data = str(folder / "server" / "data")
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [command[0] for command in commands if data in command]


def test_a_killed_process_leaves_its_server_to_the_next_one(public_folder: Path) -> None:
    with another_user(public_folder) as process:
        server = postmaster(public_folder)
        process.kill()
        end(process)
        assert postmaster(public_folder) == server
    with embedded_postgres.running(public_folder):
        assert postmaster(public_folder) == server
    assert embedded_postgres.postmaster_pid(public_folder) is None


def test_a_killed_server_comes_back_with_all_that_was_committed(public_folder: Path) -> None:
    with embedded_postgres.running(public_folder) as conninfo:
        for fact in range(3):
            remember(conninfo, fact)
            kill_postmaster(public_folder)
            with embedded_postgres.running(public_folder):
                assert remembered(conninfo) == list(range(fact + 1))


def test_a_start_waits_for_the_processes_of_a_killed_server(public_folder: Path) -> None:
    with embedded_postgres.running(public_folder) as conninfo:
        remember(conninfo, 1)
        first = postmaster(public_folder)
        orphan = psutil.Process(first).children()[0]
        orphan.suspend()
        kill_postmaster(public_folder)
        with subprocess.Popen(["/bin/sh", "-c", f"sleep 0.5; kill -KILL {orphan.pid}"]):
            started = time.monotonic()
            embedded_postgres.restart(public_folder)
        assert time.monotonic() - started > 0.4
        assert postmaster(public_folder) != first
        assert remembered(conninfo) == [1]


def test_a_pid_file_that_names_another_process_is_no_server(public_folder: Path) -> None:
    with embedded_postgres.running(public_folder) as conninfo:
        remember(conninfo, 1)
        pid_file = public_folder / "server" / "data" / "postmaster.pid"
        kept = pid_file.read_text().splitlines()
        owner = pid_file.stat()
    with stranger(owner.st_uid, owner.st_gid) as process:
        pid_file.write_text("\n".join([str(process.pid), *kept[1:]]))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert embedded_postgres.postmaster_pid(public_folder) is None
        with embedded_postgres.running(public_folder) as conninfo:
            assert remembered(conninfo) == [1]
        assert process.poll() is None


@contextmanager
def stranger(uid: int, gid: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user, to which PostgreSQL itself would leave the field."""
    root = os.geteuid() == 0
    user, group = (uid, gid) if root else (None, None)
    with subprocess.Popen(["sleep", "60"], user=user, group=group) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_copy_taken_while_the_server_ran_is_refused(public_folder: Path) -> None:
    original, copy = public_folder / "original", public_folder / "copy"
    with embedded_postgres.running(original) as conninfo:
        remember(conninfo, 1)
        copy_with_owners(original, copy)
        with (
            pytest.raises(EmbeddedError, match="copy of another database"),
            embedded_postgres.running(copy),
        ):
            pass
        assert remembered(conninfo) == [1]
    assert embedded_postgres.postmaster_pid(copy) is None


def test_a_copy_that_is_declared_good_and_a_moved_folder_are_used(public_folder: Path) -> None:
    original, copy, moved = (public_folder / name for name in ("original", "copy", "moved"))
    with embedded_postgres.running(original) as conninfo:
        remember(conninfo, 1)
    copy_with_owners(original, copy)
    (copy / "server" / "data" / "ordinal-identity").unlink()
    original.rename(moved)
    for folder in (copy, moved):
        with embedded_postgres.running(folder) as conninfo:
            assert remembered(conninfo) == [1]


def copy_with_owners(source: Path, target: Path) -> None:
    def ignore_sockets(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder, name).is_socket()]

    shutil.copytree(source, target, ignore=ignore_sockets)
    for path in [source, *source.rglob("*")]:
        twin = target / path.relative_to(source)
        if twin.exists():
            os.chown(twin, path.stat().st_uid, path.stat().st_gid)


def test_a_folder_with_a_long_name_works(public_folder: Path) -> None:
    folder = public_folder / ("long" * 30) / "a, comma"
    with embedded_postgres.running(folder) as conninfo:
        remember(conninfo, 1)
        assert remembered(conninfo) == [1]
        sockets = Path(str(conninfo_to_dict(conninfo)["host"]))
    assert not sockets.exists()


def test_a_stopped_server_is_started_by_the_next_one(public_folder: Path) -> None:
    with embedded_postgres.running(public_folder) as conninfo:
        remember(conninfo, 1)
        embedded_postgres.stop(public_folder)
        with pytest.raises(psycopg.OperationalError):
            remembered(conninfo)
        with embedded_postgres.running(public_folder):
            assert remembered(conninfo) == [1]


def test_an_interrupted_first_start_is_begun_anew(public_folder: Path) -> None:
    leftover = public_folder / "server" / "data.new"
    with embedded_postgres.running(public_folder):
        pass
    (public_folder / "server" / "data").rename(leftover)
    (leftover / "PG_VERSION").unlink()
    with embedded_postgres.running(public_folder) as conninfo:
        remember(conninfo, 1)
    assert not leftover.exists()


def test_a_server_that_cannot_start_tells_its_last_words(public_folder: Path) -> None:
    with embedded_postgres.running(public_folder):
        pass
    (public_folder / "server" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedError, match="pg_control"), embedded_postgres.running(public_folder):
        pass
    assert embedded_postgres.postmaster_pid(public_folder) is None
