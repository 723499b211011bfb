"""The embedded PostgreSQL under several processes: shared, killed, copied."""

import subprocess
from pathlib import Path

import pytest

from infra import embedded
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.machine import own_machine
from tests.faults.processes import Makers
from tests.faults.system import System, system_over
from tests.faults.teeth import breaches
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(200)]


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
    assert embedded.postmaster_pid(folder) is None
    with embedded.running(folder) as conninfo:
        assert breaches(conninfo) == set()
        assert System(nursery, public_folder, conninfo).head() == head


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
