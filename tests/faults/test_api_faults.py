"""API processes that are killed, answers that are lost, customers who all come at once."""

import signal
from collections import Counter
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import psycopg
import pytest

from domain.errors import Invalid
from domain.stock.events import StockAllocated
from tests.faults import foreign
from tests.faults.http import Answer, Lost, free_port
from tests.faults.processes import Process
from tests.faults.system import Api, System, all_at_once, order_body
from tests.faults.teeth import (
    STOCK_STREAM,
    Force,
    breaches,
    execute,
    small_store,
    unguarded,
)
from tests.infra.proxy import postgres_proxy
from tests.infra.running import eventually
from tests.infra.shop import Mark, accepted, ask, do

pytestmark = pytest.mark.faults

COMMITTED = b"COMMIT\0"
CUSTOMERS = 20


def order_until_killed(system: System, crash_at: str, name: str) -> str:
    """The key of the order under which the API killed itself."""
    api = system.serve(crash_at=crash_at)
    for number in range(1_000):
        key = f"{name}-{number}"
        try:
            assert system.order(api, key).accepted
        except Lost:
            assert api.process.wait(10) == -signal.SIGKILL
            return key
    raise AssertionError(f"never came to {crash_at}")


def is_recorded(system: System, key: str) -> bool:
    command_id = system.receipts.command_id(key)
    return bool(
        system.rows("SELECT FROM ordinal.commands WHERE command_id = %s", command_id)
        or system.rows(
            "SELECT FROM ordinal.stored_events WHERE convert_from(state, 'UTF8')::json"
            " ->> 'command_id' = %s",
            str(command_id),
        )
    )


def kill_before_commit(system: System, crash_at: str, name: str) -> None:
    lost = order_until_killed(system, crash_at, name)
    assert not is_recorded(system, lost)
    api = system.serve()
    first, again = system.order(api, lost), system.order(api, lost)
    assert (first.status, first.replayed, again.replayed) == (201, False, True)
    api.process.kill()


def kill_after_commit(system: System, crash_at: str, name: str) -> None:
    lost = order_until_killed(system, crash_at, name)
    head = system.head()
    assert is_recorded(system, lost)
    api = system.serve()
    assert system.order(api, lost).replayed
    assert system.head() == head
    api.process.kill()


@pytest.mark.parametrize("crash_at", ["A1:1", "A1:4", "A2:1", "A2:3"])
def test_a_kill_before_the_commit_leaves_nothing(system: System, crash_at: str) -> None:
    system.open_shop(units=100)
    system.start("project")
    kill_before_commit(system, crash_at, "order")
    system.check()


@pytest.mark.parametrize("crash_at", ["A3:1", "A3:3"])
def test_a_kill_after_the_commit_costs_only_the_answer(system: System, crash_at: str) -> None:
    system.open_shop(units=100)
    system.start("project")
    kill_after_commit(system, crash_at, "order")
    system.check()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["A1", "A2", "A3"])
def test_fifty_kills(system: System, point: str) -> None:
    system.open_shop(units=10_000)
    system.start("project")
    kill = kill_after_commit if point == "A3" else kill_before_commit
    for number in range(50):
        kill(system, f"{point}:{1 + number % 7}", f"order-{number}")
    system.check()


def test_a_commit_whose_answer_is_cut_off_is_answered_all_the_same(
    system: System, public_folder: Path
) -> None:
    system.open_shop(units=100)
    system.start("project")
    with postgres_proxy(system.conninfo, public_folder) as (proxy, conninfo):
        api = system.serve(database_url=conninfo)
        assert system.order(api, "before").accepted
        for number in range(10):
            proxy.cut_when("received", COMMITTED)
            answer = system.order(api, f"cut-{number}")
            assert proxy.sprung.is_set()
            assert answer.status == 201, answer
            assert system.order(api, f"cut-{number}").replayed
        system.check()


def test_teeth_events_without_the_record_of_their_command_are_seen_and_so_is_a_second_effect(
    ordinal_database: str,
) -> None:
    with small_store(ordinal_database) as writer:
        do(writer, Mark(), 1)
        execute(ordinal_database, "DELETE FROM ordinal.commands")
        assert breaches(ordinal_database) == {"I1"}
        do(writer, Mark(), 1)
    assert breaches(ordinal_database) == {"I1", "I6"}


def test_teeth_two_answers_to_one_key_are_seen(system: System) -> None:
    """What an API would tell that keeps no answers, and decides a repeat anew."""
    system.open_shop(units=100)
    system.start("project")
    first = system.order(system.serve(), "order")
    system.check()
    system.receipts.keep("order", first.body.replace(b'"changed":true', b'"changed":false'))
    assert "key order of" in (system.findings().of["I6"].breach or "")


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_of_twenty_who_read_the_same_version_one_may_change_it(system: System) -> None:
    system.open_shop(units=100)
    system.start("project")
    apis = [system.serve(), system.serve()]
    order_id = system.order(apis[0], "order").json()["id"]
    path = f"/orders/{order_id}/holds"
    version = system.order(apis[0], "order").json()["version"]
    answers = all_at_once(
        *(
            partial(
                system.post, apis[n % 2], path, {"reason": f"check {n}"},
                key=f"hold-{n}", if_match=version,
            )
            for n in range(CUSTOMERS)
        )
    )  # fmt: skip
    assert statuses(answers) == {200: 1, 412: CUSTOMERS - 1}
    system.check()


def test_teeth_a_version_that_exists_twice_is_seen(ordinal_database: str) -> None:
    with small_store(ordinal_database):
        pass
    with unguarded(ordinal_database) as conn:
        conn.execute("ALTER TABLE ordinal.stored_events DROP CONSTRAINT stored_events_pkey")
        conn.execute(
            "INSERT INTO ordinal.stored_events SELECT originator_id, originator_version, topic,"
            " state FROM ordinal.stored_events ORDER BY notification_id DESC LIMIT 1"
        )
    assert "I2" in breaches(ordinal_database)


def test_twenty_repeats_of_one_key_over_two_processes_are_one_order(system: System) -> None:
    system.open_shop(units=100)
    system.start("project")
    apis = [system.serve(), system.serve()]
    for number in range(5):
        key = f"order-{number}"
        answers = all_at_once(*(partial(system.order, apis[n % 2], key) for n in range(CUSTOMERS)))
        assert statuses(answers).keys() <= {201}
        assert len({answer.body for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
    system.check()


def assert_a_key_is_bound(system: System, without: str = "") -> None:
    """Another request under it is refused; another caller has keys of their own."""
    neighbour = system.key_of("neighbour", channel="shop-2")
    api = system.serve(without=without)
    assert system.order(api, "order").accepted
    other = system.post(api, "/orders", order_body("another"), key="order")
    assert (other.status, other.json().get("type")) == (422, "urn:ordinal:problem:key-reused")
    body = order_body("order")
    answer = system.post(api, "/orders", body, key="order", secret=neighbour)
    assert (answer.status, answer.replayed) == (201, False)


def test_a_key_is_bound_to_its_request_and_its_caller(system: System) -> None:
    system.open_shop(units=100)
    system.start("project")
    assert_a_key_is_bound(system)
    system.check()


def test_teeth_a_key_that_fits_every_request_is_seen(system: System) -> None:
    system.open_shop(units=100)
    with pytest.raises(AssertionError, match=r"\(201, None\) == \(422, "):
        assert_a_key_is_bound(system, without="fingerprint")


def test_teeth_a_key_that_fits_every_caller_is_seen(system: System) -> None:
    system.open_shop(units=100)
    with pytest.raises(AssertionError, match=r"\(201, True\) == \(201, False\)"):
        assert_a_key_is_bound(system, without="caller in the key")
    # Nobody's key has an answer of its own in the store.
    assert "key order of" in (system.findings().of["I1"].breach or "")


def test_a_hot_sku_is_never_promised_twice(system: System) -> None:
    system.open_shop(units=100)
    system.start("project")
    apis = [system.serve(), system.serve()]

    def customer(number: int) -> list[Answer]:
        return [system.order(apis[number % 2], f"c{number}-{n}") for n in range(10)]

    every = all_at_once(*(partial(customer, n) for n in range(CUSTOMERS)))
    assert statuses(list(chain(*every))) == {201: 100, 409: 100}
    system.check()


def test_teeth_an_oversold_sku_is_seen(ordinal_database: str) -> None:
    with small_store(ordinal_database) as writer:
        promised = StockAllocated(order_id="o-0", line=1, quantity=98)
        do(writer, Force(stream_id=STOCK_STREAM, events=[promised]))
    assert "I5" in breaches(ordinal_database)


def test_a_bad_command_harms_none_of_its_batch(ordinal_database: str) -> None:
    bad, streams = 100, (STOCK_STREAM, "stock-LEEDS-\0")
    with small_store(ordinal_database) as writer:
        asks = [ask(Mark(streams=streams if n == bad else (STOCK_STREAM,))) for n in range(256)]
        writer.write(asks)
    assert isinstance(asks[bad].outcome, Invalid)
    assert all(accepted(asks[n]).receipt.changed for n in range(256) if n != bad)
    assert not breaches(ordinal_database)


def test_teeth_half_a_command_is_seen(ordinal_database: str) -> None:
    with small_store(ordinal_database) as writer:
        do(writer, Mark(streams=(STOCK_STREAM, "stock-LEEDS-other")))
    with unguarded(ordinal_database) as conn:
        conn.execute("DELETE FROM ordinal.stored_events WHERE originator_id LIKE '%other'")
    assert "I1" in breaches(ordinal_database)


def assert_ends_in_time(process: Process, seconds: float = 10) -> None:
    assert process.stop(seconds) == 0


def test_a_process_that_is_told_to_stop_finishes_what_it_has(system: System) -> None:
    system.open_shop(units=1_000)
    projector = system.start("project")
    staying, leaving = system.serve(), system.serve()

    def customer(number: int) -> None:
        for n in range(20):
            key = f"c{number}-{n}"
            system.insist([leaving, staying], "/orders", order_body(key), key)

    def stop() -> None:
        assert_ends_in_time(leaving.process)
        assert_ends_in_time(projector)

    all_at_once(*(partial(customer, n) for n in range(8)), stop)
    system.start("project")
    assert len(system.receipts.bodies) == 160
    system.check()


def answer_of_one_that_leaves(system: System, leaving: Api) -> Answer:
    """To an order that waits for the append lock while the process is told to stop."""
    with psycopg.connect(system.conninfo, autocommit=True) as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT ordinal.append_lock()")

        def stop() -> None:
            waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            eventually(lambda: conn.execute(waits).fetchone() is not None)
            leaving.process.send(signal.SIGTERM)
            leaving.process.ended.wait(0.3)
            conn.execute("ROLLBACK")

        answer, _ = all_at_once(partial(system.order, leaving, "last"), stop)
    assert isinstance(answer, Answer)
    return answer


def test_a_process_that_is_told_to_stop_answers_before_it_ends(system: System) -> None:
    system.open_shop(units=100)
    leaving = system.serve()
    assert answer_of_one_that_leaves(system, leaving).status == 201
    assert leaving.process.wait(10) == 0
    system.check()


def test_teeth_an_answer_that_is_dropped_on_the_way_out_is_seen(system: System) -> None:
    system.open_shop(units=100)
    with pytest.raises(Lost):
        answer_of_one_that_leaves(system, system.serve(without="orderly end"))


def test_teeth_a_process_that_does_not_end_is_seen(system: System) -> None:
    api = system.serve(without="ear for signals")
    with pytest.raises(AssertionError, match="did not end"):
        assert_ends_in_time(api.process, 2)


def test_teeth_a_process_that_is_killed_has_not_ended_in_order(system: System) -> None:
    api = system.serve()
    api.process.kill()
    with pytest.raises(AssertionError, match="-9 == 0"):
        assert_ends_in_time(api.process)


def test_an_api_that_cannot_read_the_keys_turns_nobody_away(
    system: System, public_folder: Path
) -> None:
    system.open_shop(units=100)
    system.start("project")
    with postgres_proxy(system.conninfo, public_folder) as (proxy, conninfo):
        proxy.cut_when("sent", b"FROM ordinal.api_keys")
        process = system.start("serve", database_url=conninfo, http_port=free_port())
        assert process.wait() != 0
        assert proxy.sprung.is_set()
        assert system.order(system.serve(database_url=conninfo), "order").status == 201
        system.check()


def test_of_twenty_appends_of_one_version_by_hand_one_is_stored(system: System) -> None:
    """The primary key is the safety net below the bus."""
    system.open_shop(units=100)
    system.start("project")

    def append() -> bool:
        with psycopg.connect(system.conninfo) as conn, suppress(psycopg.errors.UniqueViolation):
            foreign.append(conn, "stock-FOREIGN-1", 1)
            return True
        return False

    assert Counter(all_at_once(*[append] * CUSTOMERS)) == {True: 1, False: CUSTOMERS - 1}
    system.check()
