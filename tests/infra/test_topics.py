"""Topics, partitions and clients against a real Kafka."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.partitioner.default import murmur2 as murmur2_of_the_library
from kafka.protocol.producer import EndTxnRequest
from pydantic import SecretStr

from consumers.channels import CHANNELS
from domain.categories import CATEGORIES
from infra.kafka.clients import KafkaUnfit, connection, consumer, last_records, poll
from infra.kafka.index_topic import (
    IndexRecord,
    decode_index,
    encode_index,
    index_records,
    last_index_record,
)
from infra.kafka.partitioner import murmur2, partition_of
from infra.kafka.topics import (
    EVENT_TOPICS,
    check_topics,
    ensure_topics,
    event_partitions,
    index_partition,
    topic_name,
    topics,
)
from infra.kafka.transactional_producer import Message, Transactions, UnsureCommit
from infra.runtime.settings import Settings
from tests.infra.relaying import published, settings_for

DAY = 24 * 60 * 60 * 1000
RECORD = IndexRecord(
    from_=3,
    to=9,
    count=4,
    event_id="e",
    hash="h",
    outbox_to=2,
    store_epoch=1,
    next_offsets={"t": {0: 5, 11: 0}},
)


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return settings_for(kafka, topic_prefix)


@pytest.fixture
def transactions(settings: Settings) -> Iterator[Transactions]:
    ensure_topics(settings)
    with closing(Transactions(settings, "test", threading.Event())) as made:
        yield made


def message(partition: TopicPartition, number: int) -> Message:
    return partition, b"order-1", b"{}", [("position", b"%d" % number)]


def commit(transactions: Transactions, *messages: Message) -> dict[TopicPartition, int]:
    transactions.begin()
    transactions.send(messages)
    offsets = transactions.acknowledged()
    transactions.commit()
    return offsets


def described(settings: Settings) -> dict[str, dict[str, Any]]:
    """Partitions and settings of our topics as the broker knows them."""
    found: dict[str, dict[str, Any]] = {}
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)) as admin:
        for topic in topics(settings, CHANNELS):
            [known] = admin.describe_topics([topic.name])
            configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
            found[topic.name.removeprefix(f"{settings.topic_prefix}.")] = {
                "partitions": len(known["partitions"]),
                **{k: v["value"] for k, v in _values(configs, topic.name).items()},
            }
    return found


def _values(configs: Any, name: str) -> dict[str, Any]:
    return dict(configs["topic"][name])


def test_topics_are_created_as_the_catalogue_says(settings: Settings) -> None:
    made = ensure_topics(settings, CHANNELS)
    assert made == [topic.name for topic in topics(settings, CHANNELS)]
    assert ensure_topics(settings, CHANNELS) == []
    check_topics(settings)
    found = described(settings)
    assert {name: each["partitions"] for name, each in found.items()} == {
        "events.order": 2,
        "events.stock": 2,
        "events.policy": 2,
        "events.sourcing": 1,
        "index": 1,
        "intake.orders": 2,
        "intake.marketplace": 2,
        "intake.results": 2,
        "dead-letters": 2,
    }
    retention = {name: int(each["retention.ms"]) for name, each in found.items()}
    assert {retention[name] for name in (*EVENT_TOPICS.values(), "index")} == {-1}
    assert {retention[f"intake.{name}"] for name in ("orders", "marketplace", "results")} == {
        7 * DAY
    }
    assert retention["dead-letters"] == 30 * DAY
    assert found["dead-letters"]["cleanup.policy"] == "compact,delete"
    assert found["events.order"]["cleanup.policy"] == "delete"
    assert found["intake.orders"]["compression.type"] == "uncompressed"
    sizes = {name: int(each["max.message.bytes"]) for name, each in found.items()}
    assert sizes["dead-letters"] > sizes["intake.orders"] * 4 / 3


def test_every_kind_of_stream_has_a_topic() -> None:
    assert EVENT_TOPICS.keys() == CATEGORIES.keys()


def test_missing_topics_are_told(settings: Settings) -> None:
    with pytest.raises(KafkaUnfit, match=r"events\.order has no partitions instead of 2"):
        check_topics(settings)


def test_two_may_create_the_topics_at_once(settings: Settings) -> None:
    errors = list[BaseException]()

    def create() -> None:
        try:
            ensure_topics(settings)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check_topics(settings)


@given(st.binary(max_size=80))
def test_our_hash_is_that_of_every_other_client(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_the_library(key)


def test_another_library_sends_a_key_to_the_partition_that_we_send_it_to(
    settings: Settings,
) -> None:
    wide = settings.model_copy(update={"topic_partitions": 7})
    ensure_topics(wide)
    chosen: dict[bytes, int] = {}

    def note(_: object, sent: Any) -> None:
        chosen[sent.key()] = sent.partition()

    producer = Producer(
        {"bootstrap.servers": wide.kafka_bootstrap_servers, "partitioner": "murmur2"}
    )
    keys = [f"order-{number}".encode() for number in range(200)]
    for key in keys:
        producer.produce(topic_name(wide, "events.order"), b"", key, on_delivery=note)
    producer.flush()
    assert chosen == {key: partition_of(key, 7) for key in keys}


def test_an_index_record_survives_its_bytes() -> None:
    assert decode_index(encode_index(RECORD)) == RECORD
    assert decode_index(encode_index(RECORD), own_offset=7).own_offset == 7
    with pytest.raises(KafkaUnfit, match="offset 5 of the index"):
        decode_index(b"{}", own_offset=5)


def test_the_last_index_record_is_found_behind_markers_and_what_was_taken_back(
    settings: Settings, transactions: Transactions
) -> None:
    assert last_index_record(settings) is None
    index = index_partition(settings)
    commit(transactions, (index, None, encode_index(RECORD), []))
    transactions.begin()
    transactions.send([(index, None, b"taken back", [])] * 100)
    transactions.acknowledged()
    transactions.close()
    Transactions(settings, "test", threading.Event()).close()
    found = last_index_record(settings)
    assert found is not None
    assert (found.from_, found.to, found.own_offset) == (3, 9, 0)
    assert [record.own_offset for record in index_records(settings)] == [0]


def test_the_last_record_of_every_partition(settings: Settings, transactions: Transactions) -> None:
    places = event_partitions(settings)
    sent = [message(place, number) for place in places[:-1] for number in range(30)]
    offsets = commit(transactions, *sent)
    with closing(consumer(settings)) as reader:
        last = last_records(reader, places)
    assert last.pop(places[-1]) is None
    assert {place: record.offset for place, record in last.items()} == offsets


class Stumbling:
    """A client whose socket closed just before it was going to wait for it."""

    def poll(self, timeout_ms: int) -> Any:
        raise ValueError(f"Invalid file descriptor: -1, for {timeout_ms} ms")


def test_a_client_that_stumbles_over_a_closed_socket_has_lost_its_connection() -> None:
    """Whoever reads starts over then, instead of halting."""
    with pytest.raises(KafkaConnectionError, match="Invalid file descriptor"):
        poll(Stumbling(), 50)


def test_a_consumer_never_jumps_over_a_hole(settings: Settings, transactions: Transactions) -> None:
    place = event_partitions(settings)[0]
    commit(transactions, message(place, 1))
    with closing(consumer(settings)) as reader:
        reader.assign([place])
        reader.seek(place, 1_000)
        with pytest.raises(OffsetOutOfRangeError):
            reader.poll(timeout_ms=10_000)


def test_a_commit_whose_answer_was_lost_is_not_simply_repeated(
    settings: Settings, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = KafkaNetClient.send

    def cut(client: Any, node_id: object, request: object, **options: Any) -> Any:
        answer = send(client, node_id, request, **options)
        if not isinstance(request, EndTxnRequest):
            return answer
        lost = Future()
        answer.add_both(lambda _: lost.failure(KafkaConnectionError("socket disconnected")))
        monkeypatch.undo()
        return lost

    place = event_partitions(settings)[0]
    commit(transactions, message(place, 1))
    monkeypatch.setattr(KafkaNetClient, "send", cut)
    with pytest.raises(KafkaError, match="UnsureCommit"):
        commit(transactions, message(place, 2))


def test_a_stop_cuts_the_wait_for_an_answer_short(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(settings)
    stop = threading.Event()
    with closing(Transactions(settings, "test", stop)) as transactions:
        monkeypatch.setattr("infra.kafka.transactional_producer.STOPPING_LIMIT", 0.2)
        stop.set()
        with pytest.raises(UnsureCommit, match="no answer"):
            transactions._await(lambda seconds: stop.wait(0.05) and False)


def test_every_message_is_waited_for(settings: Settings, transactions: Transactions) -> None:
    place = event_partitions(settings)[0]
    assert commit(transactions, *(message(place, number) for number in range(5))) == {place: 4}
    assert commit(transactions, message(place, 5)) == {place: 6}
    assert [record.offset for record in published(settings)] == [0, 1, 2, 3, 4, 6]


def test_clients_get_what_a_secured_cluster_asks_for(tmp_path: Path) -> None:
    secured = settings_for(
        "a:1,b:2",
        "p",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="relay",
        kafka_sasl_password=SecretStr("s3cret"),
        kafka_ssl_cafile=tmp_path / "ca.pem",
        kafka_ssl_certfile=tmp_path / "cert.pem",
        kafka_ssl_keyfile=tmp_path / "key.pem",
    )
    found = connection(secured)
    assert found["bootstrap_servers"] == ["a:1", "b:2"]
    assert {name: value for name, value in found.items() if name.startswith(("s", "ssl"))} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "relay",
        "sasl_plain_password": "s3cret",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "ssl_certfile": str(tmp_path / "cert.pem"),
        "ssl_keyfile": str(tmp_path / "key.pem"),
    }
    assert "s3cret" not in repr(secured)


def test_clients_need_to_know_where_the_brokers_are() -> None:
    nowhere = settings_for("unused", "p").model_copy(update={"kafka_bootstrap_servers": None})
    with pytest.raises(KafkaUnfit, match="ORDINAL_KAFKA_BOOTSTRAP_SERVERS"):
        connection(nowhere)
