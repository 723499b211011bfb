"""Going on from a restored backup, of which others know more than the log does.

Positions that were published or applied are never used again. What was published beyond the
backup is declared void in the index; whoever applied it has to build anew.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg
from kafka import TopicPartition

from infra.audit.reconcile import alone, refuse_open_transactions
from infra.kafka.clients import consumer, last_records, read_ranges
from infra.kafka.index_topic import IndexRecord, encode_index, index_records, last_index_record
from infra.kafka.topics import check_topics, event_partitions, index_partition
from infra.kafka.transactional_producer import Transactions
from infra.postgres.connections import Connection
from infra.readmodels.checkpoints import Checkpoint, checkpoints
from infra.relay.startup_checks import (
    check_partitions,
    nothing_published,
    position_of,
    refuse_unfit_process,
    refuse_unfit_store,
)
from infra.runtime.settings import Settings
from infra.store.envelope import event_id_of
from infra.store.event_log import SEQUENCE, head, read_after, read_at, store_epoch
from projections.projection import Projection

OUTBOX_SEQUENCE = "ordinal.outbox_outbox_id_seq"


class NothingToAccept(Exception):
    """The log holds all that others have seen of it."""


class WrittenSince(Exception):
    """Events stand in the log at positions under which others know different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The log goes on behind `to` in this epoch; `behind` lists read models to build anew."""

    store_epoch: int
    void_after: int
    to: int
    behind: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedState:
    """What the topics were told: the last index record, the last one that the log agrees with,
    and up to which position log and topics hold the same.
    """

    last: IndexRecord
    agreed: IndexRecord
    common: int


def accept_restore(
    conninfo: str, settings: Settings, projections: Sequence[Projection]
) -> Accepted:
    """Take the log for the truth, as the owner of the database; nobody else may be at work.

    Raises NothingToAccept, WrittenSince, or what a repair of the topics would raise. When it was
    interrupted, it can be done again.
    """
    with closing(psycopg.connect(conninfo, autocommit=True)) as conn:
        if not settings.kafka_bootstrap_servers:
            return Restored(conn, projections, None).accept()
        refuse_unfit_process()
        refuse_unfit_store(conn)
        check_topics(settings)
        with alone(conninfo, settings) as transactions:
            refuse_open_transactions(settings)
            published = compare(conn, settings)
            accepted = Restored(conn, projections, published).accept()
            announce(conn, settings, transactions, published, accepted)
            return accepted


# -- what the topics were told


class Mark(NamedTuple):
    """As much of an index record as is needed to find the last one that the log agrees with."""

    agreed: int
    hash: str
    offset: int


def compare(conn: Connection, settings: Settings) -> PublishedState:
    """Raises RelayHalted when the topics are not what their own index says."""
    marks = standing(index_records(settings))
    first = bisect_left(marks, True, key=lambda mark: not _holds(conn, mark))
    begin = _record(settings, marks[first - 1]) if first else nothing_published(conn, settings)
    last = last_index_record(settings) or begin
    with closing(consumer(settings)) as reader:
        check_partitions(last, last_records(reader, event_partitions(settings)))
    common = begin.agreed
    if first < len(marks):
        common = _common(conn, settings, begin, _record(settings, marks[first]))
    return PublishedState(last=last, agreed=begin, common=common)


def standing(records: Iterable[IndexRecord]) -> list[Mark]:
    """The records that no later one has declared void."""
    marks: list[Mark] = []
    for record in records:
        while record.void_after is not None and marks and marks[-1].agreed > record.void_after:
            marks.pop()
        marks.append(Mark(record.agreed, record.hash, record.own_offset))
    return marks


def _holds(conn: Connection, mark: Mark) -> bool:
    row = read_at(conn, mark.agreed)
    found = "" if row is None else hashlib.sha256(row.state).hexdigest()
    return mark.agreed == 0 or found == mark.hash


def _record(settings: Settings, mark: Mark) -> IndexRecord:
    return next(index_records(settings, from_offset=mark.offset))


def _common(conn: Connection, settings: Settings, begin: IndexRecord, end: IndexRecord) -> int:
    """How far log and topics agree between two index records."""
    seen = _digests(settings, begin, end)
    common = begin.agreed
    rows = read_after(conn, common, len(seen) + 1, until=end.to)
    for row, (position, digest) in zip(rows, sorted(seen.items()), strict=False):
        if (row.position, hashlib.sha256(row.state).digest()) != (position, digest):
            break
        common = position
    return common


def _digests(settings: Settings, begin: IndexRecord, end: IndexRecord) -> dict[int, bytes]:
    """Of the messages between two index records, by their positions."""
    ranges = {
        partition: (_offset(begin, partition), _offset(end, partition))
        for partition in event_partitions(settings)
    }
    with closing(consumer(settings)) as reader:
        return {
            position_of(record): hashlib.sha256(record.value).digest()
            for _, records in read_ranges(reader, ranges)
            for record in records
        }


def _offset(record: IndexRecord, partition: TopicPartition) -> int:
    return record.next_offsets.get(partition.topic, {}).get(partition.partition, 0)


def announce(
    conn: Connection,
    settings: Settings,
    transactions: Transactions,
    published: PublishedState,
    accepted: Accepted,
) -> None:
    """Declare void what was published beyond the backup. Answers and dead letters of that time
    are sent again as far as the backup has them, since it cannot be told which of them were.
    """
    row = read_at(conn, published.common)
    record = replace(
        published.last,
        from_=published.last.to,
        count=0,
        event_id=(event_id_of(row.state) or "") if row else "",
        hash=hashlib.sha256(row.state).hexdigest() if row else "",
        outbox_to=min(published.agreed.outbox_to, _last_value(conn, OUTBOX_SEQUENCE)),
        store_epoch=accepted.store_epoch,
        void_after=published.common,
    )
    transactions.begin()
    transactions.send([(index_partition(settings), None, encode_index(record), [])])
    transactions.acknowledged()
    transactions.commit()


# -- what the database says


class Restored:
    """The log of a restored database, and the read models beside it."""

    def __init__(
        self, conn: Connection, projections: Sequence[Projection], published: PublishedState | None
    ) -> None:
        self._conn = conn
        self._projections = projections
        self._published = published
        self._standings = [c for each in projections for c in checkpoints(conn, each.name)]

    def accept(self) -> Accepted:
        with self._conn.transaction():
            self._conn.execute("SELECT ordinal.append_lock()")
            known = store_epoch(self._conn)
            self._refuse_needless(known)
            self._refuse_written_since()
            epoch = 1 + max(known, self._published.last.store_epoch if self._published else 0)
            self._conn.execute("UPDATE ordinal.store SET store_epoch = %s", (epoch,))
            sound = [c for c in self._standings if self._sound(c, known)]
            for checkpoint in sound:
                self._take_over(checkpoint, epoch)
            return Accepted(
                store_epoch=epoch,
                void_after=self._published.common if self._published else head(self._conn),
                to=self._pass_all_positions(),
                behind=[each.name for each in self._projections if self._behind(each, sound)],
            )

    def _refuse_needless(self, epoch: int) -> None:
        """A record that is void is about a restore that was accepted before."""
        known = self._published
        agrees = known is None or (
            known.common == known.last.agreed and known.last.store_epoch == epoch
        )
        if agrees and all(self._sound(c, epoch) for c in self._standings if c.live):
            raise NothingToAccept("the log holds all that others have seen of it")

    def _refuse_written_since(self) -> None:
        known = self._published
        if known is None:
            return
        for row in read_after(self._conn, known.common, 1, until=known.last.to):
            raise WrittenSince(
                f"position {row.position} was published with another event: somebody wrote after"
                " the backup was restored. Give the topics a new prefix, and rebuild all read"
                " models"
            )

    def _sound(self, checkpoint: Checkpoint, epoch: int) -> bool:
        """Whether all that it was fed with stands in the log."""
        if checkpoint.store_epoch != epoch or checkpoint.position == 0:
            return checkpoint.store_epoch == epoch
        row = read_at(self._conn, checkpoint.position)
        return row is not None and event_id_of(row.state) == checkpoint.event_id

    def _take_over(self, checkpoint: Checkpoint, epoch: int) -> None:
        self._conn.execute(
            "UPDATE read.checkpoints SET store_epoch = %s"
            " WHERE projection = %s AND generation = %s",
            (epoch, checkpoint.projection, checkpoint.generation),
        )

    def _behind(self, projection: Projection, sound: Sequence[Checkpoint]) -> bool:
        live = [c for c in self._of(projection) if c.live and c.version == projection.version]
        return any(c not in sound for c in live)

    def _of(self, projection: Projection) -> Iterator[Checkpoint]:
        return (c for c in self._standings if c.projection == projection.name)

    def _pass_all_positions(self) -> int:
        """Leave behind every position that anybody may have heard of; returns the last of them."""
        applied = (checkpoint.position for checkpoint in self._standings)
        published = self._published.last.to if self._published else 0
        floor = max(published, _last_value(self._conn, SEQUENCE), *applied, 0)
        self._conn.execute("SELECT setval(%s, greatest(%s, 1))", (SEQUENCE, floor))
        return floor


def _last_value(conn: Connection, sequence: str) -> int:
    """The last number that was given out."""
    row = conn.execute(
        f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}".encode()
    ).fetchone()
    return int(row[0]) if row else 0
