"""What operators are promised: every figure moves, every rule and panel is about a figure that is
there, and every command of their pages does what its page says.
"""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import jsonschema
import psycopg
import pytest
import yaml
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from infra.kafka.clients import connection
from infra.kafka.topics import topic_name
from infra.local import embedded_postgres
from infra.postgres import advisory_locks
from infra.store.migrations import migrate
from projections import PROJECTIONS
from tests.faults.http import call
from tests.faults.processes import Makers, makers
from tests.faults.system import Api, System, all_at_once, order_body, system_over
from tests.infra.running import eventually
from tests.infra.shop import receive, writing
from tests.infra.wrong_clock import set_clock_ahead
from tests.pages import FOLDER, Page

PROMISED = {
    "ordinal_commands_total", "ordinal_command_seconds", "ordinal_batch_commands",
    "ordinal_append_seconds", "ordinal_queue_commands", "ordinal_breaker_open",
    "ordinal_http_requests_total", "ordinal_http_request_seconds", "ordinal_log_position",
    "ordinal_relay_position", "ordinal_relay_lag_events", "ordinal_projector_position",
    "ordinal_projector_lag_events", "ordinal_projector_lag_seconds", "ordinal_parked_streams",
    "ordinal_dead_letters", "ordinal_part_up", "ordinal_figures_age_seconds",
    "ordinal_intake_lag_messages", "ordinal_intake_topic_changes", "ordinal_reaction_on",
    "ordinal_reaction_parked", "ordinal_reaction_lag_events", "ordinal_reaction_lag_seconds",
    "ordinal_reaction_commands",
    "ordinal_database_clock_ahead_seconds", "ordinal_log_clock_ahead_seconds",
}  # fmt: skip
HISTOGRAMS = {f"ordinal_{name}" for name in (
    "command_seconds", "batch_commands", "append_seconds", "http_request_seconds")}  # fmt: skip
SAMPLES = (PROMISED - HISTOGRAMS) | {
    f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum", "count")
}
LABELS = {
    "kind", "outcome", "method", "route", "status", "projection", "part", "le", "instance", "topic",
    "reaction",
}  # fmt: skip
# Where no broker listens.
NOBODY = "127.0.0.1:1"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Makers]:
    with makers() as made:
        yield made


@contextmanager
def house(nursery: Makers, folder: Path, conninfo: str, **more: Any) -> Iterator[System]:
    folder.mkdir(parents=True, exist_ok=True)
    with system_over(nursery, folder, conninfo, **more) as made:
        made.open_shop(units=1_000)
        yield made


@pytest.fixture
def system(
    nursery: Makers, run_folder: Path, topic_prefix: str, ordinal_database: str
) -> Iterator[System]:
    with house(nursery, run_folder / topic_prefix, ordinal_database) as made:
        yield made


@pytest.fixture
def kafka_system(
    nursery: Makers, run_folder: Path, topic_prefix: str, ordinal_database: str, kafka: str
) -> Iterator[System]:
    folder = run_folder / topic_prefix
    with house(nursery, folder, ordinal_database, kafka=kafka, prefix=topic_prefix) as made:
        yield made


def place(system: System, api: Api, *references: str) -> int:
    """Orders of one line; returns where the log stands then."""
    for reference in references:
        assert system.order(api, reference).status == 201
    return system.head()


def figures(api: Api) -> dict[str, float]:
    """The samples of a scrape, by name and labels."""
    page = call(api.port, "GET", "/metrics", headers={}, limit=5).body.decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def execute(system: System, statement: str, *parameters: Any) -> None:
    with psycopg.connect(system.conninfo, autocommit=True) as conn:
        conn.execute(statement.encode(), parameters or None)


# -- figures


@pytest.mark.timeout(120)
def test_every_figure_moves(kafka_system: System) -> None:
    system = kafka_system
    api, relay, project = system.serve(), system.start("relay"), system.start("project")
    system.start("consume", "orders")
    system.start("react")
    head = place(system, api, "a", "b")
    expect_caught_up(api, head)
    relay.stop()
    project.stop()
    place(system, api, "c")
    expect_lag(api)
    expect_queue(system, api)
    expect_waiting(system, api)
    seen = figures(api)
    assert seen["ordinal_commands_total PlaceOrder accepted"] >= 3
    assert seen["ordinal_http_requests_total POST /v1/orders 201"] >= 3
    for name in HISTOGRAMS:
        assert seen[f"{name}_count"] >= 3
        assert seen[f"{name}_sum"] > 0
    names = {sample.partition(" ")[0] for sample in seen}
    assert names >= SAMPLES


def expect_caught_up(api: Api, head: int) -> None:
    expect_applied(api, head)
    lags = {f"ordinal_projector_lag_events {each.name}": 0 for each in PROJECTIONS}
    relay = {"ordinal_log_position": head, "ordinal_relay_position": head,
             "ordinal_relay_lag_events": 0, "ordinal_part_up relay": 1}  # fmt: skip
    wanted = lags | relay
    eventually(lambda: wanted.items() <= figures(api).items(), 40)


def expect_lag(api: Api) -> None:
    behind = [f"ordinal_projector_lag_{unit} {each.name}"
              for each in PROJECTIONS for unit in ("events", "seconds")]  # fmt: skip
    down = [f"ordinal_part_up projector {each.name}" for each in PROJECTIONS]

    def lags() -> bool:
        seen = figures(api)
        return all(seen[name] > 0 for name in [*behind, "ordinal_relay_lag_events"]) and not any(
            seen[name] for name in [*down, "ordinal_part_up relay"]
        )

    eventually(lags)


def expect_queue(system: System, api: Api) -> None:
    """Commands wait while somebody else holds the lock of the log."""

    def scrape() -> None:
        eventually(lambda: figures(api)["ordinal_queue_commands"] > 0)
        holder.execute("SELECT pg_advisory_unlock(%s)", (advisory_locks.APPEND,))

    with psycopg.connect(system.conninfo, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (advisory_locks.APPEND,))
        orders = [lambda n=n: system.order(api, f"queued-{n}") for n in range(6)]
        all_at_once(*orders, scrape)


def expect_waiting(system: System, api: Api) -> None:
    execute(system, "INSERT INTO read.parked VALUES ('inventory', 1, 'stock-x', 1, 'by hand')")
    execute(
        system,
        "INSERT INTO ordinal.outbox (topic, value, recorded_at) VALUES ('dead-letters', '', now())",
    )
    wanted = {"ordinal_parked_streams inventory": 1, "ordinal_dead_letters": 1}
    eventually(lambda: wanted.items() <= figures(api).items())


# -- rules and panels


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_is_about_figures_that_are_there(name: str) -> None:
    assert unknown(PANELS[name]) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_about_figures_that_are_there(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == set()
    assert (FOLDER.parents[1] / rule["annotations"]["page"]).is_file()


def test_a_figure_or_label_that_is_not_there_is_seen() -> None:
    assert unknown('sum by (kid) (rate(ordinal_comands_total{state="x"}[5m]))') == {
        "ordinal_comands_total", "kid", "state",
    }  # fmt: skip


def unknown(expression: str) -> set[str]:
    """Figures and labels of an expression that no page of figures has."""
    names = set(re.findall(r"\bordinal_\w+", expression))
    grouped = re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", expression)
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    labels = {label.strip() for group in grouped for label in group.split(",")} | set(matched)
    return (names - SAMPLES) | (labels - LABELS)


def test_every_figure_is_shown() -> None:
    shown = {name for expr in PANELS.values() for name in re.findall(r"\bordinal_\w+", expr)}
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert bare == PROMISED


def test_the_readme_tells_of_every_figure_and_every_rule() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bordinal_\w+", readme)) == PROMISED
    assert {rule["alert"] for rule in RULES} <= set(re.findall(r"\bOrdinal\w+", readme))


RULES_SCHEMA = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "rules"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "rules": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}},
                },
            },
        }
    },
    "$defs": {
        "rule": {
            "type": "object",
            "required": ["alert", "expr", "labels", "annotations"],
            "additionalProperties": False,
            "properties": {
                "alert": {"type": "string", "pattern": "^Ordinal[A-Za-z]+$"},
                "expr": {"type": "string"},
                "for": {"type": "string", "pattern": "^[0-9]+[smh]$"},
                "labels": {
                    "type": "object",
                    "properties": {"severity": {"enum": ["critical", "warning"]}},
                    "required": ["severity"],
                },
                "annotations": {
                    "type": "object",
                    "required": ["summary", "description", "page"],
                    "additionalProperties": {"type": "string"},
                },
            },
        }
    },
}


def test_the_rules_are_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool:
        subprocess.run([promtool, "check", "rules", FOLDER / "alerts.yml"], check=True)
    jsonschema.validate(ALERTS, RULES_SCHEMA)
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert all(balanced(expr) for expr in [*PANELS.values(), *(rule["expr"] for rule in RULES)])


def balanced(expression: str) -> bool:
    pairs = {")": "(", "]": "[", "}": "{"}
    opened: list[str] = []
    for sign in re.sub(r'"[^"]*"', "", expression):
        if sign in "([{":
            opened.append(sign)
        elif sign in pairs and (not opened or opened.pop() != pairs[sign]):
            return False
    return not opened


# -- status


def test_status_says_so_when_the_database_was_never_migrated(
    nursery: Makers, tmp_path: Path, database: str
) -> None:
    status = System(nursery, tmp_path, database).start("status")
    assert status.wait(30) == 1
    assert "run `ordinal migrate`" in status.tail()


def test_status_does_not_wait_for_a_server_that_hangs(nursery: Makers, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        conninfo = f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=ordinal user=ordinal"
        began = monotonic()
        status = System(nursery, tmp_path, conninfo).start("status")
        assert status.wait(30) == 1
        assert monotonic() - began < 6
    assert "the database cannot be asked" in status.tail()


# -- what callers kept


@pytest.mark.parametrize(
    ("forge", "code", "says"),
    [
        (lambda answer: answer, 0, "accepted commands"),
        (lambda answer: answer | {"body": "{}"}, 1, "I6: key kept of customers was answered {}"),
        (lambda answer: answer | {"key": "x"}, 1, "I1: the answer to key x of customers"),
        (lambda answer: {"key": "x"}, 1, "line 1: Object missing required field"),
    ],
)
def test_answers_are_held_against_the_store(
    system: System, tmp_path: Path, forge: Any, code: int, says: str
) -> None:
    place(system, system.serve(), "kept")
    (body,) = system.receipts.bodies["kept"]
    answer = {"caller": "customers", "channel": "web", "key": "kept", "body": body.decode()}
    file = tmp_path / "answers.ndjson"
    file.write_text(json.dumps(forge(answer)) + "\n", encoding="utf-8")
    verify = system.start("verify", "--receipts", str(file))
    assert verify.wait(30) == code, verify.tail(60)
    assert says in verify.tail(60)


# -- pages


@pytest.mark.timeout(120)
def test_the_database_is_away(nursery: Makers, public_folder: Path) -> None:
    page = Page("the-database-is-away")
    with embedded_postgres.running(public_folder / "postgres") as conninfo:
        migrate(conninfo)
        with house(nursery, public_folder / "logs", conninfo) as system:
            api = system.serve()
            system.start("project")
            expect_applied(api, place(system, api, "before"))
            embedded_postgres.stop(public_folder / "postgres")
            eventually(lambda: refused(system, api) and figures(api)["ordinal_breaker_open"] == 1)
            eventually(lambda: figures(api)["ordinal_figures_age_seconds"] > 2)
            page.run("Symptoms", system, 1, 0, api=api)
            page.run("What to do", system)
            embedded_postgres.restart(public_folder / "postgres")
            system.insist([api], "/orders", order_body("lost"), "lost")
            eventually(lambda: figures(api)["ordinal_figures_age_seconds"] < 2)
            assert figures(api)["ordinal_breaker_open"] == 0
            expect_applied(api, system.head())
            page.run("How to know that it is over", system)
    page.assert_all_was_run()


def refused(system: System, api: Api) -> bool:
    return system.order(api, "lost").status == 503


@pytest.mark.timeout(120)
def test_kafka_is_away(kafka_system: System) -> None:
    page, system = Page("kafka-is-away"), kafka_system
    api = system.serve()
    cut_off = [system.start(verb, kafka_bootstrap_servers=NOBODY) for verb in ("relay", "project")]
    head = place(system, api, "meanwhile")
    eventually(lambda: cut_off[0].said('"state":"retrying"'), 30)
    page.run("Symptoms", system, 1)
    for process in cut_off:
        process.kill()
    (without_kafka,) = page.run("What to do", system, 0)
    expect_applied(api, head)
    without_kafka.stop()
    relay, *_ = system.start("relay"), system.start("project"), system.start("consume")
    expect_caught_up(api, head)
    page.run("What to do", system, 0)
    relay.stop()
    page.run("What to do", system, 0)
    system.start("relay")
    expect_caught_up(api, head)
    expect_intakes(system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


def test_a_stream_is_parked(system: System) -> None:
    page = Page("a-stream-is-parked")
    api = system.serve()
    system.start("project")
    position = place(system, api, "parked")
    expect_applied(api, position)
    ((stream,),) = system.rows(
        "SELECT originator_id FROM ordinal.stored_events WHERE originator_id LIKE 'order-%' LIMIT 1"
    )
    execute(
        system,
        "INSERT INTO read.parked VALUES ('order_status', 1, %s, %s, 'by hand')",
        stream,
        position + 1,
    )
    path = f"/orders/{stream.removeprefix('order-')}/cancel"
    assert system.post(api, path, {"reason": "changed-mind"}, key="cancel").status == 200
    _, listed = page.run("Symptoms", system, 1, 0)
    assert stream in listed.tail()
    names = {"STREAM": stream, "PROJECTION": "order_status"}
    _, state, _ = page.run("What to do", system, **names, BEFORE=position, POSITION=system.head())
    assert "cancelled" in state.tail(200)
    expect_applied(api, system.head())
    page.run("How to know that it is over", system)
    page.assert_all_was_run()
    (row,) = system.rows("SELECT status FROM read.order_status")
    assert row == ("cancelled",)


@pytest.mark.timeout(120)
def test_a_dead_letter_arrived(kafka_system: System) -> None:
    page, system = Page("a-dead-letter-arrived"), kafka_system
    system.start("consume", "orders")
    send(system, b'{"reference": "half')
    letters = "SELECT convert_from(key, 'UTF8') FROM ordinal.outbox WHERE topic = 'dead-letters'"
    eventually(lambda: len(system.rows(letters)) == 1, 40)
    ((letter,),) = system.rows(letters)
    listed, shown = page.run("What to do", system, 0, 0, ID=letter)
    assert letter in listed.tail()
    assert "unreadable" in listed.tail()
    assert '"message": "{\\"reference\\": \\"half"' in shown.tail()
    page.run("What to do", system, 0, ID=letter)
    eventually(lambda: len(system.rows(letters)) == 2, 20)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


@pytest.mark.timeout(120)
def test_an_intake_is_behind(kafka_system: System) -> None:
    """Its topic ends before what was read of it."""
    page, system = Page("an-intake-is-behind"), kafka_system
    intake = system.start("consume", "orders")
    eventually(lambda: intake.said("intake_assigned"), 40)
    source = "(SELECT source FROM ordinal.intake_topics)"
    system.rows(f"INSERT INTO ordinal.intake_offsets VALUES ({source}, 0, 5) RETURNING 1")
    intake.stop()
    intake = system.start("consume", "orders")
    eventually(lambda: intake.said("intake_halts"), 40)
    assert system.start("status", "--part", "intake").wait(30) == 1
    topic = topic_name(system.kafka, "intake.orders")
    page.run("What to do", system, TOPIC=topic)
    send(system, b"{}")
    answers = "SELECT count(*) FROM ordinal.outbox WHERE topic = 'intake.results'"
    eventually(lambda: system.rows(answers) == [(1,)], 40)
    everybody = system.start("consume")
    expect_intakes(system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()
    everybody.stop()


def send(system: System, message: bytes) -> None:
    assert system.settings is not None
    producer = KafkaProducer(**connection(system.settings))
    producer.send(topic_name(system.settings, "intake.orders"), message).get(10)
    producer.close()


@pytest.mark.timeout(120)
def test_a_backup_was_restored(kafka_system: System) -> None:
    page, system = Page("a-backup-was-restored"), kafka_system
    api, relay, project = system.serve(), system.start("relay"), system.start("project")
    expect_caught_up(api, place(system, api, "kept"))
    back_up(system)
    lost = place(system, api, "lost", "lost-too")
    expect_caught_up(api, lost)
    for process in (api.process, relay, project):
        process.stop()
    restore(system)
    assert system.start("relay").wait(30) != 0
    page.run("Symptoms", system, 1)
    page.run("What to do", system)
    api, *_ = system.serve(), system.start("relay"), system.start("project")
    system.start("consume")
    head = place(system, api, "lost", "new")
    assert head > lost
    expect_caught_up(api, head)
    expect_intakes(system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()
    found = system.rows("SELECT reference FROM read.order_status ORDER BY 1")
    assert found == [("kept",), ("lost",), ("new",)]


TABLES = ("stored_events", "commands", "contacts", "outbox", "snapshots")


def back_up(system: System) -> None:
    execute(system, "CREATE SCHEMA backup")
    for table in TABLES:
        execute(system, f"CREATE TABLE backup.{table} AS TABLE ordinal.{table}")


def restore(system: System) -> None:
    """Of the log and what belongs to it: the read models stay ahead."""
    sequence = "ordinal.stored_events_notification_id_seq"
    head = "(SELECT max(notification_id) FROM ordinal.stored_events)"
    with psycopg.connect(system.conninfo) as conn:
        conn.execute("ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only")
        for table in TABLES:
            conn.execute(f"DELETE FROM ordinal.{table}".encode())
            conn.execute(f"INSERT INTO ordinal.{table} TABLE backup.{table}".encode())
        conn.execute("ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only")
        conn.execute(f"SELECT setval('{sequence}', {head})".encode())


def test_a_read_model_must_be_rebuilt(system: System) -> None:
    page = Page("a-read-model-must-be-rebuilt")
    api = system.serve()
    system.start("project")
    expect_applied(api, place(system, api, "a", "b"))
    execute(system, "DELETE FROM read.order_status_g1 WHERE reference = 'a'")
    _, verify = page.run("Symptoms", system, 0, 1)
    assert "I4: order_status" in verify.tail()
    page.run("What to do", system, PROJECTION="order_status")
    page.run("How to know that it is over", system)
    page.assert_all_was_run()
    found = system.rows("SELECT projection, generation FROM read.checkpoints ORDER BY 1, 2")
    assert ("order_status", 3) in found
    assert ("order_status", 2) not in found


def test_reactions(system: System) -> None:
    page = Page("reactions")
    api = system.serve()
    system.start("react")
    eventually(lambda: figures(api).get("ordinal_part_up reactions") == 1, 30)
    (listed,) = page.run("Look", system)
    assert "expirer" in listed.tail(200)
    page.run("Switch", system, 0)
    eventually(lambda: figures(api)["ordinal_reaction_on expirer"] == 0, 30)
    page.run("Switch", system)
    eventually(lambda: figures(api)["ordinal_reaction_on expirer"] == 1, 30)
    execute(
        system,
        "INSERT INTO ordinal.reaction_tasks (reaction, kind, subject, due, origin, correlation_id,"
        " error) VALUES ('expirer', 'stream', 'stock-LEEDS-X', now(), gen_random_uuid(), 'x', 'y')",
    )
    eventually(lambda: figures(api)["ordinal_reaction_parked expirer"] == 1, 30)
    page.run("Something is parked", system)
    eventually(lambda: figures(api)["ordinal_reaction_parked expirer"] == 0, 30)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


@pytest.mark.timeout(120)
def test_a_clock_is_wrong(system: System) -> None:
    """The database's alone at first; then that of the whole machine, for one commit."""
    page, ahead = Page("a-clock-is-wrong"), timedelta(hours=3)
    project = system.start("project")
    set_clock_ahead(system.conninfo, ahead)
    api = system.serve()
    answer = system.order(api, "refused")
    assert (answer.status, json.loads(answer.body)["type"]) == (
        503,
        "urn:ordinal:problem:clock-ahead",
    )
    eventually(lambda: figures(api)["ordinal_database_clock_ahead_seconds"] > 300)
    page.run("Symptoms", system, 1)
    with writing(system.conninfo, clock=lambda: datetime.now(UTC) + ahead) as writer:
        receive(writer, 1)
    set_clock_ahead(system.conninfo, timedelta(0))
    eventually(lambda: figures(api)["ordinal_log_clock_ahead_seconds"] > 300)
    eventually(lambda: figures(api)["ordinal_database_clock_ahead_seconds"] < 300)
    page.run("What to do", system)
    expect_applied(api, place(system, api, "refused", "b"))
    eventually(lambda: figures(api)["ordinal_log_clock_ahead_seconds"] == 0)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()
    project.stop()


def test_logins(system: System) -> None:
    """Its statements are typed in `tests/infra/test_guards.py`."""
    page = Page("logins")
    page.run("Who may take locks", system)
    page.assert_all_was_run()


@pytest.mark.timeout(180)
def test_install(kafka_system: System) -> None:
    page, system = Page("install"), kafka_system
    page.run("On a server", system)
    run_everything(system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


@pytest.mark.timeout(180)
def test_upgrade(kafka_system: System) -> None:
    """From a version that had other read models; `tests/faults` has one from an older build."""
    page, system = Page("upgrade"), kafka_system
    run_everything(system)
    page.run("Before", system)
    page.run("The database", system)
    page.run("The processes", system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


def test_backup(system: System) -> None:
    """What a restore takes is typed in `test_a_backup_was_restored`."""
    page, api = Page("backup"), system.serve()
    system.start("project")
    expect_applied(api, place(system, api, "kept"))
    page.run("Before each backup counts", system)
    page.run("How to know that it is over", system)
    page.assert_all_was_run()


def run_everything(system: System) -> None:
    for verb in ("relay", "project", "consume", "react"):
        system.start(verb)
    api = system.serve()
    place(system, api, "first")
    eventually(lambda: system.start("status").wait(30) == 0, 60)


def expect_intakes(system: System) -> None:
    eventually(lambda: system.start("status", "--part", "intake").wait(30) == 0, 60)


def expect_applied(api: Api, head: int) -> None:
    positions = {f"ordinal_projector_position {each.name}": head for each in PROJECTIONS}
    parts = {f"ordinal_part_up projector {each.name}": 1 for each in PROJECTIONS}
    wanted = positions | parts
    eventually(lambda: wanted.items() <= figures(api).items(), 30)


def test_every_page_is_run() -> None:
    pages = {path.stem.replace("-", "_") for path in FOLDER.glob("*.md")} - {"README"}
    assert pages <= {name.removeprefix("test_") for name in globals()}
