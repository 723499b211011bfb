"""A store that an older build has lived in comes to this one; and both work side by side."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from benchmarks.against_parts.builds import Build, NoRevision, of_revision
from benchmarks.against_parts.dialect import OTHER
from infra.kafka.clients import connection
from infra.kafka.index_topic import last_index_record
from infra.kafka.topics import INTAKE_RESULTS, event_topics, topic_name
from infra.runtime.settings import Settings
from projections import PROJECTIONS
from tests.faults.conftest import own_folder
from tests.faults.http import Answer, call, free_port
from tests.faults.older import OlderProgram, older_program
from tests.faults.processes import Makers
from tests.faults.system import CALLER, SKU, Api, System, await_health, order_body
from tests.infra.relaying import assert_once_and_in_order, published, published_to, settings_for
from tests.infra.running import eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(400)]

REVISION = "a399707"
UNITS = 60
SCARCE = "SCARCE"
# Seconds: a day of trade on a busy machine.
DAY = 150.0
PLACED = "SELECT count(*) FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
INTAKE = ("consume", "orders")
VERSIONS = "SELECT projection, max(version) FROM read.checkpoints WHERE live GROUP BY 1"


@pytest.fixture(scope="session")
def older() -> Iterator[OlderProgram]:
    with older_program(_built()) as program:
        yield program


def _built() -> Build:
    try:
        return of_revision(REVISION, OTHER)
    except NoRevision as why:
        pytest.skip(str(why))


@dataclass(slots=True)
class Asked:
    """What customers and channels of the older build asked, and what they were told."""

    requests: dict[str, tuple[str, Any, Answer]] = field(default_factory=dict)
    messages: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class House:
    """One store, and both builds over it."""

    old: System
    new: System
    asked: Asked = field(default_factory=Asked)

    def ask(self, api: Api, key: str, path: str, body: dict[str, Any]) -> Answer:
        answer = self.old.post(api, path, body, key=key)
        assert answer.accepted, answer.body
        self.asked.requests[key] = path, body, answer
        return answer

    def send(self, *references: str) -> None:
        """Orders of a channel, in turn over the partitions of its topic."""
        messages = [json.dumps(order_body(each)).encode() for each in references]
        self.asked.messages += messages
        send_again(self.new.kafka, messages)


def send_again(settings: Settings, messages: list[bytes]) -> None:
    with closing(KafkaProducer(**connection(settings))) as producer:
        for number, message in enumerate(messages):
            topic = topic_name(settings, "intake.orders")
            producer.send(topic, message, partition=number % settings.topic_partitions).get(20)


@pytest.fixture
def house(
    older: OlderProgram,
    nursery: Makers,
    run_folder: Path,
    database: str,
    kafka: str,
    topic_prefix: str,
) -> Iterator[House]:
    """Migrated, with topics, a key and stock, by the older build."""
    settings = settings_for(kafka, topic_prefix)
    olds, news = (own_folder(run_folder, f"{topic_prefix}-{word}") for word in ("old", "new"))
    with (
        ended(System(older, olds, database)) as old,
        ended(System(nursery, news, database)) as new,
    ):
        # This build makes no topic before its time.
        old.settings = new.settings = settings
        done(old, "migrate")
        done(old, "topics")
        old.secret = new.secret = done(old, "keys", "create", "--name", CALLER).split()[-1]
        new.receipts = old.receipts
        with new.watch:
            yield House(old, new)


@contextmanager
def ended(system: System) -> Iterator[System]:
    try:
        yield system
    finally:
        system.stop()


def done(system: System, *verb: str) -> str:
    process = system.start(*verb)
    assert process.wait(90) == 0, process.tail(40)
    return process.log.read_text(encoding="utf-8")


def open_shop(house: House, api: Api) -> None:
    """One sku of which there is enough, and one that customers wait for."""
    house.ask(api, "location", "/locations", {"location": "UPGRADE", "country": "GB"})
    for sku, units in ((SKU, UNITS), (SCARCE, 1)):
        item = {"location": "UPGRADE", "sku": sku}
        house.ask(api, f"item-{sku}", "/stock/register", item)
        house.ask(api, f"policy-{sku}", "/stock/policy", item | {"backorder_limit": None})
        received = item | {"quantity": units, "document": "first"}
        house.ask(api, f"stock-{sku}", "/stock/receive", received)


def whole(system: System, *verb: str) -> Api:
    """A verb that runs everything, from the moment at which its API answers."""
    port = free_port()
    process = system.start(*verb, http_port=port)
    eventually(lambda: process.alive and listening(port), DAY)
    await_health(process, port)
    return Api(process, port)


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def ready(api: Api) -> bool:
    return call(api.port, "GET", "/ready", headers={}, limit=10).status == 200


def answers(settings: Settings) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
    """What the channel was told, by message."""
    told: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for record in published_to(settings, INTAKE_RESULTS):
        answer = json.loads(record.value)
        place = answer["source_topic"], answer["source_partition"], answer["source_offset"]
        told.setdefault(place, []).append(answer)
    return told


# -- the upgrade


def live_with_older(house: House) -> None:
    """A day of trade, lines that wait, an active reservation, and messages on every way."""
    old = house.old
    whole_day = whole(old, "demo")
    open_shop(house, whole_day)
    for number in range(8):
        reference = f"web-{number}"
        house.ask(whole_day, reference, "/orders", order_body(reference))
    waits = order_body("waits", SCARCE, quantity=5, shortage_policy="backorder")
    house.ask(whole_day, "waits", "/orders", waits)
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    cart = {
        "location": "UPGRADE",
        "sku": SKU,
        "owner": "cart",
        "quantity": 1,
        "expires_at": expires,
    }
    house.ask(whole_day, "cart", "/stock/reserve", cart)
    house.send("answered-1", "answered-2", "answered-3")
    eventually(lambda: len(answers(old.kafka)) == 3, 60)
    whole_day.process.stop(30)
    leave_in_flight(house)


def leave_in_flight(house: House) -> None:
    """Answers that no relay has sent, half a transaction, orders that no reader knows, and
    messages that no intake has read.
    """
    old = house.old
    api, intake = old.serve(), old.start(*INTAKE)
    house.send("taken-1", "taken-2", "taken-3")
    outbox = "SELECT count(*) FROM ordinal.outbox WHERE topic = 'intake.results'"
    eventually(lambda: old.rows(outbox)[0][0] >= 6, 60)
    intake.stop()
    for number in range(4):
        house.ask(api, f"late-{number}", "/orders", order_body(f"late-{number}"))
    relay = old.start("relay", crash_at="R4")
    assert relay.wait(60) == -9
    house.send("waiting-1", "waiting-2", "waiting-3")
    api.process.stop()


def test_a_store_of_an_older_build_is_upgraded(house: House) -> None:

    live_with_older(house)
    new, settings = house.new, house.new.kafka
    before = {place: told for place, told in answers(settings).items()}
    assert "applied" in done(new, "migrate")
    api = whole(new, "up")
    eventually(lambda: ready(api), 90)
    standing = new.rows(
        "SELECT projection, max(version) FROM read.checkpoints WHERE live GROUP BY 1"
    )
    assert dict(standing) == {each.name: each.version for each in PROJECTIONS}
    expect_first_answers(house, api)
    eventually(lambda: len(answers(settings)) == 9, 60)
    told = answers(settings)
    assert {place: each for place, each in told.items() if place in before} == before
    expect_repeated_messages(house, told)
    expect_new_topic(house, api)
    # Nobody feeds the tables of the former version any more.
    done(new, "rebuild", "all", "--drop-old")
    new.check(90)
    assert_once_and_in_order(published(settings), positions(new))
    verify = new.start("verify", "--wait", "60")
    assert verify.wait(90) == 0, verify.tail(60)


def positions(system: System) -> list[int]:
    log = "SELECT notification_id FROM ordinal.stored_events ORDER BY 1"
    return [position for (position,) in system.rows(log)]


def expect_first_answers(house: House, api: Api) -> None:
    """Whoever asks again, under the same key, hears what he heard."""
    head = house.new.head()
    for key, (path, body, first) in house.asked.requests.items():
        again = house.new.post(api, path, body, key=key)
        assert (again.status, again.body) == (first.status, first.body), key
        assert again.replayed
    assert house.new.head() == head


def expect_repeated_messages(
    house: House, first: dict[tuple[str, int, int], list[dict[str, Any]]]
) -> None:
    """The same order again is the same order, also for the messages of the older build."""
    settings, placed = house.new.kafka, house.new.rows(PLACED)
    send_again(settings, house.asked.messages)
    eventually(lambda: len(answers(settings)) == 2 * len(first), 60)
    told = answers(settings)
    assert {len(each) for each in told.values()} == {1}
    once = {each[0]["reference"]: each[0] for each in first.values()}
    for (again,) in (each for place, each in told.items() if place not in first):
        assert again == again | about(once[again["reference"]])
    assert house.new.rows(PLACED) == placed


def about(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without where its message, and now the log, stood. Newer versions may say more."""
    return {name: answer[name] for name in ("channel", "reference", "status", "order_id")}


def expect_new_topic(house: House, api: Api) -> None:
    """A kind of aggregate that the older build did not have is followed like the others."""
    new = house.new
    answer = new.post(api, "/order-policy", {"dispatch_needs_payment": True}, key="policy")
    assert answer.accepted, answer.body
    position = answer.json()["position"]

    def announced() -> bool:
        record = last_index_record(new.kafka)
        return record is not None and record.to >= position

    eventually(announced, 30)
    record = last_index_record(new.kafka)
    assert record is not None
    assert set(record.next_offsets) == {topic.name for topic in event_topics(new.kafka)}


# -- side by side


def test_an_older_build_works_beside_this_one_and_goes_on_after_the_upgrade(house: House) -> None:
    """Until it meets what it does not know; then it does not guess, and loses nothing."""
    old, new = house.old, house.new
    api = old.serve()
    open_shop(house, api)
    relay, project, intake = (old.start(*verb) for verb in (("relay",), ("project",), INTAKE))
    house.send("old-1", "old-2")
    eventually(lambda: len(answers(old.kafka)) == 2, 60)
    done(new, "migrate")
    newer = whole(new, "up")
    eventually(lambda: ready(newer), 90)
    house.ask(api, "beside", "/orders", order_body("beside"))
    assert new.post(newer, "/orders", order_body("newer"), key="newer").accepted
    write_what_the_older_one_does_not_know(house, newer)
    eventually(lambda: old.order(api, "refused").status == 503 and not ready(api), 30)
    eventually(lambda: project.said("projector_halted"), 60)
    house.send("both-1", "both-2", "both-3", "both-4")
    eventually(lambda: len(answers(new.kafka)) == 6, 90)
    for process in (api.process, relay, project, intake):
        process.stop(30)
    refused = new.insist([newer], "/orders", order_body("refused"), "refused")
    assert refused.status == 201
    expect_first_answers(house, newer)
    assert {len(each) for each in answers(new.kafka).values()} == {1}
    # Nobody feeds the tables of the former version any more.
    done(new, "rebuild", "all", "--drop-old")
    new.check(90)
    assert_once_and_in_order(published(new.kafka), positions(new))


def write_what_the_older_one_does_not_know(house: House, newer: Api) -> None:
    """An event with a new name in a stream that it folds, and a new kind of stream."""
    title = {"location": "UPGRADE", "sku": SKU, "title": "A heart"}
    assert house.new.post(newer, "/stock/title", title, key="title").accepted
    expect_new_topic(house, newer)
