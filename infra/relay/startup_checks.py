"""What must be true before the relay sends anything."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

import structlog
from kafka import TopicPartition

from infra.kafka import record_headers
from infra.kafka.clients import consumer, last_records, offsets_of, read_ranges, require_crc32c
from infra.kafka.index_topic import IndexRecord, decode_index
from infra.kafka.topics import event_partitions, index_partition, outbox_partitions, topic_name
from infra.kafka.transactional_producer import Transactions
from infra.postgres.connections import Connection
from infra.runtime.settings import Settings
from infra.store.envelope import event_id_of
from infra.store.event_log import TABLE, head, read_at, store_epoch

LIBRARY_WRITES_PAST_THE_LOCK = "POSTGRES_ENABLE_DB_FUNCTIONS"
# Seconds.
SETTLING_LIMIT = 5.0

log = structlog.get_logger("relay")


class RelayHalted(Exception):
    """Store and topics contradict each other, or can't be trusted: an operator must decide."""


def refuse_unfit_process() -> None:
    """Refuse an environment in which order or speed are lost."""
    require_crc32c()
    if os.environ.get(LIBRARY_WRITES_PAST_THE_LOCK):
        raise RelayHalted(f"unset {LIBRARY_WRITES_PAST_THE_LOCK}: it appends without the lock")


def refuse_unfit_store(conn: Connection) -> None:
    """Refuse a standby, which may lag, and a log whose order nothing guards."""
    row = conn.execute(
        "SELECT pg_is_in_recovery(), (SELECT tgenabled::text FROM pg_trigger"
        " WHERE tgrelid = to_regclass(%s) AND tgname = 'append_guard')",
        (TABLE,),
    ).fetchone()
    standby, guard = row if row else (True, None)
    if standby:
        raise RelayHalted("the database is a standby: it may lack what others have seen")
    # Disabled, or active on replicas only, it would let positions overtake each other.
    if guard not in ("O", "A"):
        raise RelayHalted(f"the trigger append_guard on {TABLE} is missing or disabled")


def last_agreed(conn: Connection, reader: Any, settings: Settings) -> IndexRecord:
    """The last index record, when store and topics agree on it.

    Raises RelayHalted when they do not.
    """
    index = index_partition(settings)
    last = last_records(reader, [index, *event_partitions(settings)])
    newest = last.pop(index)
    record = (
        nothing_published(conn, settings)
        if newest is None
        else decode_index(newest.value, own_offset=newest.offset)
    )
    check_store(conn, record)
    check_partitions(record, last)
    return with_new_topics(record, last)


def with_new_topics(record: IndexRecord, last: Mapping[TopicPartition, Any]) -> IndexRecord:
    """The record with the topics of categories that came after it, each from its present end."""
    ends = {each: 0 if message is None else message.offset + 1 for each, message in last.items()}
    return replace(record, next_offsets=grouped(ends) | record.next_offsets)


def settle_undecided(
    transactions: Transactions, committed: Any, conn: Connection, settings: Settings
) -> None:
    """End transactions of ours that a broker's crash left open in some partitions.

    A broker that starts again may take a partition whose leader it does not know yet for deleted,
    and never mark there how the last transaction ended. Nobody sees those records, so the relay
    would send them again; and the end of that transaction would make both visible. Nor would it
    send answers again that the index tells of, so these must not be taken back.
    """
    with closing(consumer(settings, isolation_level="read_uncommitted")) as reader:
        written, decided = _ends(reader, settings), _ends(committed, settings)
        hanging = [each for each, end in written.items() if decided[each] < end]
        if not hanging:
            return
        index, events = index_partition(settings), event_partitions(settings)
        last = last_records(committed, [index, *events])
        first = _first_records(reader, {each: (decided[each], written[each]) for each in hanging})
        positions = [position_of(record) for each, record in first.items() if each in events]
        others = [record for each, record in first.items() if each not in (index, *events)]
        commit = was_committed(last, positions, settings) or was_told(
            conn, last[index], others, settings
        )
        log.warning("transaction_left_open", partitions=list(map(str, hanging)), commit=commit)
        transactions.settle(hanging, commit=commit)
        deadline = monotonic() + SETTLING_LIMIT
        while _ends(committed, settings) != _ends(reader, settings):
            if monotonic() > deadline:
                # Then it is somebody else's transaction that is open.
                log.warning("still_open", partitions=list(map(str, hanging)))
                return
            sleep(0.02)


def _ends(reader: Any, settings: Settings) -> dict[TopicPartition, int]:
    ours = [index_partition(settings), *event_partitions(settings), *outbox_partitions(settings)]
    _, ends = offsets_of(reader, ours)
    return ends


def _first_records(
    reader: Any, stretches: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, Any]:
    """The first undecided record of each partition."""
    found: dict[TopicPartition, Any] = {}
    for partition, records in read_ranges(reader, stretches):
        found.setdefault(partition, records[0])
    return found


def was_committed(
    last: Mapping[TopicPartition, Any], undecided: Iterable[int], settings: Settings
) -> bool:
    """Whether somebody may have seen a part of the open transaction: its index record, or an event
    that no index record speaks of. If nobody has, it is as good as never begun.
    """
    index = index_partition(settings)
    newest = last[index]
    told = 0 if newest is None else decode_index(newest.value, own_offset=newest.offset).to
    seen = [position_of(record) for each, record in last.items() if record and each != index]
    return any(position > told for position in seen) or any(p <= told for p in undecided)


def was_told(
    conn: Connection, newest: Any | None, messages: Iterable[Any], settings: Settings
) -> bool:
    """Whether the index tells of one of these messages, which are no events, as published."""
    told = 0 if newest is None else decode_index(newest.value, own_offset=newest.offset).outbox_to
    return any(
        conn.execute(
            "SELECT FROM ordinal.outbox WHERE outbox_id <= %s AND topic = %s AND value = %s"
            " ORDER BY outbox_id DESC LIMIT 1",
            (told, message.topic.removeprefix(topic_name(settings, "")), message.value),
        ).fetchone()
        is not None
        for message in messages
    )


def check_store(conn: Connection, record: IndexRecord) -> None:
    """Raise RelayHalted unless the store holds what the index says was published last."""
    epoch = store_epoch(conn)
    if record.store_epoch != epoch:
        raise RelayHalted(f"published in store epoch {record.store_epoch}, the store has {epoch}")
    if record.agreed == 0:
        return
    last = head(conn)
    if last < record.agreed:
        raise RelayHalted(f"published up to {record.agreed}, but the store ends at {last}")
    row = read_at(conn, record.agreed)
    if row is None or hashlib.sha256(row.state).hexdigest() != record.hash:
        found = "nothing" if row is None else f"event {event_id_of(row.state) or ''}"
        raise RelayHalted(
            f"published event {record.event_id} at {record.agreed}, the store has {found} there"
        )


def position_of(record: Any) -> int:
    """The log position of an event's message."""
    position = record_headers.position_of(record)
    if position is None:
        raise RelayHalted(
            f"{record.topic} partition {record.partition} offset {record.offset} is not ours:"
            " it has no position"
        )
    return position


def check_partitions(record: IndexRecord, last: Mapping[TopicPartition, Any]) -> None:
    """Raise RelayHalted unless the last record of each partition is one that the index knows."""
    for partition, message in last.items():
        name = f"{partition.topic} partition {partition.partition}"
        expected = record.next_offsets.get(partition.topic, {}).get(partition.partition, 0)
        found = 0 if message is None else message.offset + 1
        if found < expected:
            raise RelayHalted(f"{name} lost its tail: run `ordinal reconcile --repair`")
        if message is not None and position_of(message) > record.to:
            raise RelayHalted(
                f"{name} already holds position {position_of(message)}, the index ends at"
                f" {record.to}: run `ordinal reconcile --repair`"
            )


def nothing_published(conn: Connection, settings: Settings) -> IndexRecord:
    """What stands before the first index record."""
    return IndexRecord(
        from_=0,
        to=0,
        count=0,
        event_id="",
        hash="",
        outbox_to=0,
        store_epoch=store_epoch(conn),
        next_offsets=grouped(dict.fromkeys(event_partitions(settings), 0)),
    )


def grouped(offsets: Mapping[TopicPartition, int]) -> dict[str, dict[int, int]]:
    """Offsets by topic and partition, as the index has them."""
    result: dict[str, dict[int, int]] = {}
    for partition, offset in offsets.items():
        result.setdefault(partition.topic, {})[partition.partition] = offset
    return result
