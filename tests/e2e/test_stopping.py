"""Being told to stop, once, twice, or over and over: everything ends, in good order and soon."""

import signal

import pytest

from tests.e2e.asking import await_ready
from tests.faults.processes import Process
from tests.faults.system import START_LIMIT, System
from tests.infra.running import eventually

PROMPT = 15.0
TIMES = 100


def pester(process: Process) -> int:
    """Ctrl-C reaches the children of a terminal's process as well, and so does its own SIGTERM."""
    for _ in range(TIMES):
        process.send(signal.SIGINT)
        process.send(signal.SIGTERM)
    return process.wait(PROMPT)


@pytest.mark.parametrize(
    ("verb", "sign"),
    [(("project",), "projector_state"), (("events", "--follow"), "StockItemRegistered")],
)
def test_whoever_is_told_often_ends_as_well(
    system: System, verb: tuple[str, ...], sign: str
) -> None:
    system.open_shop()
    processes = [system.start(*verb) for _ in range(5)]
    eventually(lambda: all(process.said(sign) for process in processes), START_LIMIT)
    assert [pester(process) for process in processes] == [0] * 5


def test_an_api_that_is_told_often_ends_in_good_order(system: System) -> None:
    system.start("project")
    api = system.serve()
    await_ready(system, api)
    assert pester(api.process) == 0
    assert "Traceback" not in api.process.log.read_text()
