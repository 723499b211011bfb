"""Reactions on a real PostgreSQL: what follows is done once, whatever comes in between."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from commands.location import ChangeLocation, CloseLocation, RegisterLocation
from commands.order import ConfirmOrder
from commands.policy import SetOrderPolicy
from commands.stock import (
    ReceiveStock,
    RegisterStockItem,
    ReserveStock,
    SetStockPolicy,
    SuspendStockItem,
)
from consumers.reaction import Deadline, FollowUps, Reaction, View
from consumers.reactions import REACTIONS
from domain.decider import Recorded
from domain.order.state import ORDER
from infra.postgres.connections import connect
from infra.reactions.runner import ROLE
from infra.reactions.switches import retry, switch
from infra.reactions.tasks import parked_tasks
from infra.store import codec
from infra.store.envelope import envelope
from infra.write_path.group_commit import Writer
from tests.infra.reacting import ECHO, MARKED, await_reaction, documents, reacting, switch_of
from tests.infra.running import eventually
from tests.infra.shop import (
    LOCATION,
    SKU,
    STOCK,
    Mark,
    check_log,
    do,
    log_of,
    open_shop,
    order,
    receive,
    state_of,
    stock_of,
    writing,
)

ALL = tuple(REACTIONS.values())


@pytest.fixture
def writer(ordinal_database: str) -> Iterator[Writer]:
    with writing(ordinal_database) as writer:
        yield writer


def test_what_follows_is_done_once_and_says_what_it_follows_from(
    writer: Writer, ordinal_database: str
) -> None:
    with reacting(ordinal_database, ECHO):
        await_reaction(ordinal_database, "echo")
        open_shop(writer, units=3)
        await_reaction(ordinal_database, "echo", accepted=1)
    rows = check_log(ordinal_database)
    cause = next(row for row in rows if row.type == "StockReceived")
    (marked,) = (envelope(row.state) for row in rows if row.stream_id == MARKED)
    assert marked.causation_id == envelope(cause.state).event_id
    assert marked.actor == "reaction echo"
    with reacting(ordinal_database, ECHO):
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=2)
    assert len(documents(ordinal_database)) == 2


def test_one_event_may_bring_more_than_a_portion(writer: Writer, ordinal_database: str) -> None:
    with reacting(ordinal_database, ECHO):
        await_reaction(ordinal_database, "echo")
        open_shop(writer)
        receive(writer, 1, document="90")
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=91)
    found = [int(document.split("/")[1]) for document in documents(ordinal_database)]
    assert sorted(found) == sorted([*range(90), 0])
    assert [each for each in found if each] == list(range(1, 90))


def instead(*commands: object) -> Reaction:
    """It asks for these after each delivery."""

    def asks(recorded: Recorded, view: View) -> FollowUps:
        return commands if recorded.stream_id == STOCK else []

    return replace(ECHO, react=asks, commands=tuple(type(each) for each in commands))


def test_a_refusal_is_an_answer(writer: Writer, ordinal_database: str) -> None:
    unknown = SuspendStockItem(location=LOCATION, sku="unknown", reason="x")
    with reacting(ordinal_database, instead(unknown)):
        await_reaction(ordinal_database, "echo")
        open_shop(writer, units=3)
        eventually(lambda: switch_of(ordinal_database, "echo").refused == 1)
    with reacting(ordinal_database, instead(Mark(streams=(MARKED,)))):
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=1)
    assert (switch_of(ordinal_database, "echo").refused, parked_count(ordinal_database)) == (1, 0)


def parked_count(conninfo: str) -> int:
    with connect(conninfo, ROLE) as conn:
        return len(parked_tasks(conn))


@pytest.mark.parametrize("several", [1, 2])
def test_a_command_that_raises_is_parked_and_done_again(
    writer: Writer, ordinal_database: str, several: int
) -> None:
    """A mark without a stream raises IndexError, where it was one of several, too."""
    broken = instead(*[Mark(streams=(), document=str(n)) for n in range(several)])
    with reacting(ordinal_database, broken):
        await_reaction(ordinal_database, "echo")
        open_shop(writer, units=3)
        await_reaction(ordinal_database, "echo", parked=several)
    with connect(ordinal_database, ROLE) as conn:
        assert {task.kind for task in parked_tasks(conn)} == {"command"}
        assert retry(conn, broken) == several
    with reacting(ordinal_database, broken):
        await_reaction(ordinal_database, "echo", parked=several)


def test_what_raises_is_parked_and_the_others_go_on(writer: Writer, ordinal_database: str) -> None:
    with reacting(ordinal_database, ECHO):
        await_reaction(ordinal_database, "echo")
        open_shop(writer)
        receive(writer, 1, document="poison")
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=1, parked=1)
    with connect(ordinal_database, ROLE) as conn:
        (parked,) = parked_tasks(conn)
        assert parked.kind == "event"
        assert parked.error == "ZeroDivisionError: this cannot be"
        assert retry(conn, ECHO) == 1
    healed = replace(ECHO, react=lambda recorded, view: [Mark(streams=(MARKED,), document="x")])
    with reacting(ordinal_database, healed):
        await_reaction(ordinal_database, "echo", accepted=2)
    assert switch_of(ordinal_database, "echo").parked == 0


def test_off_it_does_nothing_and_on_it_begins_from_there(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer)
    with connect(ordinal_database, ROLE) as conn, reacting(ordinal_database, ECHO):
        await_reaction(ordinal_database, "echo")
        switch(conn, ECHO, on=False)
        receive(writer, 1)
        switch(conn, ECHO, on=True)
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=1)
        switch(conn, ECHO, on=False)
        receive(writer, 1)
    assert len(documents(ordinal_database)) == 1


def test_after_a_restore_they_are_off_until_somebody_switches_them_on(
    writer: Writer, ordinal_database: str
) -> None:
    with reacting(ordinal_database, *ALL):
        await_reaction(ordinal_database, "expirer")
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        conn.execute("UPDATE ordinal.store SET store_epoch = 2")
    new = replace(ECHO, name="new")
    with reacting(ordinal_database, *ALL, new):
        await_reaction(ordinal_database, "new")
    known = [switch_of(ordinal_database, each.name) for each in (*ALL, new)]
    assert not any(each.on for each in known)
    assert [each.wanted for each in known] == [True] * len(ALL) + [False]
    with connect(ordinal_database, ROLE) as conn:
        switch(conn, new, on=True)
    assert switch_of(ordinal_database, "new").on


def test_a_stream_is_looked_at_when_its_time_has_come(
    writer: Writer, ordinal_database: str
) -> None:
    """Two deliveries ask for the same."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    looked: list[datetime] = []

    def asks(recorded: Recorded, view: View) -> FollowUps:
        return [Deadline(STOCK, due)] if recorded.stream_id == STOCK else []

    def look(stream_id: str, view: View, now: datetime) -> FollowUps:
        looked.append(now)
        return [Mark(streams=(MARKED,), document="late")]

    later = replace(ECHO, react=asks, look=look)
    open_shop(writer)
    with reacting(ordinal_database, later):
        await_reaction(ordinal_database, "echo")
        receive(writer, 1)
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=1)
    assert len(looked) == 1
    assert due <= looked[0] < due + timedelta(seconds=2)


def test_a_command_that_the_database_refuses_is_parked_alone(
    writer: Writer, ordinal_database: str
) -> None:
    def asks(recorded: Recorded, view: View) -> FollowUps:
        if recorded.stream_id != STOCK:
            return []
        bad = getattr(recorded.event, "document", "") == "bad"
        return [
            Mark(streams=("stock-LEEDS-\0" if bad else MARKED,), document=str(recorded.position))
        ]

    open_shop(writer)
    picky = replace(ECHO, react=asks)
    with connect(ordinal_database, ROLE) as conn:
        with reacting(ordinal_database, picky):
            await_reaction(ordinal_database, "echo")
            switch(conn, picky, on=False)
        switch(conn, picky, on=True)
    for document in ("good", "bad", "good"):
        receive(writer, 1, document=document)
    with reacting(ordinal_database, picky):
        await_reaction(ordinal_database, "echo", accepted=2, parked=1)
    with connect(ordinal_database, ROLE) as conn:
        (parked,) = parked_tasks(conn)
    assert (parked.kind, parked.subject) == ("command", "Mark")
    assert len(documents(ordinal_database)) == 2


def test_of_two_runners_one_works_and_the_other_takes_over(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer)
    with reacting(ordinal_database, ECHO) as second:
        with reacting(ordinal_database, ECHO):
            await_reaction(ordinal_database, "echo")
            receive(writer, 1)
            await_reaction(ordinal_database, "echo", accepted=1)
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=2)
        assert second.status.state == "running"
    assert len(documents(ordinal_database)) == 2


def test_a_runner_that_was_overtaken_repeats_nothing(writer: Writer, ordinal_database: str) -> None:
    """Its connections are held up, while others moved the reaction on: its transaction fails."""
    open_shop(writer)
    with reacting(ordinal_database, ECHO):
        await_reaction(ordinal_database, "echo")
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=1)
        with psycopg.connect(ordinal_database, autocommit=True) as conn:
            conn.execute("UPDATE ordinal.steps SET step = step + 1")
        receive(writer, 1)
        await_reaction(ordinal_database, "echo", accepted=2)
    assert len(documents(ordinal_database)) == 2


# -- the first four


def test_a_reservation_ends_where_nobody_touches_the_item(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, units=1)
    ends = datetime.now(UTC) + timedelta(seconds=1)
    with reacting(ordinal_database, *ALL):
        do(writer, ReserveStock(location=LOCATION, sku=SKU, owner="c", quantity=1, expires_at=ends))
        eventually(lambda: log_of(ordinal_database)[-1].type == "BackInStock")
    told = envelope(log_of(ordinal_database)[-1].state).recorded_at
    assert ends <= told < ends + timedelta(seconds=2)
    assert stock_of(ordinal_database).reserved == 0


def test_who_was_on_when_it_was_switched_on_is_swept_up(
    writer: Writer, ordinal_database: str
) -> None:
    """A reservation is over, and a place opens again at which two hundred lines wait."""
    open_shop(writer, backorders=None)
    for number in range(150):
        do(writer, order(f"o{number}", shortage="backorder"))
    do(writer, CloseLocation(location=LOCATION, reason="fire"))
    receive(writer, 200)
    assert stock_of(ordinal_database).backordered == 150
    with reacting(ordinal_database, REACTIONS["backorder-filler"]):
        await_reaction(ordinal_database, "backorder-filler")
        do(writer, ChangeLocation(location=LOCATION, country="GB"))
        eventually(lambda: stock_of(ordinal_database).backordered == 0)
    assert stock_of(ordinal_database).allocated == 150
    check_log(ordinal_database)


def test_orders_that_nobody_paid_expire_when_the_policy_says_so(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, units=5)
    do(writer, order("o1"), occurred_at=datetime.now(UTC) - timedelta(hours=2))
    do(writer, order("o2"))
    with reacting(ordinal_database, *ALL):
        await_reaction(ordinal_database, "expirer")
        do(writer, SetOrderPolicy(expire_unpaid_after=3600))
        eventually(lambda: state_of(ordinal_database, ORDER, "order-o1").status == "expired")
    assert state_of(ordinal_database, ORDER, "order-o2").status == "placed"


def two_places(writer: Writer) -> None:
    """Orders wait in Leeds; York carries the sku as well."""
    open_shop(writer, backorders=None)
    do(writer, RegisterLocation(location="YORK", country="GB"))
    do(writer, RegisterStockItem(location="YORK", sku=SKU))
    for number in range(3):
        placed = order(f"o{number}", quantity=2, shortage="backorder")
        do(writer, replace(placed, preferred_location=LOCATION))
    assert stock_of_order(writer, "o0") == ({}, {LOCATION: 2})


def stock_of_order(writer: Writer, order_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """By location, what is promised to the order's line, and what of it waits."""
    rows = writer.read(
        "SELECT state FROM ordinal.stored_events WHERE originator_id = %s"
        " ORDER BY originator_version",
        (f"order-{order_id}",),
    )
    line = ORDER.fold(codec.event_of(bytes(state)) for (state,) in rows).lines[1]
    return line.allocated, line.backordered


def test_who_waits_is_offered_what_becomes_free_elsewhere(
    writer: Writer, ordinal_database: str
) -> None:
    two_places(writer)
    with reacting(ordinal_database, *ALL):
        await_reaction(ordinal_database, "resourcing")
        do(writer, ReceiveStock(location="YORK", sku=SKU, quantity=3, document="po"))
        eventually(lambda: stock_of_order(writer, "o1")[0] != {})
    assert stock_of_order(writer, "o0") == ({"YORK": 2}, {})
    assert stock_of_order(writer, "o1") == ({"YORK": 1}, {LOCATION: 1})
    assert stock_of_order(writer, "o2") == ({}, {LOCATION: 2})
    check_log(ordinal_database)


def test_who_waits_at_a_place_that_closes_waits_elsewhere(
    writer: Writer, ordinal_database: str
) -> None:
    two_places(writer)
    do(writer, SetStockPolicy(location="YORK", sku=SKU, backorder_limit=None))
    with reacting(ordinal_database, *ALL):
        await_reaction(ordinal_database, "resourcing")
        do(writer, CloseLocation(location=LOCATION, reason="fire"))
        eventually(lambda: stock_of_order(writer, "o2")[1] == {"YORK": 2})
    assert stock_of(ordinal_database).backordered == 0


def test_a_new_policy_completes_what_came_to_its_end(writer: Writer, ordinal_database: str) -> None:
    """More orders than are looked at together."""
    open_shop(writer, backorders=None)
    for number in range(60):
        ended = order(f"o{number}", "POSTAGE", shortage="backorder")
        charged = tuple(replace(line, kind="charge") for line in ended.lines)
        do(writer, replace(ended, lines=charged, payment_mode="on_account"))
        do(writer, ConfirmOrder(order_id=f"o{number}"))
    with reacting(ordinal_database, *ALL):
        await_reaction(ordinal_database, "completion")
        do(writer, SetOrderPolicy(complete_by_itself=True))
        await_reaction(ordinal_database, "completion", accepted=60)
    states = [state_of(ordinal_database, ORDER, f"order-o{n}").status for n in range(60)]
    assert set(states) == {"completed"}
    check_log(ordinal_database)
