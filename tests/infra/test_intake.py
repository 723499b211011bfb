"""Orders from a real Kafka into a real log: each once, none lost, every message answered."""

import base64
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from kafka import KafkaProducer, TopicPartition

from commands import HANDLERS
from consumers.channels.marketplace import MARKETPLACE
from consumers.channels.orders import ORDERS, OrderMessage, OrderMessageLine, Person
from consumers.consumer import IntakeResult
from domain.history import EVENTS
from domain.values import order_stream
from infra.intake.intake import Intake
from infra.intake.polled_batch import PolledBatch
from infra.kafka.clients import connection
from infra.kafka.topics import topic_name
from infra.runtime.settings import Settings
from infra.store import codec
from infra.store.envelope import envelope
from infra.write_path.group_commit import Writer
from infra.write_path.side_writes import SideWrite, SideWrites
from tests.infra.intaking import (
    CHANNEL,
    PARTITIONS,
    Channel,
    dead_letters,
    encoded,
    intake_of,
    intake_settings,
    opened,
    orders,
    results,
    running,
    stream_of,
    take,
    taken,
)
from tests.infra.proxy import postgres_proxy
from tests.infra.pulses import Watched
from tests.infra.shop import (
    MARKING,
    SKU,
    Mark,
    accepted,
    ask,
    burn,
    check_log,
    count_of,
    do,
    open_shop,
    order,
    stock_of,
    versions,
    writing,
)


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return intake_settings(kafka, topic_prefix)


@pytest.fixture
def shop(ordinal_database: str) -> str:
    return opened(ordinal_database)


@pytest.fixture
def channel(settings: Settings) -> Iterator[Channel]:
    with closing(Channel(settings, "intake.orders")) as channel:
        yield channel


# -- good messages


def test_orders_are_placed_once_and_answered(
    shop: str, settings: Settings, channel: Channel
) -> None:
    channel.send(*(encoded(f"r{number}") for number in range(30)))
    intake = intake_of(shop, settings)
    take(intake, shop, 30)
    rows = check_log(shop)
    assert sorted(orders(shop)) == sorted(stream_of(f"r{number}") for number in range(30))
    answers = {each.reference: each for each in results(shop)}
    assert len(answers) == len(results(shop)) == 30
    for row in rows:
        known = codec.recorded(row.position, row.state)
        if isinstance(known.event, EVENTS["OrderPlaced"]):
            answer = answers[known.event.reference]  # type: ignore[attr-defined]
            assert (answer.status, answer.error, answer.why) == ("accepted", None, None)
            assert row.stream_id == order_stream(answer.order_id or "")
            assert answer.position is not None
            assert answer.position >= row.position
            coordinates = f"{answer.source_topic}/{answer.source_partition}/{answer.source_offset}"
            assert known.correlation_id == coordinates
            assert (known.actor, known.channel) == ("intake:orders", CHANNEL)
    assert stock_of(shop).allocated == 30
    assert count_of(shop, "contacts") == 30
    assert dead_letters(shop) == []
    assert (intake.status.messages, intake.status.accepted) == (30, 30)
    assert intake.status.state == "stopped"


def test_a_refusal_is_an_answer(shop: str, settings: Settings, channel: Channel) -> None:
    too_many = (OrderMessageLine(sku=SKU, quantity=1_001, unit_price=1),)
    nowhere = (OrderMessageLine(sku="no such sku", quantity=1, unit_price=1),)
    channel.send(encoded("r1", lines=too_many), encoded("r2", lines=nowhere), encoded("r3"))
    take(intake_of(shop, settings), shop, 3)
    answers = {each.reference: each for each in results(shop)}
    assert [answers[name].status for name in ("r1", "r2", "r3")] == [
        "refused",
        "refused",
        "accepted",
    ]
    assert answers["r1"].error == "InsufficientStock"
    assert answers["r2"].error == "UnknownSku"
    assert answers["r2"].why
    assert orders(shop) == [stream_of("r3")]
    # What lacks stock was understood; a sku that nobody knows may be sent again once it is known.
    assert [letter.error for letter in dead_letters(shop)] == ["UnknownSku"]


def test_the_same_order_again_gets_the_first_one_and_other_content_a_dead_letter(
    shop: str, settings: Settings, channel: Channel
) -> None:
    channel.send(encoded("r1"), encoded("r1"), encoded("r1", country="FR"), key=b"r1")
    take(intake_of(shop, settings), shop, 3)
    first, again, other = results(shop)
    assert (first.status, again.status) == ("accepted", "accepted")
    assert first.order_id == again.order_id
    assert (other.status, other.error) == ("refused", "ReferenceReused")
    assert [letter.error for letter in dead_letters(shop)] == ["ReferenceReused"]
    assert orders(shop) == [stream_of("r1")]


def test_another_channel_is_another_file_only(shop: str, settings: Settings) -> None:
    money = {"amount": "2.50", "currencyCode": "GBP"}
    message = {
        "marketplaceOrderId": "m-1",
        "purchaseDate": "2024-02-29T12:00:00Z",
        "buyer": {"buyerId": "b-1", "name": "Ada"},
        "delivery": {
            "address": {
                "recipient": "Ada",
                "addressLine": "1 High Street",
                "city": "Leeds",
                "countryCode": "GB",
                "postalCode": "LS1 4AP",
            }
        },
        "orderItems": [{"sellerSku": SKU, "quantity": 1, "unitPrice": money}],
        "grandTotal": money,
    }
    with closing(Channel(settings, "intake.marketplace")) as channel:
        channel.send(msgspec.json.encode(message), b"{}")
    take(intake_of(shop, settings, MARKETPLACE.of_channel("market", history=True)), shop, 2)
    answers = {(each.reference, each.status, each.code) for each in results(shop)}
    assert answers == {("m-1", "accepted", None), (None, "refused", "invalid")}
    assert len(dead_letters(shop)) == 1
    placed = envelope(check_log(shop)[-2].state)
    assert placed.occurred_at.year == 2024
    assert placed.channel == "market"


# -- bad messages

BAD: dict[str, bytes | None] = {
    "nothing": None,
    "empty": b"",
    "no json": b"{",
    "no utf-8": b'{"reference":"\xff\xfe"}',
    "bare nul": b"\0",
    "no object": b"[]",
    "lacks all": b"{}",
    "wrong type": encoded("r").replace(b'"quantity":1', b'"quantity":"1"'),
    "a fraction": encoded("r").replace(b'"quantity":1', b'"quantity":1.5'),
    "infinite": encoded("r").replace(b'"quantity":1', b'"quantity":1e999'),
    "unknown word": encoded("r").replace(b'"prepaid"', b'"later"'),
    "no moment": encoded("r", total=1).replace(b'"promised_by":null', b'"promised_by":"soon"'),
    "half a character": encoded("r").replace(b'"Ada"', b'"\\ud800"'),
    "deep": b'{"more":' + b"[" * 100_000,
    "no reference": encoded(" "),
}
SENSELESS: dict[str, bytes] = {
    "no lines": encoded("r", lines=()),
    "nul in reference": encoded("a\0b"),
    "nul in sku": encoded("r", lines=(OrderMessageLine(sku="\0", quantity=1, unit_price=1),)),
    "nul in contact": encoded("r", shipping=Person(name="a\0b")),
    "below zero": encoded("r").replace(b'"quantity":1', b'"quantity":-1'),
    "huge": encoded("r").replace(b'"quantity":1', b'"quantity":' + b"9" * 40),
    "huge price": encoded("r").replace(b'"unit_price":250', b'"unit_price":' + b"9" * 40),
    "no country": encoded("r", country="ENGLAND"),
    "wrong total": encoded("r", total=1),
    "too long": encoded("r" * 300),
}


def test_what_cannot_become_an_order_is_kept_with_its_bytes_and_place(
    shop: str, settings: Settings, channel: Channel
) -> None:
    messages = [*BAD.values(), *SENSELESS.values()]
    channel.send(*(each for bad in messages for each in (bad, encoded("good"))), key=b"k")
    take(intake_of(shop, settings), shop, len(messages) * 2)
    letters = dead_letters(shop)
    assert [letter.source_offset for letter in letters] == list(range(0, len(messages) * 2, 2))
    topic = topic_name(settings, "intake.orders")
    for letter, message in zip(letters, messages, strict=True):
        stored = None if letter.value_base64 is None else base64.b64decode(letter.value_base64)
        assert stored == message
        assert base64.b64decode(letter.key_base64 or "") == b"k"
        assert (letter.source_topic, letter.source_partition) == (topic, sum(b"k") % PARTITIONS)
        assert letter.reason.startswith(letter.error)
    errors = [letter.error for letter in letters]
    assert set(errors[: len(BAD)]) == {"unreadable"}
    assert set(errors[len(BAD) :]) <= {"Invalid", "TotalMismatch"}
    assert orders(shop) == [stream_of("good")]
    assert len({letter.id for letter in letters}) == len(messages)
    refusals = [each for each in results(shop) if each.status == "refused"]
    assert [each.source_offset for each in refusals] == [each.source_offset for each in letters]
    known = {"malformed-request", "invalid", "total-mismatch", "internal-error"}
    assert {each.code for each in refusals} <= known


def test_what_only_the_database_refuses_harms_no_other_message(
    shop: str, settings: Settings, channel: Channel
) -> None:
    """A channel whose orders want a stream by a name that no text column takes."""

    def to_commands(message: OrderMessage, _: str) -> tuple[object]:
        name = "stock-X-" + message.reference.replace("bad", "\0")
        return (Mark(streams=(name,)),)

    channel.send(encoded("r1"), encoded("bad"), encoded("r2"), key=b"k")
    careless = replace(ORDERS, to_commands=to_commands)
    take(intake_of(shop, settings, careless, handlers=MARKING), shop, 3)
    assert [(each.reference, each.code) for each in results(shop)] == [
        ("r1", None), ("bad", "invalid"), ("r2", None)
    ]  # fmt: skip
    assert list(versions(check_log(shop)))[-2:] == ["stock-X-r1", "stock-X-r2"]
    (letter,) = dead_letters(shop)
    assert "database" in letter.reason
    assert base64.b64decode(letter.value_base64 or "") == encoded("bad")


def test_a_channel_with_a_fault_of_its_own_blocks_nothing(
    shop: str, settings: Settings, channel: Channel
) -> None:
    sound = ORDERS

    def to_commands(message: OrderMessage, channel: str) -> Sequence[object]:
        if message.reference == "bad":
            raise IndexError
        return sound.to_commands(message, channel)

    channel.send(encoded("bad"), encoded("r1"), key=b"k")
    take(intake_of(shop, settings, replace(sound, to_commands=to_commands)), shop, 2)
    assert orders(shop) == [stream_of("r1")]
    assert [letter.source_offset for letter in dead_letters(shop)] == [0]


# -- cold streams


def test_a_batch_that_finds_some_of_its_stock_at_hand_is_written(ordinal_database: str) -> None:
    """It rolls back to load the rest; what was at hand then must still be at hand."""
    with writing(ordinal_database, HANDLERS) as writer:
        open_shop(writer, ["A", "B"], units=9)
    with writing(ordinal_database, HANDLERS) as writer:
        do(writer, order("o-1", "A"))
        asks = [ask(order("o-2", "A")), ask(order("o-3", "B"))]
        writer.write(asks, lambda _: [])
        assert [accepted(each).receipt.outcome for each in asks] == ["placed", "placed"]


# -- crashes, repeats and several processes


class Killed(Exception):
    """The process died here."""


class Dying(Writer):
    """Dies once: when everything is decided, answers and offsets are at hand, nothing committed."""

    lives = 1

    def write(
        self,
        asks: Sequence[Any],
        side_writes: SideWrites | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        super().write(asks, side_writes and self._dying(side_writes), meanwhile)

    def _dying(self, side_writes: SideWrites) -> SideWrites:
        def dies(asks: Sequence[Any]) -> Sequence[SideWrite]:
            if type(self).lives:
                type(self).lives -= 1
                raise Killed
            return side_writes(asks)

        return dies


def test_orders_answers_and_offsets_move_together_or_not_at_all(
    shop: str, settings: Settings, channel: Channel
) -> None:
    before = len(check_log(shop))
    channel.send(*(encoded(f"r{number}") for number in range(9)), b"bad")
    intake = intake_of(shop, settings, writer=Dying)
    with pytest.raises(Killed):
        take(intake, shop, 10)
    assert len(check_log(shop)) == before
    assert taken(shop) == count_of(shop, "outbox") == 0
    take(intake_of(shop, settings), shop, 10)
    assert len(orders(shop)) == 9
    assert (len(results(shop)), len(dead_letters(shop))) == (10, 1)


def test_delivering_everything_again_changes_nothing(
    shop: str, settings: Settings, channel: Channel
) -> None:
    """An operator has lost the offsets, and the group's are of no use either."""
    channel.send(*(encoded(f"r{number}") for number in range(20)), b"bad")
    take(intake_of(shop, settings), shop, 21)
    before, answers = check_log(shop), results(shop)
    with psycopg.connect(shop) as conn:
        conn.execute("DELETE FROM ordinal.intake_offsets")
    take(intake_of(shop, settings), shop, 21)
    assert check_log(shop) == before
    again = results(shop)[len(answers) :]
    assert sorted(again, key=key_of) == sorted(answers, key=key_of)
    assert [letter.id for letter in dead_letters(shop)] == [dead_letters(shop)[0].id] * 2


def key_of(result: IntakeResult) -> str:
    return result.reference or ""


def test_a_lost_commit_reply_costs_and_doubles_nothing(
    shop: str, settings: Settings, channel: Channel, public_folder: Path
) -> None:
    channel.send(*(encoded(f"r{number}") for number in range(10)))
    with postgres_proxy(shop, public_folder) as (proxy, conninfo):
        intake = intake_of(conninfo, settings)
        proxy.cut_when("received", b"COMMIT\0")
        with running(intake) as work:
            work.until(lambda: taken(shop) >= 10)
            channel.send(encoded("later"))
            work.until(lambda: taken(shop) >= 11)
        assert proxy.sprung.is_set()
    assert len(orders(shop)) == len(results(shop)) == 11


def test_a_database_that_is_away_is_waited_for(
    shop: str, settings: Settings, channel: Channel, public_folder: Path
) -> None:
    with (
        postgres_proxy(shop, public_folder) as (proxy, conninfo),
        running(intake_of(conninfo, settings)) as work,
    ):
        channel.send(encoded("r1"))
        work.until(lambda: taken(shop) >= 1)
        proxy.refuse()
        proxy.cut()
        channel.send(encoded("r2"))
        work.until(lambda: work.intake.status.last_error is not None)
        proxy.heal()
        work.until(lambda: taken(shop) >= 2)
    assert len(orders(shop)) == len(results(shop)) == 2


def test_positions_burned_under_its_feet_are_no_reason_to_give_up(
    shop: str, settings: Settings, channel: Channel
) -> None:
    burned = iter([3])
    sound = ORDERS

    class Burning(Writer):
        def write(
            self,
            asks: Sequence[Any],
            side_writes: SideWrites | None = None,
            meanwhile: Callable[[], None] | None = None,
        ) -> None:
            def burning(asked: Sequence[Any]) -> Sequence[SideWrite]:
                burn(shop, next(burned, 0))
                assert side_writes is not None
                return side_writes(asked)

            super().write(asks, burning)

    channel.send(*(encoded(f"r{number}") for number in range(5)))
    take(intake_of(shop, settings, sound, writer=Burning), shop, 5)
    assert len(orders(shop)) == len(results(shop)) == 5
    assert dead_letters(shop) == []


def test_two_in_one_group_share_the_work_while_they_come_and_go(
    shop: str, settings: Settings, channel: Channel
) -> None:
    total = 600

    def send() -> None:
        for start in range(0, total, 30):
            channel.send(*(encoded(f"r{start + number}") for number in range(30)))

    sender = threading.Thread(target=send)
    with ExitStack() as stack:
        first = stack.enter_context(running(intake_of(shop, settings)))
        sender.start()
        for _ in range(3):
            with running(intake_of(shop, settings)) as second:
                second.until(lambda: second.intake.status.messages > 0 or not sender.is_alive())
        sender.join(20)
        first.until(lambda: taken(shop) >= total)
    assert len(orders(shop)) == total
    answers = results(shop)
    assert len(answers) == len({each.reference for each in answers}) == total
    assert {each.status for each in answers} == {"accepted"}
    assert stock_of(shop).allocated == total


def test_a_reader_that_went_deaf_is_replaced(
    shop: str, settings: Settings, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is polled, its group believes in it, and it reads no more: as if an answer were lost."""
    monkeypatch.setattr("infra.intake.stall_detector.INTERVAL", 0.3)
    readers: set[int] = set()

    class Deaf(Intake):
        def _go_to_our_offsets(self, reader: Any) -> None:
            super()._go_to_our_offsets(reader)
            readers.add(id(reader))
            if len(readers) == 1:
                reader.pause(*reader.assignment())

    known = intake_of(shop, settings)
    channel.send(*(encoded(f"r{number}") for number in range(6)))
    with running(Deaf(known.settings, known.channel, known.writer)) as work:
        work.until(lambda: taken(shop) == 6)
    assert len(orders(shop)) == 6
    assert "nothing is read of" in (work.intake.status.last_error or "")


@pytest.mark.parametrize("ended", [True, False], ids=["taken back", "still open"])
def test_orders_that_were_not_sent_after_all_are_waited_for_in_peace(
    ended: bool, shop: str, settings: Settings, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction at the topic's end that never becomes visible."""
    monkeypatch.setattr("infra.intake.stall_detector.INTERVAL", 0.1)
    topic = topic_name(settings, "intake.orders")
    channel.send(encoded("r0"), key=b"0")
    with closing(KafkaProducer(**connection(settings), transactional_id=topic)) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        sender.send(topic, encoded("never"), partition=sum(b"0") % PARTITIONS).get(10)
        if ended:
            sender.abort_transaction()
        with running(intake_of(shop, settings)) as work:
            work.until(lambda: taken(shop) >= 1)
            time.sleep(2)
            assert work.intake.status.last_error is None
        if not ended:
            sender.abort_transaction()
    assert len(orders(shop)) == 1


def test_a_client_that_hangs_is_noticed(
    shop: str, settings: Settings, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    channel.send(encoded("r0"))
    with running(intake_of(shop, settings)) as work:
        work.until(lambda: taken(shop) == 1)
        watched.await_pings("intake of orders")
        with watched.hanging("infra.intake.intake.poll", {}):
            assert watched.ended.wait(20)


def test_a_zombie_that_was_overtaken_writes_nothing(
    shop: str, settings: Settings, channel: Channel
) -> None:
    """It has polled messages, sleeps, and wakes when the new owner has done their work."""
    naps = iter([lambda: move_offsets(shop, topic_name(settings, "intake.orders"), to=2)])

    class Sleepy(Writer):
        def write(
            self,
            asks: Sequence[Any],
            side_writes: SideWrites | None = None,
            meanwhile: Callable[[], None] | None = None,
        ) -> None:
            if (nap := next(naps, None)) is not None:
                nap()
            super().write(asks, side_writes, meanwhile)

    channel.send(*(encoded(f"r{number}") for number in range(6)))
    with running(intake_of(shop, settings, writer=Sleepy)) as work:
        work.until(lambda: taken(shop) == 6)
        channel.send(*(encoded(f"later{number}") for number in range(3)))
        work.until(lambda: taken(shop) == 9)
    assert sorted(orders(shop)) == sorted(stream_of(f"later{number}") for number in range(3))
    assert len(results(shop)) == work.intake.status.accepted == 3


def test_what_was_read_behind_dropped_messages_is_dropped_too(
    shop: str, settings: Settings
) -> None:
    intake = intake_of(shop, settings)
    part = TopicPartition(topic_name(settings, "intake.orders"), 0)
    intake._next[part], intake._assignment.changed = 0, False
    intake._write(PolledBatch([], {part: (5, 6)}), lambda: None)
    intake.writer.close()
    assert intake._assignment.changed
    assert taken(shop) == 0


def move_offsets(conninfo: str, topic: str, *, to: int) -> None:
    with psycopg.connect(conninfo) as conn:
        conn.execute(
            "INSERT INTO ordinal.intake_offsets SELECT source, part, %s"
            " FROM generate_series(0, %s) AS part, ordinal.intake_topics WHERE topic = %s",
            (to, PARTITIONS - 1, topic),
        )
