"""Another log than the one that others have seen: a restored backup, a standby that lagged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.kafka.index_topic import last_index_record
from infra.local.postgres_account import Account, account_for, programs
from tests.faults.conftest import own_folder
from tests.faults.machine import Machine
from tests.faults.processes import Makers, Process
from tests.faults.system import System
from tests.infra.relaying import settings_for
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture
def restorable(
    nursery: Makers, run_folder: Path, ordinal_database: str, kafka: str, topic_prefix: str
) -> Iterator[System]:
    """Unwatched: what goes back with a backup goes back."""
    folder = own_folder(run_folder, topic_prefix)
    system = System(nursery, folder, ordinal_database, settings_for(kafka, topic_prefix))
    yield system
    system.stop()


def copy_database(system: System, source: str, target: str) -> None:
    """An equal database of this moment in the place of another one."""
    with psycopg.connect(system.conninfo, dbname="postgres", autocommit=True) as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)'.encode())
        conn.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"'.encode())


@contextmanager
def restored(system: System) -> Iterator[None]:
    """Whatever happens in the block is lost to the log, while Kafka keeps it."""
    name = str(conninfo_to_dict(system.conninfo)["dbname"])
    backup = f"{name}_backup"
    copy_database(system, name, backup)
    yield
    for process in system.processes:
        process.stop()
    copy_database(system, backup, name)
    with psycopg.connect(system.conninfo, dbname="postgres", autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{backup}"'.encode())


def published_up_to(system: System) -> int:
    record = last_index_record(system.kafka)
    return record.to if record else 0


def relay_and_project(system: System, position: int) -> None:
    system.start("relay")
    system.start("project")
    eventually(lambda: published_up_to(system) == position, 30)
    eventually(lambda: not any(system.lag().values()), 30)


def assert_halted(system: System) -> None:
    """Relay and read models refuse to go on, and nothing is published meanwhile."""
    before = published_up_to(system)
    relay, projector = system.start("relay"), system.start("project")
    assert relay.wait() != 0
    assert relay.said("RelayHalted")
    eventually(lambda: projector.said('"projector_halted"', times=4), 40)
    assert published_up_to(system) == before
    projector.stop()


def test_a_restored_backup_halts_everybody_until_it_is_accepted(restorable: System) -> None:
    system = restorable
    system.open_shop(units=10_000)
    system.fill(10)
    with restored(system):
        lost = system.fill(20, "lost")
        relay_and_project(system, lost)
    assert_halted(system)
    assert system.findings(0).of["I3"].breaches
    assert system.start("store", "accept-restore").wait() == 0
    system.fill(30, "after")
    assert min(position for (position,) in positions_of(system, "after")) > lost
    system.start("relay")
    system.start("project")
    system.check(60)


def positions_of(system: System, name: str) -> list[tuple[int]]:
    return system.rows(
        "SELECT notification_id FROM ordinal.stored_events WHERE originator_id LIKE %s",
        f"order-{name}-%",
    )


def test_other_events_at_positions_that_were_published_halt_everybody(restorable: System) -> None:
    """As after a failover to a standby that lagged, with customers who were faster than we."""
    system = restorable
    system.open_shop(units=10_000)
    system.fill(10)
    with restored(system):
        relay_and_project(system, system.fill(20, "lost"))
    system.fill(60, "other")
    assert_halted(system)
    assert {"I3", "I9"} <= {f.invariant for f in system.findings(0).of.values() if f.breaches}


@dataclass(slots=True)
class Standby:
    """A second server that follows the first."""

    conninfo: str
    data: Path
    account: Account

    def run(self, program: str, *arguments: str) -> None:
        done = self.account.run(
            programs(self.account) / program, *arguments, folder=self.data.parent
        )
        assert done.returncode == 0, done.stderr

    def promote(self) -> None:
        self.run("pg_ctl", "promote", "--wait", f"--pgdata={self.data}")


@pytest.fixture
def standby(machine: Machine) -> Iterator[Standby]:
    home = machine.folder / "server"
    account = account_for(home)
    sockets = home / "standby"
    conninfo = make_conninfo(machine.conninfo, host=str(sockets))
    made = Standby(conninfo, home / "standby-data", account)
    source = make_conninfo(machine.conninfo, dbname=None)
    made.run("pg_basebackup", f"--dbname={source}", f"--pgdata={made.data}", "-R", "-c", "fast")
    account.run("/bin/mkdir", str(sockets), folder=home)
    options = f"--unix_socket_directories={sockets} --listen_addresses= --max_connections=200"
    made.run(
        "pg_ctl", "start", "--wait", f"--pgdata={made.data}", f"--options={options}",
        f"--log={home / 'standby.log'}",
    )  # fmt: skip
    yield made
    made.run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={made.data}")


@pytest.fixture
def followed(
    nursery: Makers, public_folder: Path, machine: Machine, standby: Standby, kafka: str,
    topic_prefix: str,
) -> Iterator[System]:  # fmt: skip
    """A system whose first orders the standby has as well."""
    system = System(nursery, public_folder, machine.conninfo, settings_for(kafka, topic_prefix))
    try:
        system.open_shop(units=10_000)
        head = system.fill(10)
        eventually(lambda: head_at(standby.conninfo) == head, 30)
        yield system
    finally:
        system.stop()


def test_a_standby_is_refused_and_a_lagging_one_halts_when_it_is_promoted(
    followed: System, machine: Machine, standby: Standby
) -> None:
    head = followed.head()
    assert_refused(followed.start("relay", database_url=standby.conninfo))
    freeze(standby)
    lost = followed.fill(20, "lost")
    relay_and_project(followed, lost)
    machine.kill()
    standby.promote()
    for process in followed.processes:
        process.stop()
    followed.conninfo = standby.conninfo
    assert head_at(standby.conninfo) == head
    assert_halted(followed)
    assert followed.start("store", "accept-restore").wait() == 0
    followed.start("relay")
    followed.start("project")
    followed.fill(5, "after")
    followed.check(60)


def assert_refused(relay: Process, seconds: float = 30) -> None:
    assert relay.wait(seconds) != 0
    assert relay.said("standby")


def test_teeth_a_relay_that_does_not_look_would_publish_from_a_standby(
    followed: System, standby: Standby
) -> None:
    relay = followed.start("relay", database_url=standby.conninfo, without="look at the store")
    eventually(lambda: published_up_to(followed) == followed.head(), 30)
    with pytest.raises(AssertionError, match="did not end"):
        assert_refused(relay, 1)
    freeze(standby)
    followed.fill(5, "missed")
    assert {"I9"} == {f.invariant for f in followed.findings(2).of.values() if f.breaches}


def freeze(standby: Standby) -> None:
    """From now on it lags."""
    with psycopg.connect(standby.conninfo, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET primary_conninfo = ''")
        conn.execute("SELECT pg_reload_conf()")
        eventually(
            lambda: conn.execute("SELECT 1 FROM pg_stat_wal_receiver").fetchone() is None, 30
        )


def head_at(conninfo: str) -> int:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute("SELECT max(notification_id) FROM ordinal.stored_events").fetchone()
    return int(row[0]) if row and row[0] else 0
