"""A plain recorder of the eventsourcing library reads the log as its own."""

from collections.abc import Iterator

import pytest
from eventsourcing.application import LocalNotificationLog
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, Notification
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from domain.values import order_stream
from infra.store.event_log import StoredRow
from tests.infra.shop import burn, check_log, do, open_shop, order, writing


@pytest.fixture
def recorder(ordinal_database: str) -> Iterator[ApplicationRecorder]:
    """The library's own, told by its own environment where the log is."""
    given = conninfo_to_dict(ordinal_database)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_PORT": str(given.get("port") or 5432),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": str(given.get("password") or ""),
        "POSTGRES_SCHEMA": "ordinal",
        "POSTGRES_ORIGINATOR_ID_TYPE": "text",
        "CREATE_TABLE": "n",
    }
    with InfrastructureFactory.construct(Environment("", environment)) as factory:
        yield factory.application_recorder()


@pytest.fixture
def rows(ordinal_database: str) -> list[StoredRow]:
    """A small history with a gap in its positions."""
    with writing(ordinal_database) as writer:
        open_shop(writer, units=20)
        burn(ordinal_database, 3)
        for number in range(10):
            do(writer, order(f"o{number}"))
    return list(check_log(ordinal_database))


def test_the_library_reads_a_stream(recorder: ApplicationRecorder, rows: list[StoredRow]) -> None:
    name = order_stream("o3")
    ours = [row for row in rows if row.stream_id == name]
    theirs = recorder.select_events(name)
    assert [
        (each.originator_id, each.originator_version, each.topic, each.state) for each in theirs
    ] == [row[1:] for row in ours]
    assert [each.originator_version for each in recorder.select_events(name, gt=1)] == [2]


def test_the_library_reads_all_notifications_in_order(
    recorder: ApplicationRecorder, rows: list[StoredRow]
) -> None:
    theirs = recorder.select_notifications(start=1, limit=1_000)
    assert [
        (each.id, each.originator_id, each.originator_version, each.topic, each.state)
        for each in theirs
    ] == list(rows)
    assert recorder.max_notification_id() == rows[-1].position
    some = recorder.select_notifications(start=rows[0].position, limit=5, topics=["OrderPlaced"])
    assert [each.topic for each in some] == ["OrderPlaced"] * 5


def test_the_librarys_notification_log_goes_through_all_sections(
    recorder: ApplicationRecorder, rows: list[StoredRow]
) -> None:
    log = LocalNotificationLog(recorder, section_size=4)
    found: list[Notification] = []
    section_id = "1,4"
    while section_id:
        section = log[section_id]
        found += section.items
        section_id = section.next_id or ""
    assert [(each.id, each.state) for each in found] == [(row.position, row.state) for row in rows]
