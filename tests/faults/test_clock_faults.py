"""Clocks that were wrong by hours: order comes from positions, and time never goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.system import SKU, System
from tests.faults.teeth import unguarded
from tests.infra.shop import LOCATION

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

ITEM = {"location": LOCATION, "sku": SKU}


def jump(system: System, hours: int) -> None:
    """Let the last event have been recorded by a clock that was so much ahead, or behind."""
    with unguarded(system.conninfo) as conn:
        conn.execute(
            "UPDATE ordinal.stored_events SET state = convert_to(replace(convert_from(state,"
            " 'UTF8'), data ->> 'recorded_at', to_char((data ->> 'recorded_at')::timestamptz"
            " AT TIME ZONE 'UTC' + make_interval(hours => %s), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"
            ")), 'UTF8') FROM (SELECT notification_id AS last, convert_from(state, 'UTF8')::json"
            " AS data FROM ordinal.stored_events ORDER BY notification_id DESC LIMIT 1) AS newest"
            " WHERE notification_id = last",
            (hours,),
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
    jump(system, hours)
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


def test_teeth_a_time_that_went_back_would_be_seen(system: System) -> None:
    system.open_shop(units=100)
    system.fill(5)
    assert moments(system) == sorted(moments(system))
    jump(system, -2)
    assert moments(system) != sorted(moments(system))
