"""A PostgreSQL that is slow, blocked, away, killed or restored from yesterday."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import psycopg
import pytest

from commands.stock import RegisterStockItem
from infra.local.postgres_account import account_for, programs
from infra.postgres.connections import Connection
from projections.inventory import INVENTORY
from tests.faults import foreign
from tests.faults.http import Answer, Lost
from tests.faults.load import SKUS, UNITS, Load
from tests.faults.machine import Machine
from tests.faults.processes import Makers
from tests.faults.system import SKU, Api, System, all_at_once, order_body, system_over
from tests.faults.teeth import breaches, execute, small_store, unguarded
from tests.infra.proxy import postgres_proxy
from tests.infra.running import eventually, running
from tests.infra.shop import LOCATION, do, order

pytestmark = pytest.mark.faults

# Seconds within which a caller hears at least that the outcome is unknown, on a busy machine.
TOLD_WITHIN = 3.0
# What errors of the database speak of, and no caller needs to know.
INSIDES = [b".s.PGSQL", b"socket", b"port", b"127.0.0.1", b"psycopg", b"/tmp", b"connection"]


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL, which is as young as any server."""
    return programs(account_for(Path.cwd())) / name


def answers(system: System, api: Api, path: str) -> bool:
    return system.get(api, path).status == 200


@contextmanager
def under_way(conninfo: str) -> Iterator[Connection]:
    """A transaction that is left open."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("BEGIN")
        yield conn


def test_a_foreign_lock_costs_a_503_and_nothing_else(system: System) -> None:
    system.open_shop(units=100)
    system.start("project")
    api = system.serve()
    assert system.order(api, "before").accepted
    with under_way(system.conninfo) as conn:
        conn.execute("SELECT ordinal.append_lock()")
        answers = all_at_once(*(partial(system.order, api, f"order-{n}") for n in range(5)))
        conn.execute("ROLLBACK")
    assert {answer.status for answer in answers} == {503}
    assert max(answer.seconds for answer in answers) < TOLD_WITHIN
    for number in range(5):
        system.insist([api], "/orders", order_body(f"order-{number}"), f"order-{number}")
    system.check()


def test_whoever_takes_a_position_first_commits_first(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(units=100)
    system.start("relay")
    system.start("project")
    api = system.serve()
    with under_way(system.conninfo) as conn:
        early = foreign.append(conn, "stock-EARLY-1", 1)
        answer = system.order(api, "late")
        assert answer.status == 503
        conn.execute("COMMIT")
    placed = system.insist([api], "/orders", order_body("order-0"), "order-0")
    assert placed.json()["position"] > early
    system.check()


def test_writers_of_other_programs_keep_the_order(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project")

    def writer(number: int) -> None:
        dice, version = Random(number), 1
        with psycopg.connect(system.conninfo, autocommit=True) as conn:
            while version <= 10:
                conn.execute("BEGIN")
                foreign.append_in_turn(conn, f"stock-FOREIGN-{number}", version)
                time.sleep(dice.uniform(0, 0.02))
                stays = dice.random() < 0.8
                conn.execute("COMMIT" if stays else "ROLLBACK")
                version += stays

    with Load(system, [system.serve()]):
        all_at_once(*(partial(writer, number) for number in range(8)))
    system.check()


def test_teeth_without_the_guard_an_event_is_left_out(ordinal_database: str) -> None:
    with small_store(ordinal_database) as writer, running(ordinal_database, INVENTORY) as reader:
        registered = do(writer, RegisterStockItem(location=LOCATION, sku="LATE")).receipt
        eventually(lambda: reader.status.position >= registered.position)
        with unguarded(ordinal_database) as late:
            late.execute("BEGIN")
            foreign.append(late, registered.stream_id, registered.version + 1)
            position = do(writer, order("meanwhile", SKU)).receipt.position
            eventually(lambda: reader.status.position >= position)
            late.execute("COMMIT")
    assert breaches(ordinal_database) == {"I4"}


def test_teeth_a_log_without_its_guard_is_seen_and_refused(system: System) -> None:
    system.open_shop(units=100)
    execute(system.conninfo, "ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_guard")
    assert breaches(system.conninfo) == {"I3"}
    assert system.start("serve").wait() != 0


@pytest.mark.slow
def test_readers_and_housekeeping_hold_no_append_up(system: System) -> None:
    """The lock that ANALYZE, VACUUM and CREATE INDEX CONCURRENTLY take, and a long read."""
    system.open_shop(*SKUS, units=UNITS)
    system.start("project")
    with (
        Load(system, [system.serve()]) as load,
        under_way(system.conninfo) as reading,
        under_way(system.conninfo) as analysing,
    ):
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reading.execute("SELECT count(*) FROM ordinal.stored_events")
        analysing.execute("LOCK TABLE ordinal.stored_events IN SHARE UPDATE EXCLUSIVE MODE")
        load.go_on(3)
        for ended in (reading, analysing):
            ended.execute("ROLLBACK")
        for statement in (
            "ANALYZE ordinal.stored_events",
            "VACUUM ordinal.stored_events",
            "CREATE INDEX CONCURRENTLY ON ordinal.stored_events (topic)",
        ):
            execute(system.conninfo, statement)
        load.go_on(1)
    assert load.slowest < 1.0
    system.check()


def test_teeth_the_lock_of_the_stock_recorder_would_wait(ordinal_database: str) -> None:
    with under_way(ordinal_database) as analysing, under_way(ordinal_database) as stock:
        analysing.execute("LOCK TABLE ordinal.stored_events IN SHARE UPDATE EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            stock.execute("LOCK TABLE ordinal.stored_events IN EXCLUSIVE MODE NOWAIT")
        stock.execute("ROLLBACK")


@pytest.mark.slow
def test_a_dump_holds_no_append_up(system: System, tmp_path: Path) -> None:
    system.open_shop(*SKUS, units=UNITS)
    system.start("project")
    with Load(system, [system.serve()]) as load:
        load.go_on(1)
        done = subprocess.run(
            [program("pg_dump"), f"--file={tmp_path / 'dump'}", system.conninfo],
            capture_output=True,
            check=False,
        )
        load.go_on(0.5)
    assert done.returncode == 0, done.stderr
    assert load.slowest < 1.0
    system.check()


@pytest.mark.slow
def test_a_storm_of_rollbacks_leaves_legal_gaps(kafka_system: System) -> None:
    system = kafka_system
    system.open_shop(units=100)
    system.start("relay")
    system.start("project")
    api = system.serve()
    for burst in range(10):
        with psycopg.connect(system.conninfo, autocommit=True) as conn:
            for _ in range(100):
                conn.execute("BEGIN")
                foreign.append(conn, "stock-NEVER-1", 1)
                conn.execute("ROLLBACK")
        assert system.order(api, f"order-{burst}").accepted
    assert system.head() > 1_000
    system.check()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_terminated_sessions_cost_at_most_a_503(system: System) -> None:
    system.open_shop(*SKUS, units=UNITS)
    system.start("project")
    with Load(system, [system.serve(), system.serve()]) as load:
        for _ in range(8):
            load.go_on(0.5)
            execute(
                system.conninfo,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
    assert load.slowest < TOLD_WITHIN
    system.check()


def largest_gap(system: System) -> int:
    rows = system.rows(
        "SELECT max(gap) FROM (SELECT notification_id - lag(notification_id)"
        " OVER (ORDER BY notification_id) AS gap FROM ordinal.stored_events) AS gaps"
    )
    return int(rows[0][0])


def test_a_killed_server_loses_nothing_that_was_answered(
    machine_system: System, machine: Machine
) -> None:
    system = machine_system
    system.open_shop(*SKUS, units=UNITS)
    system.start("project")
    with Load(system, [system.serve(), system.serve()]) as load:
        for _ in range(2):
            load.go_on(1)
            machine.kill()
            load.go_on(0.3)
            machine.start()
        load.go_on(1)
    assert load.slowest < TOLD_WITHIN
    # A crash burns what the sequence had logged ahead, and rolled back batches burn theirs.
    assert largest_gap(system) < 32 + 256
    system.check(90)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_server_while_relay_and_readers_follow(
    nursery: Makers, public_folder: Path, machine: Machine, kafka: str, topic_prefix: str
) -> None:
    with system_over(
        nursery, public_folder, machine.conninfo, kafka=kafka, prefix=topic_prefix
    ) as system:
        system.open_shop(*SKUS, units=UNITS)
        system.start("relay")
        system.start("project")
        with Load(system, [system.serve()]) as load:
            for _ in range(8):
                load.go_on(1.5)
                machine.kill()
                machine.start()
        system.check(90)


def test_teeth_an_answer_that_was_lost_is_seen(system: System) -> None:
    """What a server that does not wait for its disk would do to the last one it answered."""
    system.open_shop(units=100)
    api = system.serve()
    for number in range(3):
        assert system.order(api, f"order-{number}").accepted
    last = system.receipts.command_id("order-2")
    with unguarded(system.conninfo) as conn:
        conn.execute("DELETE FROM ordinal.commands WHERE command_id = %s", (last,))
        conn.execute(
            "DELETE FROM ordinal.stored_events WHERE convert_from(state, 'UTF8')::json"
            " ->> 'command_id' = %s",
            (str(last),),
        )
    assert "key order-2" in (system.findings().of["I1"].breach or "")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_server_that_swallows_everything_costs_a_503_in_time(
    system: System, public_folder: Path
) -> None:
    system.open_shop(units=1_000)
    system.start("project")
    with postgres_proxy(system.conninfo, public_folder) as (proxy, conninfo):
        api = system.serve(database_url=conninfo)
        assert system.order(api, "before").accepted
        eventually(lambda: system.get(api, "/v1/orders").status == 200, 30)
        proxy.swallow()
        asked: list[Answer] = []
        until = time.monotonic() + 8
        while time.monotonic() < until:
            asked += all_at_once(
                *(partial(system.order, api, f"order-{n}") for n in range(8)),
                *(partial(system.get, api, "/v1/orders") for _ in range(8)),
                partial(system.get, api, "/health"),
            )
        proxy.heal()
        for number in range(8):
            key = f"order-{number}"
            system.insist([api], "/orders", order_body(key), key)
        eventually(lambda: system.get(api, "/v1/orders").status == 200, 30)
        system.check()
    assert {answer.status for answer in asked} <= {200, 503}
    commands = [answer for answer in asked if b"outcome-unknown" in answer.body]
    assert commands
    assert max(answer.seconds for answer in commands) < TOLD_WITHIN
    assert max(answer.seconds for answer in asked) < TOLD_WITHIN


@pytest.mark.parametrize("fault", ["swallow", "refuse"])
def test_whoever_asks_an_api_without_a_database_is_told_in_time_and_nothing_of_its_insides(
    system: System, public_folder: Path, fault: str
) -> None:
    system.open_shop(units=10)
    system.start("project")
    with postgres_proxy(system.conninfo, public_folder) as (proxy, conninfo):
        api = system.serve(database_url=conninfo)
        order = f"/v1/orders/{system.order(api, 'before').json()['id']}"
        paths = [f"{order}/contacts", order, f"{order}/timeline", "/v1/orders", "/v1/inventory"]
        eventually(lambda: system.get(api, order).status == 200, 30)
        eventually(lambda: system.get(api, "/ready").status == 200, 30)
        getattr(proxy, fault)()
        proxy.cut() if fault == "refuse" else None
        for _ in range(2):
            asked = all_at_once(
                *(partial(system.get, api, path) for path in [*paths, "/ready"]),
                partial(system.order, api, "during"),
            )
            assert {answer.status for answer in asked} == {503}
            assert all(answer.retry_after for answer in asked)
            assert max(answer.seconds for answer in asked) < TOLD_WITHIN
            told = b"".join(answer.body for answer in asked)
            assert not [word for word in INSIDES if word in told], told
        proxy.heal()
        for path in paths:
            eventually(partial(answers, system, api, path), 30)


@pytest.mark.slow
def test_teeth_a_caller_who_is_promised_more_time_waits_longer(
    system: System, public_folder: Path
) -> None:
    """The bound on an answer is the guard: no other one ends the wait as soon."""
    system.open_shop(units=100)
    with postgres_proxy(system.conninfo, public_folder) as (proxy, conninfo):
        api = system.serve(database_url=conninfo, answer_timeout=60)
        assert system.order(api, "before").accepted
        proxy.swallow()
        with pytest.raises(Lost):
            system.post(api, "/orders", order_body("order"), key="order", limit=TOLD_WITHIN)
        proxy.heal()
        system.insist([api], "/orders", order_body("order"), "order")


def sessions_up_to_the_limit(conninfo: str) -> ExitStack:
    """Idle sessions until the server takes no more."""
    idle = ExitStack()
    with suppress(psycopg.OperationalError):
        while True:
            idle.enter_context(psycopg.connect(conninfo, autocommit=True))
    return idle


def ask_without_a_session(system: System, api: Api) -> list[Answer]:
    """What five callers hear while the server has no connection for the API."""
    assert system.order(api, "before").accepted
    with (
        psycopg.connect(system.conninfo, autocommit=True) as ours,
        sessions_up_to_the_limit(system.conninfo),
    ):
        # Whoever has no session any more gets none.
        writers = "FROM pg_stat_activity WHERE application_name = 'ordinal_writer'"
        ours.execute(f"SELECT pg_terminate_backend(pid) {writers}")
        eventually(lambda: ours.execute(f"SELECT pid {writers}").fetchone() is None)
        with sessions_up_to_the_limit(system.conninfo):
            return all_at_once(
                *(
                    partial(
                        system.post, api, "/orders", order_body(f"c-{n}"), key=f"c-{n}",
                        limit=TOLD_WITHIN,
                    )
                    for n in range(5)
                )
            )  # fmt: skip


def test_a_server_without_a_free_connection_costs_a_503(machine_system: System) -> None:
    system = machine_system
    system.open_shop(units=100)
    api = system.serve()
    answers = ask_without_a_session(system, api)
    assert {answer.status for answer in answers} == {503}
    assert max(answer.seconds for answer in answers) < TOLD_WITHIN
    for number in range(5):
        system.insist([api], "/orders", order_body(f"c-{number}"), f"c-{number}")
    system.start("project")
    system.check()


def test_teeth_a_writer_that_waits_for_a_connection_is_seen(machine_system: System) -> None:
    """As one with a pool would, whose callers have no bound of their own either."""
    machine_system.open_shop(units=100)
    api = machine_system.serve(without="giving up", answer_timeout=60)
    with pytest.raises(Lost):
        ask_without_a_session(machine_system, api)


@pytest.mark.timeout(120)
def test_a_migration_that_is_killed_again_and_again_comes_to_its_end(
    nursery: Makers, public_folder: Path, database: str
) -> None:
    with system_over(nursery, public_folder, database) as system:
        for number in range(6):
            one, other = system.start("migrate"), system.start("migrate")
            one.ended.wait(0.05 * number)
            one.kill()
            if number % 2:
                other.kill()
            else:
                assert other.wait() == 0
        assert system.start("migrate").wait() == 0
        system.open_shop(units=100)
        system.start("project")
        assert system.order(system.serve(), "order").accepted
        system.check()


def test_teeth_a_database_that_lacks_a_migration_is_refused(system: System) -> None:
    execute(system.conninfo, "DELETE FROM public.ordinal_migrations WHERE number = 3")
    for verb in ("serve", "project"):
        process = system.start(verb)
        assert process.wait() != 0
        assert process.said("ordinal migrate")
