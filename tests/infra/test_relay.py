"""The relay between a real PostgreSQL and a real Kafka: every event once, in order, whatever
happens, and a halt where that can't be promised."""

import gc
import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psycopg
import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Place
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError, ProducerFencedError
from structlog.testing import capture_logs

from domain.category import category_name
from infra.kafka.clients import KafkaUnfit, consumer, last_records, read_ranges
from infra.kafka.index_topic import IndexRecord, encode_index, index_records, last_index_record
from infra.kafka.topics import (
    ensure_topics,
    event_partitions,
    event_topics,
    index_partition,
    topic_name,
)
from infra.kafka.transactional_producer import Transactions, UnsureCommit
from infra.postgres import advisory_locks
from infra.postgres.leader_election import Leadership
from infra.relay import outbox_reader
from infra.relay import relay as relay_module
from infra.relay.outbox_reader import RelayBatch, Source, UnknownStream, connect
from infra.relay.relay import Publisher, Relay, RelayFenced, RelayHalted
from infra.relay.startup_checks import refuse_unfit_store, was_committed, was_told
from infra.runtime.settings import Settings
from infra.store.envelope import envelope
from infra.store.event_log import read_after
from tests.infra.log_rows import LogRow, LogWriter, insert, put_into_outbox
from tests.infra.pulses import Watched
from tests.infra.relaying import (
    assert_once_and_in_order,
    await_position,
    positions,
    published,
    published_to,
    refusal,
    relay_all,
    relaying,
    settings_for,
)
from tests.infra.running import eventually

SLOW = (pytest.mark.faults, pytest.mark.slow)
ORDERS = [f"order-{number}" for number in range(8)]
STOCK = [f"stock-HERE-{number}" for number in range(5)]
COMMANDS = [[order, order, stock] for order in ORDERS for stock in STOCK] + [["sourcing-policy"]]


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return settings_for(kafka, topic_prefix)


@pytest.fixture
def log(ordinal_database: str) -> LogWriter:
    return LogWriter(ordinal_database)


@pytest.fixture
def stopped() -> threading.Event:
    return threading.Event()


def execute(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def rewrite_history(conninfo: str, statement: str) -> None:
    """What only an owner can do, and only on purpose: a stand-in for a restored backup."""
    switch = "ALTER TABLE ordinal.stored_events {} TRIGGER append_only"
    execute(conninfo, switch.format("DISABLE"), statement, switch.format("ENABLE"))


def test_every_event_is_published_once_and_in_order(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    with relaying(ordinal_database, settings) as relay:
        await_position(relay, written[-1])
        written += [position for command in COMMANDS for position in log.append(*command)]
        await_position(relay, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert relay.status.events == len(written)
    assert relay.status.state == "stopped"


def test_a_relay_that_hangs_is_noticed(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    with relaying(ordinal_database, settings) as relay:
        await_position(relay, log.append("stock-HERE-1")[-1])
        watched.await_pings("relay")
        with watched.hanging("infra.relay.relay.Source.read"):
            assert watched.ended.wait(20)


@pytest.mark.parametrize(
    "where", ["infra.postgres.leader_election.Leadership._try", "infra.relay.relay.ensure_topics"]
)
def test_a_relay_that_hangs_before_it_sends_is_noticed(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """While it waits for its seat, or gets ready."""
    watched = Watched(monkeypatch)
    with Leadership(ordinal_database, advisory_locks.RELAY, "somebody") as seat:
        assert seat.acquire(threading.Event())
        with relaying(ordinal_database, settings):
            watched.await_pings("relay")
            with watched.hanging(where):
                seat.release()
                assert watched.ended.wait(20)


def test_a_message_is_the_stored_event_and_its_headers_say_what_it_is(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    [position] = log.append("order-1", traceparent="00-abc-def-01")
    relay_all(ordinal_database, settings, position)
    [message] = published(settings)
    with psycopg.connect(ordinal_database) as conn:
        [row] = read_after(conn, 0, 10)
    assert message.topic == topic_name(settings, "events.order")
    assert (message.key, message.value) == (b"order-1", row.state)
    assert dict(message.headers) == {
        "event_id": envelope(row.state).event_id.encode(),
        "type": row.type.encode(),
        "schema_version": b"1",
        "position": str(position).encode(),
        "stream_version": b"1",
        "occurred_at": b"2024-05-01T12:00:00Z",
        "store_epoch": b"1",
        "traceparent": b"00-abc-def-01",
    }


def test_the_index_is_a_chain_that_leads_to_every_event(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    with relaying(ordinal_database, settings) as relay:
        for _ in range(3):
            await_position(relay, log.append_all(COMMANDS)[-1])
    records = list(index_records(settings))
    assert [record.from_ for record in records] == [0, *(record.to for record in records[:-1])]
    with psycopg.connect(ordinal_database) as conn:
        for record in records:
            rows = read_after(conn, record.from_, 10_000, until=record.to)
            assert len(rows) == record.count
            assert record.event_id == envelope(rows[-1].state).event_id
            assert record.hash == hashlib.sha256(rows[-1].state).hexdigest()
            assert positions(events_from(settings, record.next_offsets)) == sorted(
                row.position for row in read_after(conn, record.to, 10_000)
            )
    assert records[-1] == last_index_record(settings)


def events_from(settings: Settings, offsets: dict[str, dict[int, int]]) -> list[Any]:
    """What stands at these offsets and behind, ordered by position."""
    with closing(consumer(settings)) as reader:
        ends = reader.end_offsets(event_partitions(settings))
        ranges = {p: (offsets[p.topic][p.partition], end) for p, end in ends.items()}
        found = [record for _, records in read_ranges(reader, ranges) for record in records]
    return sorted(found, key=lambda record: int(dict(record.headers)["position"]))


def test_no_transaction_tears_a_command(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_reader, "STEP", 2)
    written = log.append_all([["order-1"] * 2, ["order-2"] * 7, ["order-3"] * 3])
    with closing(connect(ordinal_database)) as conn:
        source = Source(conn, settings)
        batches, position = [], 0
        while batch := source.read(position, 0, 4):
            batches.append((batch.count, batch.full))
            position = batch.to
    assert batches == [(9, True), (3, False)]
    assert position == written[-1]


def test_a_long_backlog_is_sent_in_growing_transactions(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH", 6)
    monkeypatch.setattr(relay_module, "LARGE_BATCH", 24)
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert [record.count for record in index_records(settings)] == [6, 12, 24, 24, 24, 24, 7]


def test_a_relay_goes_on_where_the_last_one_stood(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written: list[int] = []
    for _ in range(3):
        written += log.append_all(COMMANDS)
        relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)


def test_gaps_between_positions_are_legal(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    first = log.append("order-1")
    execute(ordinal_database, "SELECT setval('ordinal.stored_events_notification_id_seq', 500)")
    second = log.append("order-1")
    relay_all(ordinal_database, settings, second[0])
    assert_once_and_in_order(published(settings), first + second)


def test_nothing_overtakes_an_append_that_is_still_open(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    with relaying(ordinal_database, settings) as relay:
        with psycopg.connect(ordinal_database) as slow:
            slow.execute(
                "INSERT INTO ordinal.stored_events VALUES ('order-9', 1, 'OrderConfirmed', '{}')"
            )
            waiting = threading.Thread(target=log.append, args=["order-1"])
            waiting.start()
            waiting.join(0.3)
            assert waiting.is_alive()
            assert relay.status.position == 0
        waiting.join()
        await_position(relay, 2)
    assert_once_and_in_order(published(settings), [1, 2])


def test_a_second_relay_waits_and_takes_over(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    with relaying(ordinal_database, settings) as first:
        eventually(lambda: first.status.state == "running")
        with relaying(ordinal_database, settings) as second:
            written = log.append("order-1")
            await_position(first, written[-1])
            assert second.status.state == "waiting"
            terminate_sessions(ordinal_database, "ordinal relay leadership")
            eventually(lambda: "running" in (first.status.state, second.status.state))
            written += log.append("order-1")
            eventually(lambda: max(first.status.position, second.status.position) == written[-1])
    assert_once_and_in_order(published(settings), written)


def terminate_sessions(conninfo: str, application: str) -> None:
    execute(
        conninfo,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND application_name LIKE '{application}%'"
        " AND pid <> pg_backend_pid()",
    )


def test_the_database_may_go_away_for_a_while(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written: list[int] = []
    with relaying(ordinal_database, settings) as relay:
        for _ in range(3):
            written += log.append_all(COMMANDS)
            await_position(relay, written[-1])
            terminate_sessions(ordinal_database, "ordinal relay")
    assert_once_and_in_order(published(settings), written)
    assert relay.status.errors > 0


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_kafka_may_be_unreachable_for_a_while(
    ordinal_database: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")  # records would keep its sockets alive
    nowhere = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with relaying(ordinal_database, nowhere) as relay:
        eventually(lambda: relay.status.state == "retrying")
    gc.collect()
    assert relay.status.state == "stopped"


@pytest.mark.parametrize(
    ("steady", "waited"), [(0.0, [0.1, 0.1, 0.1, 0.1]), (60.0, [0.1, 0.2, 0.4, 0.8])]
)
def test_a_relay_that_fails_again_and_again_takes_its_time(
    ordinal_database: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    steady: float,
    waited: list[float],
) -> None:
    """Unless it had been well for long; then it begins anew at once."""
    pauses: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            if len(pauses) == len(waited):
                self.set()
            return self.is_set()

    def fail(*_: object) -> None:
        raise KafkaError("a connection was cut")

    monkeypatch.setattr(relay_module, "STEADY", steady)
    monkeypatch.setattr(Publisher, "run", fail)
    Relay(ordinal_database, settings).run(Stop())
    assert pauses == pytest.approx(waited)


def test_a_fenced_relay_that_still_leads_starts_over(
    ordinal_database: str, settings: Settings, log: LogWriter, stopped: threading.Event
) -> None:
    with relaying(ordinal_database, settings) as relay:
        written = log.append_all(COMMANDS)
        await_position(relay, written[-1])
        Transactions(settings, topic_name(settings, "relay"), stopped).close()
        written += log.append_all(COMMANDS)
        await_position(relay, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert relay.status.errors > 0


def test_a_fenced_relay_that_does_not_lead_any_more_ends(
    ordinal_database: str,
    settings: Settings,
    log: LogWriter,
    stopped: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Leadership, "confirm", lambda seat: False)
    relay, raised = Relay(ordinal_database, settings), list[type[BaseException]]()

    def run() -> None:
        try:
            relay.run(stopped)
        except RelayFenced as error:
            raised.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    written = log.append("order-1")
    await_position(relay, written[-1])
    Transactions(settings, topic_name(settings, "relay"), threading.Event()).close()
    log.append("order-1")
    thread.join(20)
    assert (raised, relay.status.state) == ([RelayFenced], "fenced")
    assert positions(published(settings)) == written


def test_a_fenced_producer_can_not_commit(settings: Settings, stopped: threading.Event) -> None:
    ensure_topics(settings)
    place = event_partitions(settings)[0]
    with closing(Transactions(settings, "one", stopped)) as zombie:
        zombie.begin()
        zombie.send([(place, b"order-1", b"{}", [("position", b"1")])])
        zombie.acknowledged()
        Transactions(settings, "one", stopped).close()
        with pytest.raises(ProducerFencedError):
            zombie.commit()
    assert published(settings) == []


def test_the_index_tells_the_right_offsets_though_others_write_into_our_topics(
    ordinal_database: str, settings: Settings, log: LogWriter, stopped: threading.Event
) -> None:
    written = {
        topic_name(settings, f"events.{category_name(stream)}")
        for each in COMMANDS
        for stream in each
    }
    places = [place for place in event_partitions(settings) if place.topic in written]
    with relaying(ordinal_database, settings) as relay:
        await_position(relay, log.append_all(COMMANDS)[-1])
        with closing(Transactions(settings, "somebody", stopped)) as foreign:
            for position in range(1, 3):
                foreign.begin()
                foreign.send(
                    (place, b"order-1", b"{}", [("position", b"%d" % position)]) for place in places
                )
                foreign.acknowledged()
                foreign.commit()
                await_position(relay, log.append_all(COMMANDS)[-1])
    assert relay.status.errors == 0
    newest = last_index_record(settings)
    with closing(consumer(settings)) as reader:
        last = last_records(reader, places)
    assert newest is not None
    for place, record in last.items():
        assert newest.next_offsets[place.topic][place.partition] == record.offset + 1
    relay_all(ordinal_database, settings, log.append("order-1")[-1])


def test_a_batch_below_what_was_foretold_is_not_committed(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker came back without its tail; here the first foretelling is too high."""
    foretell, too_high = Publisher._foretold, [1_000]

    def foretold(publisher: Publisher, batch: RelayBatch) -> dict[TopicPartition, int] | None:
        found = foretell(publisher, batch)
        more = too_high.pop() if found and too_high else 0
        return found and {partition: offset + more for partition, offset in found.items()}

    monkeypatch.setattr(Publisher, "_foretold", foretold)
    with relaying(ordinal_database, settings) as relay:
        written = log.append_all(COMMANDS)
        await_position(relay, written[-1])
        written += log.append_all(COMMANDS)
        await_position(relay, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert (relay.status.last_error or "").startswith("OffsetsMoved")


@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_can_be_ended_where_it_sent_nothing(
    settings: Settings, stopped: threading.Event, commit: bool
) -> None:
    ensure_topics(settings)
    places = event_partitions(settings)
    with closing(Transactions(settings, "one", stopped)) as transactions:
        transactions.settle(places, commit=commit)
        transactions.begin(places[:1])
        transactions.send([(places[0], b"order-1", b"{}", [("position", b"1")])])
        # Behind the mark of the end that was written there.
        assert transactions.acknowledged() == {places[0]: 1}
        transactions.commit()
    assert positions(published(settings)) == [1]


@dataclass
class Told:
    """A record as a reader finds it."""

    headers: list[tuple[str, bytes]]
    value: bytes = b""
    offset: int = 0


@pytest.mark.parametrize(
    ("told", "seen", "undecided", "committed"),
    [
        # Nobody saw any of it.
        (50, 50, [51, 60], False),
        (0, None, [1, 3], False),
        # Its index record is there, and not all of its events.
        (60, 50, [51], True),
        # Some of its events are there, and not its index record.
        (50, 55, [51], True),
        (50, 55, [], True),
        # A transaction of nothing but outbox rows, or one that is not ours.
        (50, 50, [], False),
    ],
)
def test_an_open_transaction_was_committed_if_somebody_may_have_seen_of_it(
    settings: Settings, told: int, seen: int | None, undecided: list[int], committed: bool
) -> None:
    index = IndexRecord(from_=0, to=told, count=told, event_id="1", hash="2", outbox_to=0,
                        store_epoch=1, next_offsets={})  # fmt: skip
    last: dict[TopicPartition, Any] = dict.fromkeys(event_partitions(settings))
    last[index_partition(settings)] = Told([], encode_index(index)) if told else None
    if seen is not None:
        last[event_partitions(settings)[0]] = Told([("position", b"%d" % seen)])
    assert was_committed(last, undecided, settings) is committed


@pytest.mark.parametrize(
    ("topic", "value", "outbox_to", "told"),
    [
        ("intake.results", b"answered", 1, True),
        ("intake.results", b"answered", 0, False),
        ("intake.results", b"not yet", 1, False),
        ("intake.results", b"nobody's", 2, False),
        ("dead-letters", b"answered", 2, False),
    ],
)
def test_an_answer_was_committed_if_the_index_tells_of_it(
    ordinal_database: str, settings: Settings, topic: str, value: bytes, outbox_to: int, told: bool
) -> None:
    put_into_outbox(ordinal_database, "intake.results", [b"answered", b"not yet"])
    index = IndexRecord(from_=0, to=0, count=0, event_id="", hash="", outbox_to=outbox_to,
                        store_epoch=1, next_offsets={})  # fmt: skip
    newest = Told([], encode_index(index))
    message = SimpleNamespace(topic=topic_name(settings, topic), value=value)
    with closing(connect(ordinal_database)) as conn:
        assert was_told(conn, newest, [message], settings) is told
        assert not was_told(conn, None, [message], settings)
        assert not was_told(conn, newest, [], settings)


def test_what_was_not_committed_is_never_seen_and_sent_again(
    ordinal_database: str, settings: Settings, log: LogWriter, stopped: threading.Event
) -> None:
    ensure_topics(settings)
    place = event_partitions(settings)[0]
    with closing(Transactions(settings, topic_name(settings, "relay"), stopped)) as dying:
        dying.begin()
        dying.send([(place, b"order-1", b"{}", [("position", b"77")])] * 300)
        dying.acknowledged()
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)


@pytest.mark.parametrize("committed", [True, False])
def test_an_unsure_commit_is_settled_by_the_index(
    ordinal_database: str,
    settings: Settings,
    log: LogWriter,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    commit, doubts = Transactions.commit, iter([True])

    def doubtful(transactions: Transactions) -> None:
        doubt = next(doubts, False)
        if committed or not doubt:
            commit(transactions)
        if doubt:
            raise UnsureCommit("the answer was lost")

    monkeypatch.setattr(Transactions, "commit", doubtful)
    written = log.append_all(COMMANDS)
    relay = relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)
    assert "UnsureCommit" in (relay.status.last_error or "")


def test_a_message_that_fails_takes_its_whole_transaction_with_it(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged, failures = Transactions.acknowledged, iter([True])

    def failing(transactions: Transactions) -> dict[TopicPartition, int]:
        offsets = acknowledged(transactions)
        if next(failures, False):
            raise KafkaError("one of them failed")
        return offsets

    monkeypatch.setattr(Transactions, "acknowledged", failing)
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    assert_once_and_in_order(published(settings), written)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("R1:2", marks=SLOW),
        pytest.param("R2:2", marks=SLOW),
        "R3:2",
        pytest.param("R4:2", marks=SLOW),
        "R5:1",
    ],
)
def test_a_killed_relay_leaves_neither_a_gap_nor_a_double(
    ordinal_database: str, settings: Settings, log: LogWriter, point: str
) -> None:
    written = log.append_all(COMMANDS)
    relay_process(ordinal_database, settings, ORDINAL_CRASH_AT=point)
    written += log.append_all(COMMANDS)
    put_into_outbox(ordinal_database, "intake.results", [b"a", b"b"])
    relay_all(ordinal_database, settings, written[-1], outbox_to=2)
    assert_once_and_in_order(published(settings), written)
    assert sorted(message.value for message in published_to(settings, "intake.results")) == [
        b"a",
        b"b",
    ]


def relay_process(conninfo: str, settings: Settings, **environment: str) -> None:
    """A relay of a process of its own, with small transactions, which has to kill itself."""
    program = (
        "import sys, threading\n"
        "from infra.relay import relay\n"
        "from tests.infra.relaying import settings_for\n"
        "relay.BATCH = relay.LARGE_BATCH = 50\n"
        "settings = settings_for(sys.argv[2], sys.argv[3])\n"
        "relay.Relay(sys.argv[1], settings).run(threading.Event())\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            conninfo,
            settings.kafka_bootstrap_servers or "",
            settings.topic_prefix,
        ],
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_the_outbox_is_published_with_a_position_of_its_own(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    values = [b"%d" % number for number in range(20)]
    put_into_outbox(ordinal_database, "intake.results", values)
    relay_all(ordinal_database, settings, 0, outbox_to=20)
    record = last_index_record(settings)
    assert record
    assert (record.to, record.count, record.event_id, record.outbox_to) == (0, 0, "", 20)
    [position] = log.append("order-1")
    put_into_outbox(ordinal_database, "dead-letters", [b"lost"])
    relay_all(ordinal_database, settings, position, outbox_to=21)
    found = published_to(settings, "intake.results")
    assert sorted(message.value for message in found) == sorted(values)
    assert all(message.key == message.value for message in found)
    assert found[0].headers == [("outcome", b"accepted")]
    assert [message.value for message in published_to(settings, "dead-letters")] == [b"lost"]


def test_heavy_outbox_rows_are_read_a_few_at_a_time(
    ordinal_database: str, settings: Settings
) -> None:
    put_into_outbox(ordinal_database, "dead-letters", [bytes(5_000_000)] * 3 + [b"light"])
    with connect(ordinal_database) as conn:
        source = Source(conn, settings)
        first = source.read(0, 0, 500)
        assert first is not None
        assert (len(first.messages), first.outbox_to, first.full) == (2, 2, True)
        second = source.read(0, first.outbox_to, 500)
        assert second is not None
        assert (len(second.messages), second.outbox_to, second.full) == (2, 4, False)


def test_an_outbox_row_for_no_topic_of_ours_halts(
    ordinal_database: str, settings: Settings
) -> None:
    put_into_outbox(ordinal_database, "elsewhere", [b"x"])
    refusal(ordinal_database, settings, UnknownStream, "unknown topic 'elsewhere'")


def test_old_outbox_rows_are_deleted_once_they_are_published(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_CLEANING", 0.0)
    put_into_outbox(ordinal_database, "intake.results", [b"old", b"new"])
    execute(ordinal_database, "UPDATE ordinal.outbox SET recorded_at = now() WHERE outbox_id = 2")
    relay_all(ordinal_database, settings, 0, outbox_to=2)
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT outbox_id FROM ordinal.outbox").fetchall() == [(2,)]


def test_many_old_outbox_rows_are_deleted_bit_by_bit(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_CLEANING", 0.0)
    monkeypatch.setattr(relay_module, "CLEANING_PAUSE", 0.0)
    monkeypatch.setattr(relay_module, "CLEANED_AT_ONCE", 10)
    put_into_outbox(ordinal_database, "intake.results", [b"old"] * 35)
    with relaying(ordinal_database, settings) as relay:
        for number in range(5):
            [written] = log.append(f"order-{number}")
            await_position(relay, written, 35)
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT count(*) FROM ordinal.outbox").fetchall() == [(0,)]


def test_a_poison_event_is_published_as_it_is(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    [poison] = insert(ordinal_database, [LogRow("order-1", 1, "OrderPlaced", b"no \xff json")])
    relay_all(ordinal_database, settings, poison)
    [after] = log.append("order-2")
    relay_all(ordinal_database, settings, after)
    found = {message.key: message.value for message in published(settings)}
    assert found[b"order-1"] == b"no \xff json"
    assert len(found) == 2


def test_a_stream_of_an_unknown_kind_halts(ordinal_database: str, settings: Settings) -> None:
    insert(ordinal_database, [LogRow("parcel-1", 1, "ParcelLost", b"{}")])
    refusal(ordinal_database, settings, UnknownStream, "'parcel-1' has no topic")


def test_an_event_too_large_for_kafka_halts(ordinal_database: str, settings: Settings) -> None:
    insert(ordinal_database, [LogRow("order-1", 1, "OrderPlaced", b"x" * 9_000_000)])
    refusal(ordinal_database, settings, RelayHalted, "position 1 is too large")


def test_the_store_ends_before_what_was_published(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    rewrite_history(
        ordinal_database, f"DELETE FROM ordinal.stored_events WHERE notification_id > {written[5]}"
    )
    refusal(
        ordinal_database,
        settings,
        RelayHalted,
        f"published up to {written[-1]}, but the store ends at {written[5]}",
    )
    assert_once_and_in_order(published(settings), written)


def test_the_store_has_another_event_where_it_was_published_last(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    rewrite_history(
        ordinal_database,
        "UPDATE ordinal.stored_events SET state = state || ' '::bytea"
        f" WHERE notification_id = {written[-1]}",
    )
    refusal(ordinal_database, settings, RelayHalted, "the store has event .* there")


def test_another_store_epoch_halts(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    relay_all(ordinal_database, settings, log.append("order-1")[0])
    execute(ordinal_database, "UPDATE ordinal.store SET store_epoch = 2")
    refusal(ordinal_database, settings, RelayHalted, "store epoch 1, the store has 2")


def test_a_partition_that_is_ahead_of_the_index_halts(
    ordinal_database: str, settings: Settings, log: LogWriter, stopped: threading.Event
) -> None:
    relay_all(ordinal_database, settings, log.append("order-1")[0])
    log.append("order-1")
    with closing(Transactions(settings, "somebody", stopped)) as foreign:
        foreign.begin()
        foreign.send([(event_partitions(settings)[0], b"order-1", b"{}", [("position", b"2")])])
        foreign.acknowledged()
        foreign.commit()
    refusal(ordinal_database, settings, RelayHalted, "already holds position 2")


def test_a_topic_that_lost_its_tail_halts(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    relay_all(ordinal_database, settings, log.append_all(COMMANDS)[-1])
    delete_topic(settings, "events.stock")
    refusal(ordinal_database, settings, RelayHalted, "lost its tail")


def delete_topic(settings: Settings, name: str) -> None:
    full = topic_name(settings, name)
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)) as admin:
        admin.delete_topics([full])
        eventually(lambda: full not in admin.list_topics())


def test_topics_with_another_number_of_partitions_are_refused(
    ordinal_database: str, settings: Settings
) -> None:
    ensure_topics(settings)
    other = settings.model_copy(update={"topic_partitions": 3})
    refusal(ordinal_database, other, KafkaUnfit, "has 2 partitions instead of 3")


def test_a_store_whose_order_nothing_guards_is_refused(
    ordinal_database: str, settings: Settings
) -> None:
    execute(ordinal_database, "ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_guard")
    refusal(ordinal_database, settings, RelayHalted, "append_guard")
    execute(
        ordinal_database,
        "ALTER TABLE ordinal.stored_events ENABLE TRIGGER append_guard",
        "DROP TRIGGER append_guard ON ordinal.stored_events",
    )
    refusal(ordinal_database, settings, RelayHalted, "append_guard")


def test_a_standby_is_refused(ordinal_database: str) -> None:
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        refuse_unfit_store(conn)
        conn.execute("CREATE SCHEMA standby")
        conn.execute(
            "CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean LANGUAGE sql"
            " AS 'SELECT true'"
        )
        conn.execute("SET search_path = standby, pg_catalog")
        with pytest.raises(RelayHalted, match="standby"):
            refuse_unfit_store(conn)


def test_the_librarys_lockless_append_is_refused(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    refusal(ordinal_database, settings, RelayHalted, "POSTGRES_ENABLE_DB_FUNCTIONS")


def test_a_client_without_fast_checksums_is_refused(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "crc32c", None)
    refusal(ordinal_database, settings, KafkaUnfit, "crc32c")


def test_each_transaction_is_logged(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    with capture_logs() as lines:
        relay_all(ordinal_database, settings, log.append("order-1")[0])
    [line] = [line for line in lines if line["event"] == "relayed"]
    assert (line["events"], line["position"], line["log_level"]) == (1, 1, "debug")
    states = [line["state"] for line in lines if line["event"] == "relay_state"]
    assert states == ["waiting", "starting", "running", "stopped"]


def test_another_kafka_library_reads_every_event_from_the_beginning(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS * 4)
    relay_all(ordinal_database, settings, written[-1])
    seen: dict[str, list[int]] = {}
    found = []
    for message in read_with_confluent(settings, len(written)):
        event = msgspec.json.decode(message.value())
        assert event["stream_id"] == message.key().decode()
        seen.setdefault(event["stream_id"], []).append(event["stream_version"])
        found.append(int(dict(message.headers())["position"]))
    assert sorted(found) == written
    assert all(versions == list(range(1, len(versions) + 1)) for versions in seen.values())


def read_with_confluent(settings: Settings, count: int) -> list[Any]:
    places = [Place(t.name, n, 0) for t in event_topics(settings) for n in range(t.partitions)]
    reader = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "a stranger",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    with closing(reader):
        reader.assign(places)
        found = reader.consume(count, timeout=10)
        found += reader.consume(1, timeout=0.2)
    assert all(message.error() is None for message in found)
    return list(found)


def test_a_stop_is_obeyed_while_nothing_leads(ordinal_database: str, settings: Settings) -> None:
    with relaying(ordinal_database, settings) as first:
        eventually(lambda: first.status.state == "running")
        waiting, stop = Relay(ordinal_database, settings), threading.Event()
        thread = threading.Thread(target=waiting.run, args=[stop])
        thread.start()
        eventually(lambda: waiting.status.state == "waiting")
        stop.set()
        thread.join(5)
        assert waiting.status.state == "stopped"
