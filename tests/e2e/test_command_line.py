"""Every verb as it is typed: what it does, what it shows, and how it refuses."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from psycopg.conninfo import make_conninfo
from typer.core import TyperCommand, TyperGroup

import main
from consumers.channels import CHANNELS
from infra.kafka.topics import topics
from tests.e2e.asking import Ran, await_ready, get, run
from tests.faults.conftest import own_folder
from tests.faults.http import Lost, call, free_port
from tests.faults.processes import Makers
from tests.faults.system import SKU, System
from tests.infra.running import eventually
from tests.infra.shop import do, writing
from tests.infra.shop import order as placing

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "consume": ("orders",),
    "state": ("sourcing",),
    "rebuild": ("all",),
    "keys create": ("--name", "somebody", "--scope", "orders:read"),
    "keys revoke": ("0123456789ab",),
    "keys rotate": ("0123456789ab",),
    "import online-retail": (__file__,),
    "import orders": (__file__,),
    "parked replay": ("inventory", "stock-LEEDS-1"),
    "reactions off": ("all",),
    "reactions on": ("all",),
    "reactions retry": ("all",),
    "store move-clock": ("2030-01-01T00:00:00Z",),
    "store simulate": ("2030-01-01T00:00:00Z",),
}
# A broker for development takes no orders, schemas and scopes come from the code.
NEEDS_NOTHING = {"access", "kafka", "schemas"}


def verbs(command: Any, *path: str) -> list[tuple[str, ...]]:
    """All verbs of the program, as they are typed."""
    if isinstance(command, TyperGroup):
        found = [verbs(each, *path, name) for name, each in command.commands.items()]
        return [verb for some in found for verb in some]
    assert isinstance(command, TyperCommand)
    return [path]


ALL = [" ".join(verb) for verb in verbs(typer.main.get_command(main.cli))]


def bare(nursery: Makers, folder: Path, name: str, environment: dict[str, str]) -> Ran:
    """A verb with no other setting than these."""
    typed = (*name.split(), *ARGUMENTS.get(name, ()))
    process = nursery.start(typed, environment, folder, folder / f"{name}.log")
    code = process.wait(30)
    return Ran(code, process.log.read_text())


@pytest.mark.parametrize("name", sorted({*ALL} - NEEDS_NOTHING))
def test_no_verb_works_on_a_database_that_nobody_named(
    nursery: Makers, tmp_path: Path, name: str
) -> None:
    done = bare(nursery, tmp_path, name, {})
    assert done.code == 1
    assert done.words.startswith("ORDINAL_DATABASE_URL: Field required.")


def test_an_empty_name_of_a_database_is_none(nursery: Makers, tmp_path: Path) -> None:
    done = bare(nursery, tmp_path, "status", {"ORDINAL_DATABASE_URL": " "})
    assert done.code == 1
    assert done.words.startswith("ORDINAL_DATABASE_URL: it is empty. `embedded`")


def test_settings_show_which_database_it_is_and_no_password(
    nursery: Makers, tmp_path: Path
) -> None:
    url = "postgresql://shop:p%40ss@db:5432/orders?sslpassword=other"
    done = bare(nursery, tmp_path, "settings", {"ORDINAL_DATABASE_URL": url})
    assert "user=shop" in done.text
    assert "host=db" in done.text
    for secret in ("p%40ss", "p@ss", "other"):
        assert secret not in done.text


def test_the_program_says_its_version(nursery: Makers, tmp_path: Path) -> None:
    done = bare(nursery, tmp_path, "--version", {})
    assert (done.code, done.text) == (0, f"ordinal {version('ordinal')}\n")


@pytest.mark.parametrize("name", sorted({*ALL} - NEEDS_NOTHING - {"settings", "topics"}))
def test_no_verb_says_a_traceback_where_the_database_is_away(
    nursery: Makers, tmp_path: Path, name: str
) -> None:
    done = bare(nursery, tmp_path, name, {"ORDINAL_DATABASE_URL": "host=127.0.0.1 port=9"})
    assert done.code == 1
    assert "port 9 failed" in done.words
    assert "Traceback" not in done.text


def test_settings_are_shown_and_secrets_are_not(system: System) -> None:
    url = "postgresql://ada:hush@127.0.0.1/shop"
    shown = run(system, "settings", database_url=url, kafka_sasl_password="hush", http_port=8123)
    assert shown.code == 0
    assert "hush" not in shown.text
    assert "**********" in shown.text
    assert "8123" in shown.text


def test_a_database_is_brought_up_to_date_once(
    nursery: Makers, run_folder: Path, database: str, topic_prefix: str
) -> None:
    system = System(nursery, own_folder(run_folder, topic_prefix), database)
    refused = run(system, "events")
    assert refused.code == 1
    assert "run `ordinal migrate`" in refused.words
    first, second = run(system, "migrate"), run(system, "migrate")
    assert (first.code, second.code) == (0, 0)
    assert "applied" in first.text
    assert second.text == ""
    assert run(system, "events").code == 0


def test_topics_are_made_once_and_listed(kafka_system: System) -> None:
    prefix = f"{kafka_system.settings.topic_prefix}-more" if kafka_system.settings else ""
    first = run(kafka_system, "topics", topic_prefix=prefix)
    second = run(kafka_system, "topics", topic_prefix=prefix)
    assert first.text.count("created") == len(topics(kafka_system.kafka, CHANNELS))
    assert "created" not in second.text
    for shown in (first, second):
        assert f"{prefix}.events.order" in shown.text
        assert f"{prefix}.dead-letters" in shown.text
    wrong = run(kafka_system, "topics", topic_prefix=prefix, topic_partitions=7)
    assert wrong.code == 1
    assert "set ORDINAL_TOPIC_PARTITIONS to what they have" in wrong.words


# -- keys


def test_a_key_opens_what_it_is_for_until_it_is_revoked(system: System) -> None:
    secret = run(system, "keys", "create", "--name", "clerk", "--scope", "orders:read").text.strip()
    listed = run(system, "keys", "list").text
    assert secret not in listed
    (key_id,) = [line.split()[1] for line in listed.splitlines() if "clerk" in line]
    system.start("project")
    api = system.serve()
    await_ready(system, api)
    header = f"Bearer {secret}"
    assert get(system, api, "/v1/orders", authorization=header).status == 200
    assert get(system, api, "/v1/inventory", authorization=header).status == 403
    assert run(system, "keys", "revoke", key_id).code == 0
    eventually(lambda: get(system, api, "/v1/orders", authorization=header).status == 401)
    assert "yes" in run(system, "keys", "list").text


def test_a_key_is_rotated_and_its_history_kept(system: System) -> None:
    typed = ("keys", "create", "--name", "shop", "--role", "channel", "--days", "90")
    secret = run(system, *typed).text.strip()
    (row,) = [line for line in run(system, "keys", "list").text.splitlines() if "shop" in line]
    assert "channel=web" in row
    key_id = row.split()[1]
    other = run(system, "keys", "rotate", key_id, "--overlap-hours", "1").text.strip()
    assert other != secret
    assert run(system, "keys", "list").text.count("channel=web") == 2
    assert run(system, "keys", "revoke", key_id).code == 0
    told = run(system, "keys", "history", key_id).text
    assert [what for what in ("created", "rotated", "revoked") if what in told] == [
        "created",
        "rotated",
        "revoked",
    ]
    assert run(system, "keys", "rotate", key_id).words == f"there is no key {key_id} in force"


def test_a_key_is_not_made_for_a_scope_that_is_none(system: System) -> None:
    refused = run(system, "keys", "create", "--name", "clerk", "--scope", "orders:eat")
    assert refused.code == 1
    assert "no such scope: orders:eat" in refused.words
    assert "clerk" not in run(system, "keys", "list").text


def test_a_key_that_may_do_everything_is_not_made_by_leaving_its_scopes_out(
    system: System,
) -> None:
    refused = run(system, "keys", "create", "--name", "clerk")
    assert refused.code == 1
    assert "roles are channel, customer" in refused.words
    assert "scopes are orders:place, orders:write, orders:read" in refused.words
    assert "clerk" not in run(system, "keys", "list").text


def test_keys_are_made_under_the_login_that_owns_the_database(
    nursery: Makers, system: System, login: str
) -> None:
    typed = ("keys", "create", "--name", "clerk", "--scope", "orders:read")
    refused = run(system, *typed, database_url=make_conninfo(system.conninfo, user=login))
    assert refused.code == 1
    assert f"The login {login} may not do that: name the database's owner" in refused.words


@pytest.fixture
def login(postgres_server: str) -> Iterator[str]:
    """A login with the rights of a writer, as the processes of a deployment have."""
    name = f"clerk_{os.getpid()}"
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN IN ROLE ordinal_writer".encode())
        yield name
        conn.execute(f"DROP ROLE {name}".encode())


def test_a_key_that_is_not_there_cannot_be_revoked(system: System) -> None:
    refused = run(system, "keys", "revoke", "0123456789ab")
    assert (refused.code, refused.words) == (1, "there is no key 0123456789ab in force")


# -- history


def events_of(system: System, *options: str) -> list[dict[str, Any]]:
    shown = run(system, "events", *options)
    assert shown.code == 0, shown.text
    return [json.loads(line) for line in shown.text.splitlines()]


def test_events_are_shown_from_a_position_to_another(system: System) -> None:
    system.open_shop(units=5)
    every = events_of(system)
    positions = [event["position"] for event in every]
    assert positions == sorted(positions)
    assert positions[-1] == system.head()
    assert {"type", "stream_id", "stream_version", "data", "actor"} <= every[0].keys()
    after, until = positions[0], positions[2]
    assert events_of(system, "--after", str(after), "--until", str(until)) == every[1:3]
    assert events_of(system, "--after", str(positions[-1])) == []


def test_whoever_follows_sees_events_as_they_come(system: System) -> None:
    following = system.start("events", "--follow")
    system.open_shop()
    eventually(lambda: following.said("StockItemRegistered"))
    assert following.stop() == 0


def test_a_stream_is_shown_as_it_was(system: System) -> None:
    system.open_shop(units=5)
    positions = {event["type"]: event["position"] for event in events_of(system)}
    stream, registered = f"stock-LEEDS-{SKU}", positions["StockItemRegistered"]
    now = json.loads(run(system, "state", stream).text)
    assert (now["state"]["on_hand"], now["position"]) == (5, system.head())
    then = json.loads(run(system, "state", stream, "--at", str(registered)).text)
    assert (then["version"], then["state"]["on_hand"]) == (1, 0)
    assert json.loads(run(system, "state", stream, "--at", now["recorded_at"]).text) == now


def test_an_empty_store_may_be_simulated(system: System) -> None:
    begun = run(system, "store", "simulate", "2031-03-01T08:00")
    assert begun.code == 0, begun.text
    system.open_shop()
    assert run(system, "store", "move-clock", "2031-03-01T09:30+01:00").code == 0
    assert "simulated: 2031-03-01 08:30:00 UTC" in run(system, "status").text
    assert events_of(system)[0]["recorded_at"] == "2031-03-01T08:00:00Z"
    back = run(system, "store", "move-clock", "2031-03-01T08:29")
    assert (back.code, "time never goes back" in back.words) == (1, True)
    assert "tomorrow is no ISO 8601 time" in run(system, "store", "move-clock", "tomorrow").words


def test_what_was_told_late_was_true_before_it_was_known(system: System) -> None:
    """An order of March that is told today."""
    system.open_shop(units=5)
    march = datetime(2024, 3, 5, 10, 0, tzinfo=UTC)
    with writing(system.conninfo) as writer:
        do(writer, placing("1", SKU, shortage="backorder"), occurred_at=march)
    order = "order-1"
    then = json.loads(run(system, "state", order, "--at", "2024-03-06").text)
    assert then["state"]["status"] == "placed"
    unknown = run(system, "state", order, "--at", "2024-03-06", "--known-at", "2024-03-06")
    assert unknown.code == 1
    before = run(system, "state", order, "--at", "2024-03-04")
    assert "no event up to there" in before.text
    known = json.loads(run(system, "state", order, "--known-at", then["recorded_at"]).text)
    assert known["state"]["status"] == "placed"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("state", "order-nobody"), "order-nobody has no event up to there"),
        (("state", "sourcing", "--at", "2001-01-01"), "sourcing has no event up to there"),
        (("state", "sourcing", "--at", "yesterday"), "neither a position nor an ISO 8601 time"),
        (("state", "nonsense"), "nonsense is no stream; there are order, stock, sourcing"),
        (("project", "nonsense"), "no read model is called nonsense"),
        (("consume", "nonsense"), "no consumer is called nonsense"),
        (("reactions", "on", "nonsense"), "no reaction is called nonsense"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    system: System, typed: tuple[str, ...], told: str
) -> None:
    refused = run(system, *typed)
    assert refused.code == 1
    assert told in refused.words
    assert "Traceback" not in refused.text


# -- everything at once


def answers(port: int) -> bool:
    try:
        return call(port, "GET", "/ready", headers={}, limit=5).status == 200
    except Lost:
        return False


def sessions(system: System) -> int:
    """Connections of ours to the database, but this one."""
    with psycopg.connect(system.conninfo) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("kind", ["system", "kafka_system"])
def test_everything_goes_up_and_down_again(request: pytest.FixtureRequest, kind: str) -> None:
    system: System = request.getfixturevalue(kind)
    port = free_port()
    everything = system.start("up", http_port=port)
    eventually(lambda: everything.alive and answers(port), 40)
    eventually(lambda: run(system, "status").words.endswith("all is well"), 30)
    assert everything.stop(10) == 0
    eventually(lambda: sessions(system) <= 1, 5)
    assert not answers(port)
