"""The gift shop's file, by import and as messages, held against a computation from its text."""

import io
import json
import re
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from consumers.files.online_retail import carried, messages
from domain.values import order_id_of
from infra.write_path.append_batch import CommandRequest
from tests.consumers.gift_shop import gift_shop, told
from tests.e2e import by_hand
from tests.e2e.asking import Ran, await_lag_zero, read_everything, run
from tests.e2e.by_hand import CHANNEL, Books, books
from tests.faults.system import System
from tests.infra.running import eventually
from tests.infra.shop import accepted, writing

ORDERS = """
SELECT reference, customer_id, country, to_char(placed_at AT TIME ZONE 'UTC',
       'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'), lines, units_ordered, units_cancelled,
       units_backordered, total, cancelled_amount
FROM read.order_status WHERE channel = 'online-retail' AND currency = 'GBP'
"""
LINES = """
SELECT reference, line, sku, ordered, line.cancelled, backordered
FROM read.order_status_line AS line JOIN read.order_status USING (order_id)
"""
STOCK = "SELECT sku, on_hand, backordered, available FROM read.inventory WHERE location = 'UK1'"
DAYS = """
SELECT day::text, country, orders, units, revenue, units_cancelled, cancelled
FROM read.report_daily WHERE channel = 'online-retail' AND currency = 'GBP'
AND (orders, units, revenue, units_cancelled, cancelled) <> (0, 0, 0, 0, 0)
"""
SKUS = """
SELECT sku, sum(units)::int, sum(revenue)::int, sum(units_cancelled)::int, sum(cancelled)::int
FROM read.report_sku_daily GROUP BY sku
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    name = tmp_path / "gift-shop.csv"
    name.write_bytes(gift_shop())
    return name


def test_the_read_models_say_what_the_file_says(system: System, file: Path) -> None:
    done = run(system, "import", "online-retail", str(file))
    assert done.code == 1, done.text
    assert counts(done, "lines in") == len(gift_shop().splitlines()) - 1
    assert counts(done, "applied") == told().applied
    assert counts(done, "orders") == len(told().orders)
    system.start("project")
    await_lag_zero(system)
    assert_equal(system, books())
    system.check()


def test_every_rejected_line_is_in_the_rejects_file(system: System, file: Path) -> None:
    rejects = file.with_name("bad.csv")
    done = run(system, "import", "online-retail", str(file), "--rejects", str(rejects))
    assert len(rejects.read_text().splitlines()) == 1 + told().rejected
    assert rejects.name in done.words


def test_a_second_run_changes_nothing(system: System, file: Path) -> None:
    first = run(system, "import", "online-retail", str(file))
    head, rejects = system.head(), file.with_suffix(".rejects.csv").read_text()
    again = run(system, "import", "online-retail", str(file))
    assert (again.code, system.head()) == (first.code, head)
    assert file.with_suffix(".rejects.csv").read_text() == rejects
    for what in ("lines in", "applied", "orders", "cancellations", "adjustments"):
        assert counts(again, what) == counts(first, what)


def test_an_import_that_was_killed_is_finished_by_the_next_one(system: System, file: Path) -> None:
    heads = []
    for crash_at in ("A2:2", "A3:1", ""):
        done = run(system, "import", "online-retail", str(file), crash_at=crash_at)
        assert done.code == (-9 if crash_at else 1), done.text
        heads.append(system.head())
    assert 0 < heads[0] <= heads[1] < heads[2]
    system.start("project")
    await_lag_zero(system)
    assert_equal(system, books())
    system.check()


def test_sales_sent_as_messages_become_the_same_orders(kafka_system: System) -> None:
    carry_the_skus(kafka_system)
    for verb in (
        ("relay",),
        ("project",),
        ("consume", "orders", "--channel", CHANNEL, "--history"),
    ):
        kafka_system.start(*verb)
    sent = list(messages(io.BytesIO(gift_shop())))
    send(kafka_system, sent)
    taken = "SELECT coalesce(sum(next_offset), 0) FROM ordinal.intake_offsets"
    eventually(lambda: kafka_system.rows(taken) == [(len(sent),)], 30)
    await_lag_zero(kafka_system)
    assert_equal(kafka_system, books(sales_only=True))
    answered, dead = answers(kafka_system)
    assert answered == Counter(accepted=len(told().orders), refused=1)
    assert dead == ["700001"]
    kafka_system.check()


# -- asking


def assert_equal(system: System, said: Books) -> None:
    """The read models of a database, and the books that were kept by hand."""
    assert set(system.rows(ORDERS)) == by_hand.order_rows(said)
    assert set(system.rows(LINES)) == by_hand.line_rows(said)
    assert set(system.rows(STOCK)) == by_hand.stock_rows(said)
    assert set(system.rows(DAYS)) == by_hand.day_rows(said)
    assert set(system.rows(SKUS)) == by_hand.sku_rows(said)
    ids = {order_id for (order_id,) in system.rows("SELECT order_id FROM read.order_status")}
    assert ids == {order_id_of(CHANNEL, number) for number in said.sales}


def counts(done: Ran, what: str) -> int:
    """One number of the report that an import ends with."""
    found = re.search(rf"^\W+{what}\W+([0-9]+)\W*$", done.text, re.MULTILINE)
    assert found, done.text
    return int(found[1])


def carry_the_skus(system: System) -> None:
    """A channel that sends orders leaves the stock to others."""
    with writing(system.conninfo) as writer:
        asks = [CommandRequest(*each) for each in carried(io.BytesIO(gift_shop()), actor="buyer")]
        writer.write(asks)
    assert all(accepted(ask) for ask in asks)


def send(system: System, sent: list[tuple[bytes, bytes]]) -> None:
    """As a channel does that has never seen our code."""
    assert system.settings is not None
    shop = Producer({"bootstrap.servers": system.settings.kafka_bootstrap_servers})
    for key, value in sent:
        shop.produce(f"{system.settings.topic_prefix}.intake.orders", value, key)
    assert shop.flush(20) == 0


def answers(system: System) -> tuple[Counter[str], list[Any]]:
    """What the channel was told, and the references of what is in the dead letters."""
    told_them, dead = Counter[str](), []
    for message in read_everything(system):
        if message.topic.endswith(".intake.results"):
            told_them[message.json()["status"]] += 1
        elif message.topic.endswith(".dead-letters"):
            original = b64decode(message.json()["value_base64"])
            dead.append(json.loads(original)["reference"])
    return told_them, dead
