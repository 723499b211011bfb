"""Clocks that were wrong by hours: order comes from positions, and time never goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.system import SKU, System, order_body
from tests.faults.teeth import breaches, unguarded
from tests.infra.shop import LOCATION
from tests.infra.wrong_clock import set_clock_ahead

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

ITEM = {"location": LOCATION, "sku": SKU}


def jump(system: System, hours: int, *, since: int | None = None) -> None:
    """Let the last event, or all from a position on, have been recorded by a clock that was so
    much ahead, or behind.
    """
    with unguarded(system.conninfo) as conn:
        conn.execute(
            "UPDATE ordinal.stored_events SET state = convert_to(replace(convert_from(state,"
            " 'UTF8'), data ->> 'recorded_at', to_char((data ->> 'recorded_at')::timestamptz"
            " AT TIME ZONE 'UTC' + make_interval(hours => %s), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"
            ")), 'UTF8') FROM (SELECT notification_id AS place, convert_from(state, 'UTF8')::json"
            " AS data FROM ordinal.stored_events) AS decoded"
            " WHERE notification_id = place AND place >= %s",
            (hours, system.head() if since is None else since),
        )


def moments(system: System) -> list[datetime]:
    """When each event was recorded, in the order of the log."""
    rows = system.rows(
        "SELECT (convert_from(state, 'UTF8')::json ->> 'recorded_at')::timestamptz"
        " FROM ordinal.stored_events ORDER BY notification_id"
    )
    return [at for (at,) in rows]


@pytest.mark.parametrize("hours", [2, -2])
def test_a_clock_that_jumps_by_two_hours_changes_no_order(system: System, hours: int) -> None:
    """Ahead: the clock was put right behind it. Behind: it had been slow up to it."""
    system.open_shop(units=100)
    system.fill(5)
    jump(system, hours, since=None if hours > 0 else 1)
    system.start("project")
    api = system.serve()
    for number in range(5):
        assert system.order(api, f"order-{number}").status == 201
    system.check()
    later = moments(system)[-5:]
    assert later == sorted(later)
    ahead = later[0] - datetime.now(UTC) > timedelta(hours=1)
    assert ahead == (hours > 0)


def test_a_reservation_ends_by_the_time_of_the_log_and_only_once(system: System) -> None:
    """The log stands two hours ahead when the reservation's hour is over."""
    system.open_shop(units=10)
    system.start("project")
    api = system.serve()
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    kept = {"owner": "ada", "quantity": 8, "reservation_id": "r-1", "expires_at": until}
    assert system.post(api, "/stock/reserve", ITEM | kept, key="keep").accepted
    assert system.order(api, "too-many", quantity=5).status == 409
    jump(system, 2)
    api.process.kill()
    api = system.serve()
    assert system.order(api, "fits", quantity=5).status == 201
    assert system.order(api, "no-longer", quantity=6).status == 409
    again = system.post(api, "/stock/reserve", ITEM | kept, key="again")
    assert again.status == 422
    assert b"expires_at" in again.body
    system.check()


def test_a_clock_ten_years_ahead_for_a_while_dates_nothing(system: System) -> None:
    """Of the database alone, while callers and intake go on asking."""
    system.open_shop(units=100)
    system.start("project")
    api = system.serve()
    assert system.order(api, "before").status == 201
    set_clock_ahead(system.conninfo, timedelta(days=3_652))
    other = system.serve()
    before = system.head()
    for number in range(3):
        answer = system.order(other, f"order-{number}")
        assert answer.status == 503
        assert b"clock-ahead" in answer.body
    assert system.head() == before
    set_clock_ahead(system.conninfo, timedelta(0))
    for number in range(3):
        key = f"order-{number}"
        assert system.insist([other], "/orders", order_body(key), key).status == 201
    assert moments(system)[-1] < datetime.now(UTC) + timedelta(minutes=1)
    system.check()


def test_teeth_a_batch_of_a_wrong_clock_dates_the_log(system: System) -> None:
    system.open_shop(units=100)
    set_clock_ahead(system.conninfo, timedelta(days=3_652))
    assert system.order(system.serve(without="look at the clock"), "ahead").status == 201
    assert moments(system)[-1] > datetime.now(UTC) + timedelta(days=3_000)


def test_teeth_a_time_that_went_back_would_be_seen(system: System) -> None:
    system.open_shop(units=100)
    system.fill(5)
    assert moments(system) == sorted(moments(system))
    assert not breaches(system.conninfo, [])
    jump(system, -2)
    assert moments(system) != sorted(moments(system))
    assert breaches(system.conninfo, []) == {"I3"}
