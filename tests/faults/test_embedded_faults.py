"""The embedded PostgreSQL under several processes: shared, killed, copied."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from infra.local import embedded_postgres
from tests.faults.http import Lost, free_port
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.machine import own_machine
from tests.faults.processes import Makers
from tests.faults.system import (
    CALLER,
    SKU,
    Api,
    System,
    await_health,
    order_body,
    system_over,
)
from tests.faults.teeth import breaches
from tests.infra.running import eventually
from tests.infra.shop import open_shop, writing

# Seconds; a recovery of a busy day takes longer.
BACK_WITHIN = 15.0

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]


@pytest.mark.slow
def test_processes_share_one_server_and_outlive_each_other(
    nursery: Makers, public_folder: Path
) -> None:
    folder = public_folder / "postgres"
    with (
        own_machine(folder) as machine,
        system_over(nursery, public_folder, machine.conninfo) as system,
    ):
        system.open_shop(*SKUS, units=UNITS)
        shared = f"embedded:{folder}"
        first, second = system.serve(database_url=shared), system.serve(database_url=shared)
        projector = system.start("project", database_url=shared)
        with Load(system, [first, second]) as load:
            load.go_on(2)
            first.process.kill()
            load.go_on(1)
            machine.kill()
            started = system.start("project", database_url=shared)
            load.go_on(3)
        assert projector.alive
        assert started.alive
        system.check(60)
        head = system.head()
    assert embedded_postgres.postmaster_pid(folder) is None
    with embedded_postgres.running(folder) as conninfo:
        assert breaches(conninfo) == set()
        assert System(nursery, public_folder, conninfo).head() == head


def test_a_server_that_was_killed_comes_back_under_those_who_use_it(
    nursery: Makers, public_folder: Path
) -> None:
    folder = public_folder / "postgres"
    with (
        own_machine(folder) as machine,
        system_over(nursery, public_folder, machine.conninfo) as system,
    ):
        system.open_shop(units=100)
        port = free_port()
        api = Api(system.start("up", database_url=f"embedded:{folder}", http_port=port), port)
        await_health(api.process, port)
        for number in range(2):
            assert system.insist([api], "/orders", order_body(f"{number}"), f"{number}").accepted
            killed = embedded_postgres.postmaster_pid(folder)
            machine.kill()
            eventually(another_than(folder, killed), BACK_WITHIN)
            key = f"after-{number}"
            assert system.insist([api], "/orders", order_body(key), key, BACK_WITHIN).accepted
        system.check(60)
        assert api.process.stop() == 0


def another_than(folder: Path, killed: int | None) -> Callable[[], bool]:
    """Whether a server runs there that is not the killed one."""
    return lambda: embedded_postgres.postmaster_pid(folder) not in (None, killed)


def test_a_copy_taken_while_it_ran_is_refused(nursery: Makers, public_folder: Path) -> None:
    folder, copy = public_folder / "postgres", public_folder / "copy"
    with (
        own_machine(folder) as machine,
        system_over(nursery, public_folder, machine.conninfo) as system,
    ):
        system.open_shop(units=100)
        system.fill(5)
        subprocess.run(["cp", "-a", folder, copy], check=True)
        process = system.start("project", database_url=f"embedded:{copy}")
        assert process.wait() != 0
        eventually(lambda: process.said("is a copy of another database"))
        system.start("project")
        system.check()


def test_teeth_a_copy_that_is_used_beside_its_original_is_seen(
    nursery: Makers, public_folder: Path
) -> None:
    """Without its mark it passes for a good one, and both give the same positions to others."""
    folder, copy = public_folder / "postgres", public_folder / "copy"
    with own_machine(folder) as machine, writing(machine.conninfo) as writer:
        open_shop(writer, [SKU], units=100)
    subprocess.run(["cp", "-a", folder, copy], check=True)
    (copy / "server" / "data" / "ordinal-identity").unlink()
    with (
        own_machine(folder) as machine,
        own_machine(copy) as beside,
        system_over(nursery, public_folder, machine.conninfo) as system,
        system_over(nursery, public_folder, beside.conninfo) as other,
    ):
        assert ordered(system, "one") == ordered(other, "other")
        assert system.findings(0).sound
        system.receipts.bodies |= other.receipts.bodies
        assert system.findings(0).of["I1"].breaches


def ordered(system: System, name: str) -> int:
    """The position of a first order."""
    system.key_of(CALLER, secret=system.secret)
    return int(system.order(system.serve(), name).json()["position"])


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of this size at the folder."""
    folder.mkdir()
    size = f"size={megabytes}m,mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("only root may mount a file system that can be filled")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(file: Path) -> None:
    """Leave not a byte to others."""
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4_096))


def orders_until_one_fails(system: System, api: Api) -> int:
    """What the first one hears that finds no room; a last segment of the log still has some."""
    with suppress(Lost):
        for number in range(20_000):
            answer = system.order(api, f"order-{number}")
            if not answer.accepted:
                return answer.status
    return 0


def test_a_full_disk_costs_no_committed_order_and_no_position_twice(
    nursery: Makers, public_folder: Path
) -> None:
    """Orders are refused while it is full, and server and API go on by themselves when there is
    room again.
    """
    disk = public_folder / "disk"
    with (
        small_disk(disk, 192),
        own_machine(disk / "postgres") as machine,
        system_over(nursery, public_folder, machine.conninfo) as system,
    ):
        system.open_shop(units=100_000)
        system.start("project")
        api = system.serve(database_url=f"embedded:{disk / 'postgres'}")
        assert system.order(api, "before").accepted
        before = system.head()
        fill(disk / "filler")
        assert orders_until_one_fails(system, api) == 503
        (disk / "filler").unlink()
        answer = system.insist([api], "/orders", order_body("after"), "after")
        assert answer.json()["position"] > before
        system.check(60)
