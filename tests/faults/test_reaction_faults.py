"""Reactions that are killed: what follows from an event is decided once, and never lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.location import ChangeLocation, CloseLocation
from commands.stock import ReserveStock
from domain.stock.events import StockReceived
from infra.store import codec
from tests.faults.system import System
from tests.infra.reacting import await_reaction, documents
from tests.infra.running import eventually
from tests.infra.shop import (
    LOCATION,
    SKU,
    STOCK,
    do,
    log_of,
    open_shop,
    order,
    receive,
    stock_of,
    writing,
)

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
POINTS = ("W1", "W2", "A1", "A2", "A3", "W3")
DELIVERIES = 30


@contextmanager
def echo(conninfo: str, *how: str, crash_at: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "ORDINAL_CRASH_AT": crash_at}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.echo_process", conninfo, *how],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def deliver(conninfo: str, first: int) -> None:
    """Half of them bring one command each, the others bring several."""
    with writing(conninfo) as writer:
        for number in range(first, first + DELIVERIES):
            receive(writer, 1, document="3" if number % 2 else "one")


def wanted(conninfo: str) -> list[str]:
    """The marks that follow from all deliveries."""
    found = []
    for row in log_of(conninfo):
        event = codec.event_of(row.state)
        if row.stream_id == STOCK and isinstance(event, StockReceived):
            count = 3 if event.document == "3" else 1
            found += [f"echo {row.position}/{n}" for n in range(count)]
    return sorted(found)


def killed_again_and_again(conninfo: str, points: tuple[str, ...], *how: str) -> None:
    with writing(conninfo) as writer:
        open_shop(writer)
    with echo(conninfo, *how):
        await_reaction(conninfo, "echo")
    for turn, point in enumerate(points):
        deliver(conninfo, turn * DELIVERIES)
        with echo(conninfo, *how, crash_at=f"{point}:2") as process:
            assert process.wait(40) == -signal.SIGKILL
    marks = len(wanted(conninfo))
    with echo(conninfo, *how) as process:
        for _ in range(100):
            if process.poll() is not None or len(documents(conninfo)) >= marks:
                break
            time.sleep(0.05)


@pytest.mark.timeout(200)
def test_a_killed_reaction_decides_everything_once(ordinal_database: str) -> None:
    killed_again_and_again(ordinal_database, POINTS)
    assert sorted(documents(ordinal_database)) == wanted(ordinal_database)


@pytest.mark.timeout(120)
def test_teeth_a_checkpoint_that_moves_apart_from_the_commands_loses_some(
    ordinal_database: str,
) -> None:
    killed_again_and_again(ordinal_database, ("APART",), "apart")
    found = documents(ordinal_database)
    assert set(found) < set(wanted(ordinal_database))


@pytest.mark.timeout(200)
def test_killed_reactions_of_the_house_keep_their_rules(system: System) -> None:
    """Lines wait where units are free, and reservations are over: at each point somebody dies."""
    system.open_shop(units=0, backorders=None)
    with writing(system.conninfo) as writer:
        for number in range(120):
            do(writer, order(f"o{number}", shortage="backorder"))
        do(writer, CloseLocation(location=LOCATION, reason="fire"))
        receive(writer, 400)
        do(writer, ChangeLocation(location=LOCATION, country="GB"))
        ends = datetime.now(UTC) + timedelta(seconds=4)
        for number in range(20):
            held = f"cart-{number}"
            reserved = ReserveStock(
                location=LOCATION, sku=SKU, owner=held, quantity=1, expires_at=ends
            )
            do(writer, reserved)
    for point in ("W2", "A2", "A3", "W3"):
        process = system.start("react", crash_at=point)
        assert process.wait(40) == -signal.SIGKILL
    system.start("react")
    eventually(lambda: (stock_of(system.conninfo).backordered, held_at(system)) == (0, 0), 30)
    system.start("project")
    system.check()


def held_at(system: System) -> int:
    return stock_of(system.conninfo).reserved
