"""The Kafka feed against a real broker: what arrives is applied in order, what does not is read
from the store."""

import gc
import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from time import monotonic
from typing import Any

import psycopg
import pytest
from kafka import KafkaProducer

from infra.kafka.clients import KafkaUnfit, connection
from infra.kafka.index_topic import IndexRecord, encode_index
from infra.kafka.topics import EVENT_TOPICS, ensure_topics, topic_name
from infra.readmodels.checkpoints import ProjectorHalted
from infra.readmodels.feeds import FeedBatch, FeedLost, SharedRow
from infra.readmodels.folding import decode
from infra.readmodels.index_follower import KEPT, QUIET_LIMIT, Follower
from infra.readmodels.kafka_feed import KafkaFeed, SharedSession
from infra.runtime.settings import Settings
from infra.store.envelope import event_id_of
from infra.store.event_log import StoredRow, read_after
from tests.infra.running import eventually, project, running
from tests.infra.sample_projection import SAMPLE, Bytes, append, contents, receive

A, B, C = "stock-HERE-a", "stock-HERE-b", "stock-HERE-c"
PARTITIONS = 2


class HandRelay:
    """Publishes what a test wants, also what the relay never would."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._conninfo = conninfo
        self._settings = settings
        self._producer = KafkaProducer(
            **connection(settings),
            transactional_id=topic_name(settings, "hand"),
            retry_backoff_ms=5,
            metrics_enabled=False,
        )
        self._producer.init_transactions()
        self.next_offsets: dict[str, dict[int, int]] = {}
        self.to = 0

    def log(self) -> Sequence[StoredRow]:
        with psycopg.connect(self._conninfo) as conn:
            return read_after(conn, 0, 10_000)

    def publish(self, rows: Iterable[StoredRow], **changed: Any) -> None:
        """One transaction: these events, and the index record (without one for `index=False`)."""
        sent = list(rows)
        index = changed.pop("index", True)
        self._producer.begin_transaction()
        self._send(sent)
        if index:
            self._announce(sent, changed)
        self._producer.commit_transaction()

    def _announce(self, sent: Sequence[StoredRow], changed: dict[str, Any]) -> None:
        last = sent[-1] if sent else None
        known: dict[str, Any] = {
            "from_": self.to,
            "to": last.position if last else self.to,
            "count": len(sent),
            "event_id": (event_id_of(last.state) or "") if last else "",
            "hash": hashlib.sha256(last.state if last else b"").hexdigest(),
            "outbox_to": 0,
            "store_epoch": 1,
            "next_offsets": self.next_offsets,
        }
        record = IndexRecord(**known | changed)
        self.to = record.to
        name = topic_name(self._settings, "index")
        self._producer.send(name, encode_index(record), partition=0).get(10)

    def _send(self, rows: Sequence[StoredRow]) -> None:
        futures = [self._producer.send(**self._message(row)) for row in rows]
        for future in futures:
            sent = future.get(10)
            self.next_offsets.setdefault(sent.topic, {})[sent.partition] = sent.offset + 1

    def _message(self, row: StoredRow) -> dict[str, Any]:
        topic = topic_name(self._settings, EVENT_TOPICS[row.stream_id.partition("-")[0]])
        return {
            "topic": topic,
            "key": row.stream_id.encode(),
            "value": row.state,
            "partition": sum(row.stream_id.encode()) % PARTITIONS,
            "headers": [
                ("type", row.type.encode()),
                ("position", b"%d" % row.position),
                ("stream_version", b"%d" % row.stream_version),
            ],
        }

    def close(self) -> None:
        self._producer.close(timeout=5)


@pytest.fixture
def kafka_settings(kafka: str, topic_prefix: str) -> Settings:
    settings = Settings.model_validate(
        {
            "database_url": "unused",
            "kafka_bootstrap_servers": kafka,
            "topic_prefix": topic_prefix,
            "topic_partitions": PARTITIONS,
        }
    )
    ensure_topics(settings)
    return settings


@pytest.fixture
def hand(ordinal_database: str, kafka_settings: Settings) -> Iterator[HandRelay]:
    with closing(HandRelay(ordinal_database, kafka_settings)) as relay:
        yield relay


@pytest.fixture
def feed(ordinal_database: str, kafka_settings: Settings) -> Any:
    return partial(Watched, ordinal_database, kafka_settings)


class WatchedFollower(Follower):
    """Remembers from where it followed the index, and why it stopped."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.left: list[str] = []
        self.joined: list[int] = []

    def _abandon(self, reason: str) -> None:
        self.left.append(reason)
        super()._abandon(reason)

    def _seek(self, record: IndexRecord | None) -> None:
        self.joined.append(record.to if record else 0)
        super()._seek(record)


class Watched(KafkaFeed):
    """A feed with a follower of its own."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self.follower = WatchedFollower(settings)
        self.left, self.joined = self.follower.left, self.follower.joined
        super().__init__(SharedSession(conninfo), self.follower)


STOP = threading.Event()


def drain(feed: KafkaFeed, position: int, until: int, seconds: float = 15) -> list[FeedBatch]:
    """Every batch until this position."""
    found: list[FeedBatch] = []

    def arrived() -> bool:
        nonlocal position
        batch = feed.next(position, STOP)
        if batch:
            found.append(batch)
            position = batch.to
        return position >= until

    eventually(arrived, seconds)
    return found


def positions(batches: Iterable[FeedBatch]) -> list[int]:
    return [row.position for batch in batches for row in batch.rows]


def test_events_arrive_in_log_order_whatever_their_partition(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(s, receive(1)) for s in (A, B, C, B, A, C, C)])
    with closing(feed()) as watched:
        assert watched.next(0, STOP) is None
        log = hand.log()
        hand.publish(log[:3])
        hand.publish(log[3:])
        batches = drain(watched, 0, expected[-1])
    assert positions(batches) == expected
    assert [row for batch in batches for row in batch.rows] == log
    assert watched.left == []
    assert batches[-1].event_id == event_id_of(log[-1].state)


def test_a_projector_that_starts_behind_reads_the_store_first(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(A, receive(1)), (B, receive(1)), (A, receive(2))])
    log = hand.log()
    hand.publish(log[:2])
    hand.publish(log[2:])
    with closing(feed()) as watched:
        early = drain(watched, expected[0], expected[-1])
        expected += append(ordinal_database, [(B, receive(1))])
        hand.publish(hand.log()[3:])
        late = drain(watched, expected[2], expected[-1])
    assert positions([*early, *late]) == expected[1:]
    assert watched.joined == [expected[2]]
    assert watched.left == []


def test_a_duplicate_is_skipped(ordinal_database: str, hand: HandRelay, feed: Any) -> None:
    expected = append(ordinal_database, [(A, receive(1)), (B, receive(1)), (A, receive(2))])
    log = hand.log()
    with closing(feed()) as watched:
        watched.next(0, STOP)
        hand.publish(log[:2])
        batches = drain(watched, 0, expected[1])
        hand.publish(log[:2], from_=0, to=expected[1])
        hand.publish([])
        hand.publish([log[1], log[2], log[2]], from_=expected[1], count=1)
        batches += drain(watched, expected[1], expected[-1])
    assert positions(batches) == expected
    assert watched.left == []


def test_a_missing_record_is_read_from_the_store(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(A, receive(1)), (B, receive(1)), (A, receive(2))])
    log = hand.log()
    with closing(feed()) as watched:
        watched.next(0, STOP)
        hand.publish([log[0], log[2]], count=3)
        batches = drain(watched, 0, expected[-1])
        (more,) = append(ordinal_database, [(B, receive(1))])
        hand.publish(hand.log()[3:])
        batches += drain(watched, expected[-1], more)
    assert positions(batches) == [*expected, more]
    assert "1 of 3 events" in watched.left[0]
    assert watched.joined == [0, expected[-1]]


def test_an_index_record_that_does_not_follow_sends_to_the_store(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(s, receive(1)) for s in (A, B, C, A)])
    log = hand.log()
    with closing(feed()) as watched:
        watched.next(0, STOP)
        hand.publish(log[:1])
        hand.publish(log[1:2], index=False)
        hand.publish(log[2:], from_=expected[1])
        batches = drain(watched, 0, expected[-1])
    assert positions(batches) == expected
    assert watched.left == [f"the index goes on from {expected[1]}"]


def test_a_quiet_index_is_doubted_when_the_log_goes_on(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    """As when a broker lost the index's tail, and got another one below the offset we wait for."""
    expected = append(ordinal_database, [(A, receive(1))])
    hand.publish(hand.log())
    with closing(feed()) as watched:
        assert positions(drain(watched, 0, expected[0])) == expected
        watched.next(expected[0], STOP)
        watched.follower._reader.pause(watched.follower._index)
        expected += append(ordinal_database, [(B, receive(1))])
        hand.publish(hand.log()[1:])
        watched.next(expected[0], STOP)
        watched.follower._heard -= QUIET_LIMIT
        assert positions(drain(watched, expected[0], expected[1])) == expected[1:]
        assert watched.next(expected[1], STOP) is None
        assert watched.joined == expected
        watched.follower._heard -= QUIET_LIMIT
        assert watched.next(expected[1], STOP) is None
        assert watched.joined == expected


def test_more_than_was_announced_is_not_believed(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    # Of one partition, since one may be seen before another.
    expected = append(ordinal_database, [(A, receive(1)), (A, receive(1))])
    with closing(feed()) as watched:
        watched.next(0, STOP)
        hand.publish(hand.log(), count=1)
        batches = drain(watched, 0, expected[-1])
    assert positions(batches) == expected
    assert "were announced" in watched.left[0]


def test_what_others_write_into_our_topics_is_passed_over(
    ordinal_database: str, hand: HandRelay, feed: Any, kafka_settings: Settings
) -> None:
    expected = append(ordinal_database, [(A, receive(1))])
    with closing(feed()) as watched:
        watched.next(0, STOP)
        stranger = KafkaProducer(**connection(kafka_settings))
        stranger.send(topic_name(kafka_settings, "events.stock"), b"hello").get(10)
        stranger.close()
        hand.publish(hand.log())
        assert positions(drain(watched, 0, expected[-1])) == expected


def test_an_offset_that_is_gone_sends_to_the_store(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(A, receive(1)), (B, receive(1))])
    log = hand.log()
    with closing(feed()) as watched:
        hand.publish(log[:1])
        assert positions(drain(watched, 0, expected[0])) == expected[:1]
        watched.next(expected[0], STOP)
        watched.follower._reader.seek(watched.follower._partitions[0], 1_000)
        eventually(lambda: watched.next(expected[0], STOP) is None and bool(watched.left))
        hand.publish(log[1:])
        assert positions(drain(watched, expected[0], expected[-1])) == expected[1:]
    assert "out of range" in watched.left[0]


def test_records_that_stay_lost_are_an_outage_and_no_reason_to_jump(
    ordinal_database: str, hand: HandRelay, feed: Any
) -> None:
    expected = append(ordinal_database, [(A, receive(1)), (B, receive(1))])
    hand.publish(hand.log()[:1])
    lost = {t: {p: 1_000 for p in places} for t, places in hand.next_offsets.items()}
    hand.publish(hand.log()[1:], next_offsets=lost)
    with closing(feed()) as watched, pytest.raises(FeedLost, match="lacks records"):
        drain(watched, 0, expected[-1] + 1)


@pytest.mark.parametrize("published", ["more", "other"])
def test_a_store_that_lacks_what_was_published_halts(
    ordinal_database: str, hand: HandRelay, feed: Any, published: str
) -> None:
    append(ordinal_database, [(A, receive(1)), (B, receive(1))])
    log = hand.log()
    if published == "more":
        hand.publish([*log, log[0]._replace(position=log[-1].position + 5)])
    else:
        hand.publish(log, event_id="another")
    with closing(feed()) as watched, pytest.raises(ProjectorHalted, match="backup"):
        drain(watched, 0, log[-1].position + 5)


def test_read_models_share_what_has_arrived(
    ordinal_database: str, hand: HandRelay, kafka_settings: Settings
) -> None:
    expected = append(ordinal_database, [(s, receive(1)) for s in (A, B, C)])
    follower = WatchedFollower(kafka_settings)
    first, second = (KafkaFeed(SharedSession(ordinal_database), follower) for _ in range(2))
    with closing(first), closing(second):
        first.next(0, STOP)
        second.next(0, STOP)
        hand.publish(hand.log())
        (mine,) = drain(first, 0, expected[-1])
        follower._reader.pause(*follower._partitions, follower._index)
        (theirs,) = drain(second, 0, expected[-1])
    assert positions([mine]) == positions([theirs]) == expected
    assert all(row is same for row, same in zip(mine.rows, theirs.rows, strict=True))
    assert decode(mine.rows[0]) is decode(theirs.rows[0])
    assert follower.joined == [0]


def test_threads_that_wait_together_all_get_what_arrives(
    ordinal_database: str, hand: HandRelay, kafka_settings: Settings
) -> None:
    follower, seen = WatchedFollower(kafka_settings), list[list[int]]()
    expected: list[int] = []
    wanted = 40

    def read() -> None:
        with closing(KafkaFeed(SharedSession(ordinal_database), follower)) as feed:
            position, found = 0, list[int]()
            deadline = monotonic() + 20
            while len(found) < wanted and monotonic() < deadline:
                if batch := feed.next(position, STOP):
                    found += positions([batch])
                    position = batch.to
            seen.append(found)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(wanted):
        expected += append(ordinal_database, [(f"stock-HERE-{number}", receive(1))])
        hand.publish(hand.log()[-1:])
    for thread in threads:
        thread.join()
    assert seen == [expected] * 4
    assert follower.left == []
    assert follower._reader is None


def test_a_slow_read_model_reads_the_store_until_it_is_near(
    ordinal_database: str, hand: HandRelay, kafka_settings: Settings
) -> None:
    expected = append(ordinal_database, [(A, receive(1))])
    follower = WatchedFollower(kafka_settings)
    quick, slow = (KafkaFeed(SharedSession(ordinal_database), follower) for _ in range(2))
    with closing(quick), closing(slow):
        hand.publish(hand.log())
        for each in (quick, slow):
            drain(each, 0, expected[0])
            each.next(expected[0], STOP)
        for _ in range(4):
            expected += append(ordinal_database, [(B, receive(1))] * (KEPT // 2))
            hand.publish(hand.log()[-KEPT // 2 :])
            drain(quick, expected[-1 - KEPT // 2], expected[-1])
        assert follower.window
        assert follower.window.begin == expected[KEPT // 2]
        batches = drain(slow, expected[0], expected[-1])
        assert positions(batches) == expected[1:]
        expected += append(ordinal_database, [(B, receive(1))])
        hand.publish(hand.log()[-1:])
        (last,) = drain(slow, expected[-2], expected[-1])
    assert isinstance(last.rows[0], SharedRow)
    assert (follower.left, follower.joined) == ([], [expected[0]])


def test_what_kafka_lacks_every_read_model_takes_from_the_store(
    ordinal_database: str, hand: HandRelay, kafka_settings: Settings
) -> None:
    expected = append(ordinal_database, [(s, receive(1)) for s in (A, B, C)])
    follower = WatchedFollower(kafka_settings)
    first, second = (KafkaFeed(SharedSession(ordinal_database), follower) for _ in range(2))
    with closing(first), closing(second):
        first.next(0, STOP)
        second.next(0, STOP)
        log = hand.log()
        hand.publish([log[0], log[2]], count=3)
        for each in (first, second):
            assert positions(drain(each, 0, expected[-1])) == expected
            each.next(expected[-1], STOP)
    assert "1 of 3 events" in follower.left[0]
    assert follower.joined == [0, expected[-1]]


def test_a_read_model_that_ends_leaves_the_others_their_consumer(
    ordinal_database: str, hand: HandRelay, kafka_settings: Settings
) -> None:
    (position,) = append(ordinal_database, [(A, receive(1))])
    follower = WatchedFollower(kafka_settings)
    first, second = (KafkaFeed(SharedSession(ordinal_database), follower) for _ in range(2))
    first.next(0, STOP)
    second.next(0, STOP)
    first.close()
    hand.publish(hand.log())
    assert positions(drain(second, 0, position)) == [position]
    second.close()
    assert follower._reader is None


def test_a_projector_follows_kafka(ordinal_database: str, hand: HandRelay, feed: Any) -> None:
    append(ordinal_database, [(A, receive(1)), ("order-1", Bytes("Later", b"{}"))])
    hand.publish(hand.log())
    project(ordinal_database, SAMPLE, feed)
    with running(ordinal_database, SAMPLE, feed) as projector:
        for number in range(1, 6):
            (position,) = append(ordinal_database, [(B, receive(number))])
            hand.publish(hand.log()[-1:])
            eventually(lambda seen=position: projector.status.position >= seen)  # type: ignore[misc]
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,1)", "(HERE-b,d1,15)"]


# The library leaves it to the garbage collector to close a socket that was refused.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_projector_waits_while_kafka_is_away(
    ordinal_database: str, kafka_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    # Captured log records would keep those sockets alive.
    caplog.set_level("CRITICAL", "kafka")
    nowhere = kafka_settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    feed = partial(KafkaFeed, SharedSession(ordinal_database), Follower(nowhere))
    with running(ordinal_database, SAMPLE, feed) as projector:
        eventually(lambda: projector.status.state == "waiting")
        threads = threading.active_count()
        eventually(lambda: projector.status.failures > 1)
        assert threading.active_count() <= threads
    assert projector.status.state == "stopped"
    gc.collect()


def test_an_index_that_is_none_halts(
    ordinal_database: str, feed: Any, kafka_settings: Settings
) -> None:
    producer = KafkaProducer(**connection(kafka_settings))
    producer.send(topic_name(kafka_settings, "index"), b"no index", partition=0).get(10)
    producer.close()
    with closing(feed()) as watched, pytest.raises(KafkaUnfit, match="no index record"):
        watched.next(0, STOP)


def test_feeds_share_a_session_that_is_replaced_when_it_is_lost(ordinal_database: str) -> None:
    session = SharedSession(ordinal_database)
    session.enter()
    session.enter()
    first = session.get()
    assert session.get() is first
    first.close()
    second = session.get()
    assert second is not first
    session.leave()
    assert not second.closed
    session.leave()
    assert second.closed
