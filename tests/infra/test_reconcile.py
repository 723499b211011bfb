"""The store against real topics that lost something, or hold what they should not."""

import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.audit import partition_reader
from infra.audit.reconcile import ReconcileRefused, ReconcileReport, reconcile
from infra.audit.repair import Repair
from infra.kafka.index_topic import encode_index, index_records, last_index_record
from infra.kafka.topics import ensure_topics, event_partitions, index_partition, topic_name
from infra.kafka.transactional_producer import Message, Transactions
from infra.local.kafka_broker import Broker
from infra.relay.relay import RelayHalted
from infra.runtime.settings import Settings
from tests.infra.log_rows import LogWriter
from tests.infra.relaying import (
    assert_once_and_in_order,
    await_position,
    positions,
    published,
    refusal,
    relay_all,
    relaying,
    settings_for,
)
from tests.infra.running import eventually
from tests.infra.test_relay import COMMANDS, delete_topic, rewrite_history


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return settings_for(kafka, topic_prefix)


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.audit.reconcile.SETTLE_LIMIT", 0.5)


@pytest.fixture
def log(ordinal_database: str) -> LogWriter:
    return LogWriter(ordinal_database)


def check(conninfo: str, settings: Settings) -> ReconcileReport:
    return reconcile(conninfo, settings, repair=False)


def repair(conninfo: str, settings: Settings) -> ReconcileReport:
    return reconcile(conninfo, settings, repair=True)


def kinds(report: ReconcileReport) -> dict[str, int]:
    return {kind: count for kind, count in report.counts.items() if kind != "index"}


def losing(monkeypatch: pytest.MonkeyPatch, lost: Callable[[Message], bool]) -> Callable[[], None]:
    """Brokers that lose such messages, until the function that is returned is called."""
    send = Transactions.send

    def some(transactions: Transactions, messages: Iterable[Message]) -> None:
        send(transactions, [message for message in messages if not lost(message)])

    monkeypatch.setattr(Transactions, "send", some)
    return lambda: monkeypatch.setattr(Transactions, "send", send)


def position(message: Message) -> int:
    return int(dict(message[3]).get("position", b"0"))


def send_by_hand(settings: Settings, messages: list[Message]) -> None:
    with closing(Transactions(settings, "by hand", threading.Event())) as hand:
        hand.begin()
        hand.send(messages)
        hand.acknowledged()
        hand.commit()


def assert_whole(conninfo: str, settings: Settings, written: list[int]) -> None:
    """Nothing is missing, the index is a chain, and the relay can go on."""
    assert check(conninfo, settings).clean
    assert_once_and_in_order(published(settings), written)
    records = list(index_records(settings))
    assert [record.from_ for record in records] == [0, *(record.to for record in records[:-1])]
    more = LogWriter(conninfo).append("sourcing-next")
    relay_all(conninfo, settings, more[-1])
    assert_once_and_in_order(published(settings), written + more)


def test_what_the_relay_published_is_what_the_store_has(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(partition_reader.CONSUMER, "max_poll_records", 7)
    written = log.append_all(COMMANDS * 5)
    relay_all(ordinal_database, settings, written[-1])
    for report in (check(ordinal_database, settings), repair(ordinal_database, settings)):
        assert report.clean
        assert (report.position, report.events, report.resent) == (written[-1], len(written), 0)


def test_nothing_published_agrees_with_any_store(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    log.append_all(COMMANDS)
    ensure_topics(settings)
    report = check(ordinal_database, settings)
    assert report.clean
    assert report.events == 0


def test_it_compares_while_a_relay_is_at_work(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    with relaying(ordinal_database, settings) as relay:
        await_position(relay, log.append_all(COMMANDS)[-1])
        ended = threading.Event()

        def keep_writing() -> None:
            while not ended.is_set():
                log.append_all(COMMANDS[:10])

        writing = threading.Thread(target=keep_writing)
        writing.start()
        reports = [check(ordinal_database, settings) for _ in range(3)]
        ended.set()
        writing.join()
    assert [report.findings for report in reports] == [[], [], []]
    assert reports[0].events >= len(COMMANDS)


def test_a_repair_waits_for_no_relay(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.audit.reconcile.LEADER_LOCK_LIMIT", 0.5)
    with relaying(ordinal_database, settings) as relay:
        eventually(lambda: relay.status.state == "running")
        with pytest.raises(ReconcileRefused):
            repair(ordinal_database, settings)


def test_nothing_is_repaired_while_a_transaction_is_open(
    ordinal_database: str, settings: Settings
) -> None:
    ensure_topics(settings)
    with closing(Transactions(settings, "somebody", threading.Event())) as hidden:
        hidden.begin()
        hidden.send([(event_partitions(settings)[0], b"order-1", b"{}", [("position", b"1")])])
        hidden.acknowledged()
        with pytest.raises(ReconcileRefused, match=r"events\.order/0"):
            repair(ordinal_database, settings)


def test_a_topic_that_was_lost_is_sent_again(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    delete_topic(settings, "events.stock")
    ensure_topics(settings)
    lost = sum(stream.startswith("stock") for command in COMMANDS for stream in command)
    assert kinds(check(ordinal_database, settings)) == {"lost tail": lost}
    report = repair(ordinal_database, settings)
    assert (kinds(report), report.resent) == ({"lost tail": lost}, lost)
    assert_whole(ordinal_database, settings, written)


def test_a_repair_that_was_killed_is_finished_by_the_next_one(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    written += log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    delete_topic(settings, "events.stock")
    ensure_topics(settings)
    announce = Repair._announce

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Repair, "_announce", killed)
    with pytest.raises(KeyboardInterrupt):
        repair(ordinal_database, settings)
    monkeypatch.setattr(Repair, "_announce", announce)
    assert repair(ordinal_database, settings).resent == 0
    assert_whole(ordinal_database, settings, written)


def test_an_index_that_lost_its_tail_is_written_again(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    index = index_partition(settings)
    heal = losing(monkeypatch, lambda message: message[0] == index)
    monkeypatch.setattr("infra.relay.relay.Publisher._send_index", _unannounced)
    unannounced = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, unannounced[-1])
    heal()
    assert kinds(check(ordinal_database, settings)) == {"ahead": len(unannounced)}
    report = repair(ordinal_database, settings)
    assert (kinds(report), report.resent) == ({}, 0)
    last = last_index_record(settings)
    assert last
    assert (last.from_, last.to, last.count) == (written[-1], unannounced[-1], len(unannounced))
    monkeypatch.undo()
    assert_whole(ordinal_database, settings, written + unannounced)


def _unannounced(publisher: Any, batch: Any) -> Any:
    return publisher._next(batch, publisher._transactions.acknowledged())


def test_a_hole_in_the_middle_is_told_and_never_filled(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = log.append_all(COMMANDS)
    hole = written[30:40]
    heal = losing(monkeypatch, lambda message: position(message) in hole)
    relay_all(ordinal_database, settings, written[-1])
    heal()
    for report in (check(ordinal_database, settings), repair(ordinal_database, settings)):
        assert kinds(report) == {"hole": len(hole)}
        assert report.resent == 0
        assert {found.first for found in report.findings} <= set(hole)
    assert sorted(positions(published(settings))) == sorted(set(written) - set(hole))


def test_a_partition_with_a_hole_gets_its_lost_tail_back(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = log.append_all([["order-1"]] * 50)
    hole, tail = written[10:20], written[40:]
    heal = losing(monkeypatch, lambda message: position(message) in hole + tail)
    relay_all(ordinal_database, settings, written[-1])
    heal()
    report = repair(ordinal_database, settings)
    assert kinds(report) == {"hole": 10, "lost tail": 10}
    assert positions(published(settings)) == sorted(set(written) - set(hole))


def test_messages_that_are_none_of_ours_are_told(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all([["order-1"]] * 5)
    relay_all(ordinal_database, settings, written[-1])
    records = published(settings)
    place = next(p for p in event_partitions(settings) if p.partition == records[0].partition)
    again = records[2]
    stray = b"order-1", b"{}"
    send_by_hand(
        settings,
        [
            (place, again.key, again.value, again.headers),
            (place, *stray, []),
            (place, *stray, [("position", b"five")]),
            (place, *stray, [("position", str(written[-1] + 7).encode())]),
        ],
    )
    assert kinds(check(ordinal_database, settings)) == {"repeated": 1, "foreign": 2, "ahead": 1}


def test_other_bytes_at_a_position_are_told_and_nothing_is_repaired(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    rewrite_history(
        ordinal_database,
        "UPDATE ordinal.stored_events SET state = state || ' '::bytea"
        f" WHERE notification_id = {written[3]}",
    )
    delete_topic(settings, "events.sourcing")
    ensure_topics(settings)
    report = repair(ordinal_database, settings)
    assert kinds(report) == {"other bytes": 1, "lost tail": 1}
    assert report.resent == 0


def test_a_store_behind_the_topics_is_told_and_not_repaired(
    ordinal_database: str, settings: Settings, log: LogWriter
) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    rewrite_history(
        ordinal_database, f"DELETE FROM ordinal.stored_events WHERE notification_id > {written[5]}"
    )
    report = check(ordinal_database, settings)
    assert kinds(report) == {"foreign": len(written) - 6}
    assert any("the store ends at" in found.detail for found in report.findings)
    with pytest.raises(RelayHalted, match="the store ends at"):
        repair(ordinal_database, settings)


def test_a_broken_chain_is_told(ordinal_database: str, settings: Settings, log: LogWriter) -> None:
    written = log.append_all(COMMANDS)
    relay_all(ordinal_database, settings, written[-1])
    record = last_index_record(settings)
    assert record
    send_by_hand(settings, [(index_partition(settings), None, encode_index(record), [])])
    report = check(ordinal_database, settings)
    assert [found.kind for found in report.findings] == ["index"]
    assert "begins at 0 instead of" in report.findings[0].detail


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_tail_that_a_broker_lost_on_its_disk_is_sent_again(
    ordinal_database: str,
    log: LogWriter,
    topic_prefix: str,
    public_folder: Path,
    kafka_machine: None,
) -> None:
    with Broker(public_folder) as broker:
        settings = settings_for(broker.bootstrap_servers, topic_prefix)
        written = log.append_all(COMMANDS)
        relay_all(ordinal_database, settings, written[-1])
        broker.stop()
        partition = broker.data_folder / f"{topic_name(settings, 'events.order')}-0"
        shutil.copytree(partition, public_folder / "older")
        broker.start()
        written += log.append_all(COMMANDS)
        relay_all(ordinal_database, settings, written[-1])
        broker.kill()
        shutil.rmtree(partition)
        (public_folder / "older").rename(partition)
        broker.start()
        refusal(ordinal_database, settings, RelayHalted, "lost its tail")
        found = check(ordinal_database, settings)
        assert kinds(found).keys() == {"lost tail"}
        assert repair(ordinal_database, settings).resent == kinds(found)["lost tail"]
        assert_whole(ordinal_database, settings, written)


def test_rows_of_both_sides_are_never_all_in_memory(
    ordinal_database: str, settings: Settings, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(partition_reader.CONSUMER, "max_poll_records", 10)
    written = log.append_all(COMMANDS * 5)
    relay_all(ordinal_database, settings, written[-1])
    waiting = list[int]()
    read_on = partition_reader.PartitionReader._read_on

    def watched(lanes: partition_reader.PartitionReader, wanted: Any) -> None:
        read_on(lanes, wanted)
        waiting.append(max(map(len, lanes._waiting.values())))

    monkeypatch.setattr(partition_reader.PartitionReader, "_read_on", watched)
    assert check(ordinal_database, settings).clean
    assert max(waiting) <= 10
