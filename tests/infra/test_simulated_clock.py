"""A store whose clock is moved by command: bus, timers and reactions go by it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from commands.stock import ReserveStock
from consumers.reactions import REACTIONS
from infra.ops.status import problems, status
from infra.postgres.connections import Connection
from infra.store.clock_epochs import ClockNotAccepted, accept_clock
from infra.store.envelope import envelope
from infra.store.simulated_clock import ClockNotMoved, move_clock, simulate, simulated_clock
from tests.faults.teeth import breaches
from tests.infra.reacting import await_reaction, reacting
from tests.infra.shop import LOCATION, SKU, Mark, do, log_of, open_shop, stock_of, writing

START = datetime(2031, 3, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def owner(ordinal_database: str) -> Iterator[Connection]:
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize("start", [START, datetime(2001, 1, 1, tzinfo=UTC)])
def test_events_have_the_time_of_the_store(
    ordinal_database: str, owner: Connection, start: datetime
) -> None:
    simulate(owner, start)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        do(writer, Mark())
        move_clock(owner, start + HOUR)
        do(writer, Mark())
    envelopes = [envelope(row.state) for row in log_of(ordinal_database)]
    wanted = [start, start, start + HOUR]
    assert [each.recorded_at for each in envelopes] == wanted
    assert [each.occurred_at for each in envelopes] == wanted
    assert breaches(ordinal_database, []) == set()


def test_timers_go_by_the_time_of_the_store(ordinal_database: str, owner: Connection) -> None:
    simulate(owner, START)
    with writing(ordinal_database) as writer:
        open_shop(writer, units=5)
        do(writer, ReserveStock(
            location=LOCATION, sku=SKU, owner="ada", quantity=2, reservation_id="r-1",
            expires_at=START + HOUR,
        ))  # fmt: skip
    with reacting(ordinal_database, REACTIONS["expirer"]):
        await_reaction(ordinal_database, "expirer")
        assert stock_of(ordinal_database).reservations
        move_clock(owner, START + 2 * HOUR)
        await_reaction(ordinal_database, "expirer", accepted=1)
    assert not stock_of(ordinal_database).reservations
    assert envelope(log_of(ordinal_database)[-1].state).recorded_at == START + 2 * HOUR


def test_only_an_empty_store_becomes_one(ordinal_database: str, owner: Connection) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    with pytest.raises(ClockNotMoved, match="only an empty store"):
        simulate(owner, START)
    with pytest.raises(ClockNotMoved, match="not simulated"):
        move_clock(owner, START)
    assert simulated_clock(owner) is None


def test_its_time_never_goes_back(owner: Connection) -> None:
    simulate(owner, START)
    with pytest.raises(ClockNotMoved, match="already"):
        simulate(owner, START)
    move_clock(owner, START)
    with pytest.raises(ClockNotMoved, match="2031-03-01 08:00:00 UTC there"):
        move_clock(owner, START - HOUR)
    assert simulated_clock(owner) == START


def test_status_says_so_and_sees_nothing_wrong(ordinal_database: str, owner: Connection) -> None:
    simulate(owner, START)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    found = status(ordinal_database, [])
    assert found.clock.simulated == START
    assert problems(found) == []
    with pytest.raises(ClockNotAccepted, match="simulated"):
        accept_clock(owner)


def test_only_the_owner_moves_it(owner: Connection) -> None:
    simulate(owner, START)
    owner.execute("SET ROLE ordinal_writer")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        move_clock(owner, START + HOUR)
