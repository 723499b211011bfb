"""A log that is back where it was some time ago, while others have gone on."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from infra.audit import accept_restore as restored
from infra.audit.accept_restore import (
    Accepted,
    NothingToAccept,
    WrittenSince,
    accept_restore,
    standing,
)
from infra.audit.reconcile import ReconcileRefused, reconcile
from infra.kafka.index_topic import IndexRecord, index_records, last_index_record
from infra.readmodels.checkpoints import ProjectorHalted
from infra.readmodels.feeds import StoreFeed
from infra.readmodels.index_follower import Follower
from infra.readmodels.kafka_feed import KafkaFeed, SharedSession
from infra.readmodels.projector import Projector
from infra.relay.relay import RelayHalted
from infra.runtime.settings import Settings
from infra.store.event_log import SEQUENCE
from tests.infra.log_rows import put_into_outbox
from tests.infra.relaying import (
    positions,
    published,
    published_to,
    refusal,
    relay_all,
    relaying,
    settings_for,
)
from tests.infra.running import eventually, project
from tests.infra.sample_projection import SAMPLE, Written, append, contents, receive

A, B = "stock-HERE-a", "stock-HERE-b"


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> Settings:
    return settings_for(kafka, topic_prefix)


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.audit.reconcile.SETTLE_LIMIT", 0.5)


def units(number: int) -> list[Written]:
    return [(stream, receive(1)) for _ in range(number) for stream in (A, B)]


def execute(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def go_back(conninfo: str, position: int) -> None:
    """The log as it was at that position; the read models, in a database of their own, say, stay
    where they are.
    """
    execute(
        conninfo,
        "ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only",
        f"DELETE FROM ordinal.stored_events WHERE notification_id > {position}",
        "ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only",
        f"SELECT setval('{SEQUENCE}', {position})",
    )


def accept(conninfo: str, settings: Settings) -> Accepted:
    return accept_restore(conninfo, settings, [SAMPLE])


def without_kafka(settings: Settings) -> Settings:
    return settings.model_copy(update={"kafka_bootstrap_servers": None})


def assert_sound(conninfo: str, settings: Settings, void: set[int], head: int) -> None:
    """Topics and log agree but for what is void, and a reader of the topics comes to the end."""
    relay_all(conninfo, settings, head)
    report = reconcile(conninfo, settings, repair=False)
    assert report.findings == []
    assert reconcile(conninfo, settings, repair=True).resent == 0
    with psycopg.connect(conninfo) as conn:
        rows = conn.execute("SELECT notification_id FROM ordinal.stored_events").fetchall()
    found = positions(published(settings))
    assert sorted(found) == sorted({position for (position,) in rows} | void)
    assert len(set(found)) == len(found)
    project(conninfo, SAMPLE, partial(KafkaFeed, SharedSession(conninfo), Follower(settings)))


def test_the_log_goes_on_behind_what_was_published(
    ordinal_database: str, settings: Settings
) -> None:
    first = append(ordinal_database, units(10))
    relay_all(ordinal_database, settings, first[-1])
    project(ordinal_database, SAMPLE)
    lost = append(ordinal_database, units(5))
    relay_all(ordinal_database, settings, lost[-1])
    go_back(ordinal_database, first[-1])
    refusal(ordinal_database, settings, RelayHalted, "the store ends at")
    accepted = accept(ordinal_database, settings)
    assert accepted == Accepted(store_epoch=2, void_after=first[-1], to=lost[-1], behind=[])
    record = last_index_record(settings)
    assert record
    assert (record.from_, record.to, record.count) == (lost[-1], lost[-1], 0)
    assert (record.void_after, record.store_epoch) == (first[-1], 2)
    more = append(ordinal_database, units(3))
    assert more[0] == lost[-1] + 1
    assert_sound(ordinal_database, settings, set(lost), more[-1])
    assert contents(ordinal_database)["sample_receipt"] == ["(HERE-a,d1,13)", "(HERE-b,d1,13)"]


def test_a_backup_may_end_in_the_middle_of_what_was_published_at_once(
    ordinal_database: str, settings: Settings
) -> None:
    written = append(ordinal_database, units(20))
    relay_all(ordinal_database, settings, written[-1])
    go_back(ordinal_database, written[12])
    assert accept(ordinal_database, settings).void_after == written[12]
    more = append(ordinal_database, units(1))
    assert_sound(ordinal_database, settings, set(written[13:]), more[-1])


def test_a_backup_may_be_empty(ordinal_database: str, settings: Settings) -> None:
    written = append(ordinal_database, units(3))
    relay_all(ordinal_database, settings, written[-1])
    execute(
        ordinal_database,
        "ALTER TABLE ordinal.stored_events DISABLE TRIGGER append_only",
        "DELETE FROM ordinal.stored_events",
        "ALTER TABLE ordinal.stored_events ENABLE ALWAYS TRIGGER append_only",
        f"ALTER SEQUENCE {SEQUENCE} RESTART",
    )
    accepted = accept(ordinal_database, settings)
    assert (accepted.void_after, accepted.to) == (0, written[-1])
    more = append(ordinal_database, units(1))
    assert_sound(ordinal_database, settings, set(written), more[-1])


def test_a_second_restore_may_go_back_further(ordinal_database: str, settings: Settings) -> None:
    written = append(ordinal_database, units(10))
    relay_all(ordinal_database, settings, written[-1])
    go_back(ordinal_database, written[14])
    accept(ordinal_database, settings)
    second = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, second[-1])
    go_back(ordinal_database, written[9])
    accepted = accept(ordinal_database, settings)
    assert (accepted.store_epoch, accepted.void_after, accepted.to) == (3, written[9], second[-1])
    more = append(ordinal_database, units(2))
    assert_sound(ordinal_database, settings, {*written[10:], *second}, more[-1])


def test_a_second_restore_may_go_back_less_far(ordinal_database: str, settings: Settings) -> None:
    written = append(ordinal_database, units(10))
    relay_all(ordinal_database, settings, written[-1])
    go_back(ordinal_database, written[9])
    accept(ordinal_database, settings)
    second = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, second[-1])
    go_back(ordinal_database, second[2])
    accepted = accept(ordinal_database, settings)
    assert (accepted.void_after, accepted.to) == (second[2], second[-1])
    more = append(ordinal_database, units(2))
    assert_sound(ordinal_database, settings, {*written[10:], *second[3:]}, more[-1])


def record(to: int, void_after: int | None = None) -> IndexRecord:
    return IndexRecord(
        from_=0,
        to=to,
        count=1,
        event_id="",
        hash=f"{to}",
        outbox_to=0,
        store_epoch=1,
        next_offsets={},
        void_after=void_after,
    )


def test_what_was_void_before_is_no_sign_of_where_the_log_agrees() -> None:
    """The log agrees with all records up to one, and with none behind it: so it can be found."""
    written = [record(5), record(20), record(22), record(22, 10), record(22, 10), record(30)]
    assert [mark.agreed for mark in standing(written)] == [5, 10, 10, 30]
    again = [*written, record(30, 8), record(35)]
    assert [mark.agreed for mark in standing(again)] == [5, 8, 35]


def test_a_read_model_that_was_ahead_is_named_and_halts(
    ordinal_database: str, settings: Settings
) -> None:
    written = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, written[-1])
    project(ordinal_database, SAMPLE)
    go_back(ordinal_database, written[3])
    assert accept(ordinal_database, settings).behind == ["sample"]
    append(ordinal_database, units(1))
    projector = Projector(ordinal_database, SAMPLE, partial(StoreFeed, ordinal_database))
    with pytest.raises(ProjectorHalted, match="rebuild it"):
        projector.run(threading.Event())


def test_positions_that_were_only_applied_are_not_used_again(
    ordinal_database: str, settings: Settings
) -> None:
    written = append(ordinal_database, units(4))
    project(ordinal_database, SAMPLE)
    go_back(ordinal_database, written[3])
    accepted = accept(ordinal_database, without_kafka(settings))
    assert (accepted.store_epoch, accepted.behind) == (2, ["sample"])
    assert append(ordinal_database, units(1))[0] == written[-1] + 1


@pytest.mark.parametrize("narrowed", [lambda known: known, without_kafka])
def test_a_log_that_lacks_nothing_is_left_alone(
    ordinal_database: str, settings: Settings, narrowed: Callable[[Settings], Settings]
) -> None:
    written = append(ordinal_database, units(2))
    relay_all(ordinal_database, settings, written[-1])
    append(ordinal_database, units(2))
    project(ordinal_database, SAMPLE)
    with pytest.raises(NothingToAccept):
        accept(ordinal_database, narrowed(settings))


def test_it_is_accepted_once(ordinal_database: str, settings: Settings) -> None:
    written = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, written[-1])
    go_back(ordinal_database, written[3])
    accept(ordinal_database, settings)
    with pytest.raises(NothingToAccept):
        accept(ordinal_database, settings)


def test_who_wrote_meanwhile_has_to_choose(ordinal_database: str, settings: Settings) -> None:
    written = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, written[-1])
    go_back(ordinal_database, written[3])
    append(ordinal_database, [(A, receive(2))])
    records = len(list(index_records(settings)))
    with pytest.raises(WrittenSince, match=f"position {written[4]}"):
        accept(ordinal_database, settings)
    assert len(list(index_records(settings))) == records
    refusal(ordinal_database, settings, RelayHalted, "the store ends at")


def test_an_acceptance_that_was_killed_is_finished_by_the_next_one(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = append(ordinal_database, units(4))
    relay_all(ordinal_database, settings, written[-1])
    project(ordinal_database, SAMPLE)
    go_back(ordinal_database, written[3])
    announce = restored.announce

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restored, "announce", killed)
    with pytest.raises(KeyboardInterrupt):
        accept(ordinal_database, settings)
    monkeypatch.setattr(restored, "announce", announce)
    assert accept(ordinal_database, settings).behind == ["sample"]
    more = append(ordinal_database, units(1))
    relay_all(ordinal_database, settings, more[-1])
    assert reconcile(ordinal_database, settings, repair=False).clean


def test_answers_that_may_be_lost_are_sent_again(ordinal_database: str, settings: Settings) -> None:
    first = append(ordinal_database, units(2))
    put_into_outbox(ordinal_database, "intake.results", [b"one"])
    relay_all(ordinal_database, settings, first[-1], outbox_to=1)
    lost = append(ordinal_database, units(2))
    put_into_outbox(ordinal_database, "intake.results", [b"two"])
    relay_all(ordinal_database, settings, lost[-1], outbox_to=2)
    go_back(ordinal_database, first[-1])
    execute(
        ordinal_database,
        "DELETE FROM ordinal.outbox WHERE outbox_id > 1",
        "SELECT setval('ordinal.outbox_outbox_id_seq', 1)",
    )
    accept(ordinal_database, settings)
    put_into_outbox(ordinal_database, "intake.results", [b"three"])
    with relaying(ordinal_database, settings) as relay:
        eventually(lambda: relay.status.outbox_position == 2)
    # Also when nothing but answers was sent since, the relay knows where the log agrees.
    with relaying(ordinal_database, settings) as relay:
        eventually(lambda: relay.status.state == "running")
    told = [record.value for record in published_to(settings, "intake.results")]
    assert sorted(told) == [b"one", b"three", b"two"]
    assert reconcile(ordinal_database, settings, repair=False).clean


def test_a_relay_at_work_is_left_to_it(
    ordinal_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.audit.reconcile.LEADER_LOCK_LIMIT", 0.5)
    with relaying(ordinal_database, settings) as relay:
        eventually(lambda: relay.status.state == "running")
        with pytest.raises(ReconcileRefused):
            accept(ordinal_database, settings)
