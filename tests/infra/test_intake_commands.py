"""Every command may come over a topic, by a channel that is one file and one entry."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path

import msgspec
import psycopg
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, UnsupportedCodecError

from consumers.channels import CHANNELS, by_name
from domain.values import order_id_of
from infra.intake.answers import moment_of
from infra.kafka.clients import connection, poll
from infra.kafka.topics import ensure_topics, topic_name
from infra.runtime.settings import Settings
from infra.store.envelope import envelope
from tests.consumers.toy_channel import PARTNER
from tests.infra.intaking import (
    Channel,
    dead_letters,
    encoded,
    intake_of,
    intake_settings,
    opened,
    orders,
    results,
    running,
    take,
    taken,
)
from tests.infra.shop import SKU, check_log, stock_of

ROOT = Path(__file__).parents[2]
# A whole process whose list of channels has one more.
WITH_PARTNER = """
import sys
import consumers.channels as channels
from infra.store.envelope import envelope
from tests.consumers.toy_channel import PARTNER
channels.CHANNELS[PARTNER.name] = PARTNER
import main
sys.argv = ["ordinal", *sys.argv[1:]]
main.cli()
"""


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return intake_settings(kafka, topic_prefix)


@pytest.fixture
def shop(ordinal_database: str) -> str:
    return opened(ordinal_database)


@pytest.fixture
def partner(settings: Settings) -> Iterator[Channel]:
    ensure_topics(settings, by_name(*CHANNELS.values(), PARTNER))
    with closing(Channel(settings, PARTNER.topic)) as channel:
        yield channel


def note(number: str, **given: object) -> bytes:
    return msgspec.json.encode({"number": number, **given})


def test_sales_payments_cancellations_and_counts_are_taken_in(
    shop: str, settings: Settings, partner: Channel
) -> None:
    """One message may ask for several things: then all of them are done, or none."""
    partner.send(
        note("N-1", sold=SKU),
        note("N-2", counts=[{"article": SKU, "pieces": 70}]),
        note("N-3", cancels="N-1"),
        note("N-4", cancels="N-9"),
        note("N-5"),
        b'{"number":"N-6","sold":7}',
        key=b"k",
    )
    take(intake_of(shop, settings, PARTNER), shop, 6)
    answers = results(shop)
    assert [(each.reference, each.status, each.code) for each in answers] == [
        ("N-1", "accepted", None),
        ("N-2", "accepted", None),
        ("N-3", "accepted", None),
        ("N-4", "refused", "unknown-order"),
        ("N-5", "refused", "invalid"),
        ("N-6", "refused", "invalid"),
    ]
    assert answers[0].order_id == answers[2].order_id == order_id_of("partner", "N-1")
    assert answers[1].order_id is None
    assert answers[0].details["commands"][0]["outcome"] == "placed"
    assert stock_of(shop).on_hand == 70
    kinds = {envelope(row.state).type for row in check_log(shop)}
    assert {"OrderPlaced", "PaymentCaptured", "OrderCancelled", "StockCounted"} <= kinds
    assert [letter.source_offset for letter in dead_letters(shop)] == [4, 5]


def test_a_message_of_several_commands_is_done_whole_or_not_at_all(
    shop: str, settings: Settings, partner: Channel
) -> None:
    before = len(check_log(shop))
    partner.send(
        note("N-1", counts=[{"article": SKU, "pieces": 9}, {"article": "NONE", "pieces": 1}]),
        key=b"k",
    )
    take(intake_of(shop, settings, PARTNER), shop, 1)
    (answer,) = results(shop)
    assert (answer.status, answer.code) == ("refused", "unknown-stock-item")
    assert len(check_log(shop)) == before


def test_delivering_several_commands_again_changes_nothing(
    shop: str, settings: Settings, partner: Channel
) -> None:
    partner.send(note("N-1", sold=SKU), key=b"k")
    take(intake_of(shop, settings, PARTNER), shop, 1)
    before = check_log(shop)
    with psycopg.connect(shop) as conn:
        conn.execute("DELETE FROM ordinal.intake_offsets")
    take(intake_of(shop, settings, PARTNER), shop, 1)
    assert check_log(shop) == before
    first, second = results(shop)
    assert first == second


def test_a_misspelt_order_is_refused_with_all_that_is_unknown(
    shop: str, settings: Settings
) -> None:
    sound = msgspec.json.decode(encoded("r"))
    with closing(Channel(settings, "intake.orders")) as channel:
        channel.send(
            msgspec.json.encode(sound | {"shortage_polcy": "partial", "discout": 5}),
            encoded("r").replace(b'"currency":"GBP"', b'"currency":"GBP","currency":"EUR"'),
            key=b"k",
        )
    take(intake_of(shop, settings), shop, 2)
    misspelt, twice = results(shop)
    assert (misspelt.reference, misspelt.code) == ("r", "invalid")
    assert misspelt.why == "unknown fields: shortage_polcy, discout"
    assert (twice.reference, twice.code) == ("r", "invalid")
    assert twice.why == "the field currency stands twice in one object"
    assert len(dead_letters(shop)) == 2
    assert orders(shop) == []


# -- a channel is one file and one entry


def ordinal(settings: Settings, conninfo: str, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "ORDINAL_DATABASE_URL": conninfo,
        "ORDINAL_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers or "",
        "ORDINAL_TOPIC_PREFIX": settings.topic_prefix,
        "ORDINAL_TOPIC_PARTITIONS": str(settings.topic_partitions),
    }
    return subprocess.run(
        [sys.executable, "-c", WITH_PARTNER, *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_topics_schemas_verbs_and_processes_follow_from_the_list(
    shop: str, settings: Settings, tmp_path: Path
) -> None:
    made = ordinal(settings, shop, "topics")
    assert made.returncode == 0, made.stderr
    assert topic_name(settings, "intake.partner") in made.stdout
    assert ordinal(settings, shop, "schemas", "--to", str(tmp_path)).returncode == 0
    schema = msgspec.json.decode((tmp_path / "messages" / "partner-note.json").read_bytes())
    assert schema["properties"].keys() == {"number", "sold", "cancels", "counts"}
    assert "partner" in ordinal(settings, shop, "consume", "--help").stdout
    named = "import verbs.up, sys; from infra.runtime.settings import Settings;"
    named += "sys.stdout.write(str(verbs.up.verbs_of(Settings())))"
    grown = WITH_PARTNER.replace("import main\n", named + "\nsys.exit()\nimport main\n")
    told = subprocess.run(
        [sys.executable, "-c", grown],
        cwd=ROOT,
        env=os.environ
        | {
            "ORDINAL_DATABASE_URL": shop,
            "ORDINAL_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers or "",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "('consume', 'partner')" in told.stdout, told.stderr


def test_the_contributors_guide_names_what_a_channel_takes() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    chapter = guide.partition("### A channel\n")[2].partition("\n###")[0]
    assert "`consumers/channels/<name>.py`" in chapter
    assert "`CHANNELS` in `consumers/channels/__init__.py`" in chapter


# -- what a broker takes, and what a client stumbles over

NO_TIMES = [-99_999_999_999_999, -1, 2**62]


@pytest.mark.parametrize("milliseconds", [*NO_TIMES, 0, 1_764_400_000_000])
def test_a_records_time_is_one_whatever_it_says(milliseconds: int) -> None:
    at = moment_of(milliseconds)
    assert at.tzinfo is UTC
    assert 1970 <= at.year < 9999
    if milliseconds not in NO_TIMES:
        assert at.timestamp() * 1000 == milliseconds


def test_a_message_from_before_all_time_blocks_nothing(shop: str, settings: Settings) -> None:
    topic = topic_name(settings, "intake.orders")
    with closing(KafkaProducer(**connection(settings), acks="all")) as producer:
        producer.send(topic, b"not json", partition=0, timestamp_ms=-99_999_999_999_999).get(10)
        producer.send(topic, encoded("r"), partition=0).get(10)
    take(intake_of(shop, settings), shop, 2)
    assert [each.code for each in results(shop)] == ["malformed-request", None]
    (letter,) = dead_letters(shop)
    assert letter.received_at > "2020"


def test_after_any_error_an_intake_reads_with_a_new_consumer(
    shop: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another poll on the one that failed may not return, and takes a core."""
    spoiled: list[object] = []

    def failing_once(reader: object, milliseconds: int) -> object:
        assert reader not in spoiled, "polled again after an error"
        if not spoiled:
            spoiled.append(reader)
            raise UnsupportedCodecError("a codec that nobody has")
        return poll(reader, milliseconds)

    monkeypatch.setattr("infra.intake.intake.poll", failing_once)
    with closing(Channel(settings, "intake.orders")) as channel:
        channel.send(encoded("r"))
    take(intake_of(shop, settings), shop, 1)
    assert len(spoiled) == 1
    assert len(orders(shop)) == 1


def test_whatever_a_client_stumbles_over_is_an_error_of_kafka() -> None:
    class Stumbling:
        def poll(self, timeout_ms: int) -> None:
            raise zlib.error("invalid block type")

    with pytest.raises(KafkaConnectionError, match="invalid block type"):
        poll(Stumbling(), 1)


def test_the_lag_of_a_transactional_channel_comes_to_nothing(
    shop: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind its last message stands a marker that is no message."""
    monkeypatch.setattr("infra.intake.stall_detector.INTERVAL", 0.2)
    topic = topic_name(settings, "intake.orders")
    with closing(
        KafkaProducer(**connection(settings), acks="all", transactional_id=settings.topic_prefix)
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, encoded("r"), partition=0)
        producer.commit_transaction()
    with running(intake_of(shop, settings)) as work:
        work.until(lambda: taken(shop) == 1)
        work.until(lambda: work.intake.status.lag == 0)
    assert work.intake.status.lag == 0
