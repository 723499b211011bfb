"""A clock that was wrong for a while: what it may do to the log, and the way back."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from infra.ops.status import problems, status
from infra.store.clock_epochs import ClockNotAccepted, accept_clock, system_clock
from infra.store.envelope import envelope
from infra.store.event_log import StoredRow
from infra.store.time_travel import position_at
from infra.write_path.group_commit import ClockAhead
from tests.faults.teeth import breaches
from tests.infra.shop import Mark, accepted, ask, do, log_of, writing
from tests.infra.wrong_clock import set_clock_ahead

TEN_YEARS = timedelta(days=3_652, hours=1)
RIGHT = timedelta(0)


def times(rows: list[StoredRow]) -> list[datetime]:
    return [envelope(row.state).recorded_at for row in rows]


def recorded(conninfo: str) -> list[datetime]:
    return times(list(log_of(conninfo)))


def date_ahead(conninfo: str, events: int = 1) -> None:
    """As one machine does that has both the database and the process, and a wrong clock."""
    set_clock_ahead(conninfo, TEN_YEARS)
    with writing(conninfo, clock=lambda: datetime.now(UTC) + TEN_YEARS) as writer:
        for _ in range(events):
            do(writer, Mark())
    set_clock_ahead(conninfo, RIGHT)


def accept(conninfo: str) -> int:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return accept_clock(conn).after


# -- a database whose clock is ahead


def test_a_batch_of_a_clock_that_is_ahead_is_refused_and_writes_nothing(
    ordinal_database: str,
) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    set_clock_ahead(ordinal_database, TEN_YEARS)
    with writing(ordinal_database) as writer:
        asked = [ask(Mark(), 1), ask(Mark(), 2)]
        with pytest.raises(ClockAhead, match="clock is 3652 days"):
            writer.write(asked)
        assert [each.outcome for each in asked] == [None, None]
        assert len(log_of(ordinal_database)) == 1
        set_clock_ahead(ordinal_database, RIGHT)
        writer.write(asked)
        assert not any(accepted(each).replayed for each in asked)
    assert abs(recorded(ordinal_database)[-1] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(("minutes", "taken"), [(4, True), (6, False), (-600, True)])
def test_a_few_minutes_are_no_wrong_clock(ordinal_database: str, minutes: int, taken: bool) -> None:
    set_clock_ahead(ordinal_database, timedelta(minutes=minutes))
    with writing(ordinal_database) as writer:
        asked = ask(Mark())
        if taken:
            writer.write([asked])
            accepted(asked)
        else:
            with pytest.raises(ClockAhead):
                writer.write([asked])


def test_status_says_that_the_database_is_ahead(ordinal_database: str) -> None:
    set_clock_ahead(ordinal_database, TEN_YEARS)
    (problem,) = problems(status(ordinal_database, []))
    assert "the database's clock is 3652 days" in problem


# -- a log that is dated ahead


def test_until_the_clock_is_accepted_later_events_are_dated_ahead_and_status_says_so(
    ordinal_database: str,
) -> None:
    date_ahead(ordinal_database)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    first, second = recorded(ordinal_database)
    assert first == second > datetime.now(UTC) + timedelta(days=3_000)
    (problem,) = problems(status(ordinal_database, []))
    assert "ordinal store accept-clock" in problem


def test_behind_an_accepted_clock_the_log_has_the_right_time_again(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        date_ahead(ordinal_database)
        # It has seen the wrong time, and goes on under the new epoch without a restart.
        do(writer, Mark())
        assert accept(ordinal_database) == 3
        do(writer, Mark())
    with writing(ordinal_database) as another:
        do(another, Mark())
    found = recorded(ordinal_database)
    assert found[3] < datetime.now(UTC) < found[2]
    assert found[0] < found[3] < found[4]
    assert problems(status(ordinal_database, [])) == []
    assert breaches(ordinal_database, []) == set()


def test_a_question_by_time_is_answered_epoch_by_epoch(ordinal_database: str) -> None:
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        do(writer, Mark())
    date_ahead(ordinal_database, events=2)
    accept(ordinal_database)
    between = datetime.now(UTC)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    date_ahead(ordinal_database)
    accept(ordinal_database)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
        do(writer, Mark())
    found = recorded(ordinal_database)
    moments = [found[0], found[1], between, found[4], found[6], found[7], found[3]]
    early = found[0] - timedelta(seconds=1)
    with psycopg.connect(ordinal_database) as conn:
        assert position_at(conn, early) == 0
        assert [position_at(conn, each) for each in moments] == [1, 2, 2, 5, 7, 8, 8]


def test_a_time_that_goes_back_elsewhere_is_a_breach(ordinal_database: str) -> None:
    date_ahead(ordinal_database)
    accept(ordinal_database)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    assert breaches(ordinal_database, []) == set()
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        conn.execute("DELETE FROM ordinal.clock_epochs")
    assert breaches(ordinal_database, []) == {"I3"}


# -- what is not accepted


def test_a_log_that_is_not_ahead_needs_no_epoch(ordinal_database: str) -> None:
    with pytest.raises(ClockNotAccepted, match="is not ahead"):
        accept(ordinal_database)
    with writing(ordinal_database) as writer:
        do(writer, Mark())
    with pytest.raises(ClockNotAccepted, match="is not ahead"):
        accept(ordinal_database)


def test_an_epoch_begins_once(ordinal_database: str) -> None:
    date_ahead(ordinal_database)
    accept(ordinal_database)
    with pytest.raises(ClockNotAccepted, match="is not ahead"):
        accept(ordinal_database)


@pytest.mark.parametrize("wrong", [TEN_YEARS, -TEN_YEARS])
def test_a_clock_that_is_wrong_now_is_not_accepted(ordinal_database: str, wrong: timedelta) -> None:
    date_ahead(ordinal_database)
    set_clock_ahead(ordinal_database, wrong)
    with pytest.raises(ClockNotAccepted, match="put the wrong one right"):
        accept(ordinal_database)


@pytest.mark.parametrize("role", ["ordinal_writer", "ordinal_projector"])
def test_only_the_owner_begins_an_epoch(ordinal_database: str, role: str) -> None:
    date_ahead(ordinal_database)
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        conn.execute(f"SET ROLE {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            accept_clock(conn)


def test_the_clock_is_in_utc() -> None:
    assert system_clock().tzinfo is UTC
