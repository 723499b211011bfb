"""The checker's view of Kafka: topics against the log, and how far everybody is behind."""

from contextlib import closing

from kafka import TopicPartition

from infra.audit.reconcile import reconcile
from infra.audit.verify import Findings
from infra.kafka.clients import consumer, last_records
from infra.kafka.index_topic import last_index_record
from infra.postgres.connections import Connection
from infra.runtime.settings import Settings
from infra.store.event_log import head


def verify_topics(conninfo: str, settings: Settings, findings: Findings) -> None:
    """I3: positions rise per partition, and what the topics hold is what the log holds."""
    finding = findings.begin("I3", "order of the log: guards, times, topics")
    report = reconcile(conninfo, settings, repair=False)
    finding.checked += report.events
    for found in report.findings:
        finding.blame(
            f"{found.place}: {found.kind}, {found.count} at positions"
            f" {found.first} to {found.last} {found.detail}".rstrip()
        )


def lag_of(conn: Connection, settings: Settings | None) -> dict[str, int]:
    """How many positions, outbox rows or messages each follower is behind."""
    last = head(conn)
    # Nobody need feed the tables of a former version any more.
    rows = conn.execute(
        "SELECT DISTINCT ON (projection) projection, position FROM read.checkpoints"
        " WHERE live ORDER BY projection, version DESC"
    ).fetchall()
    lag = {name: max(0, last - position) for name, position in rows}
    if settings is None:
        return lag
    record = last_index_record(settings)
    row = conn.execute("SELECT coalesce(max(outbox_id), 0) FROM ordinal.outbox").fetchone()
    lag["relay"] = max(0, last - (record.to if record else 0))
    lag["outbox"] = max(0, (row[0] if row else 0) - (record.outbox_to if record else 0))
    return lag | _intake(conn, settings)


def _intake(conn: Connection, settings: Settings) -> dict[str, int]:
    """Topics that nobody has begun to read have nobody who could be behind."""
    rows = conn.execute(
        "SELECT t.topic, partition, next_offset FROM ordinal.intake_offsets o"
        " JOIN ordinal.intake_topics t ON t.source = o.topic"
    )
    stored = {TopicPartition(topic, partition): offset for topic, partition, offset in rows}
    with closing(consumer(settings)) as reader:
        places = [
            TopicPartition(topic, number)
            for topic in sorted({place.topic for place in stored})
            for number in reader.partitions_for_topic(topic) or ()
        ]
        last = last_records(reader, places) if places else {}
    return {
        f"{place.topic}/{place.partition}": max(0, record.offset + 1 - stored.get(place, 0))
        for place, record in last.items()
        if record is not None
    }
