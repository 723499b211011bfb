"""Sends what brokers lost at the end of their partitions again, and corrects the index."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kafka import TopicPartition

from infra.audit.log_topic_diff import Lane
from infra.kafka.index_topic import IndexRecord, encode_index
from infra.kafka.topics import index_partition
from infra.kafka.transactional_producer import Message, Transactions
from infra.postgres.connections import Connection
from infra.relay.outbox_reader import Source
from infra.relay.startup_checks import grouped
from infra.runtime.settings import Settings
from infra.store.envelope import event_id_of
from infra.store.event_log import read_after, read_at

# Events of one transaction.
BATCH = 1_000


class Repair:
    """Goes by what a comparison found in each partition.

    The events go first and the index follows: killed in between, a second repair finds only the
    index wrong.
    """

    def __init__(
        self,
        source: Source,
        transactions: Transactions,
        settings: Settings,
        lanes: Mapping[TopicPartition, Lane],
    ) -> None:
        self._source = source
        self._transactions = transactions
        self._index = index_partition(settings)
        self._lanes = lanes
        self.sent = 0

    def run(self, conn: Connection, record: IndexRecord, position: int) -> None:
        """Make the topics whole up to `position`, behind which they hold nothing of the log."""
        self._resend(min(lane.highest for lane in self._lanes.values()), record.to)
        announced = grouped({each: lane.indexed_end for each, lane in self._lanes.items()})
        if announced != record.next_offsets:
            record = replace(record, from_=record.to, count=0, next_offsets=announced)
            self._announce(record)
        if position > record.to:
            self._resend(record.to, position)
            self._announce(self._unannounced(conn, record, position))

    def _resend(self, after: int, until: int) -> None:
        """Events that stand behind what their partition holds; there they are still in order."""
        for messages in self._batches(after, until):
            self._transactions.begin()
            self._transactions.send(messages)
            for partition, offset in self._transactions.acknowledged().items():
                lane = self._lanes[partition]
                lane.end = lane.indexed_end = offset + 1
            self._transactions.commit()
            self.sent += len(messages)

    def _batches(self, after: int, until: int) -> Iterator[list[Message]]:
        while after < until and (found := self._source.events(after, BATCH)):
            after = found[-1][0]
            lost = [
                message
                for position, message in found
                if position <= until and position > self._lanes[message[0]].highest
            ]
            if lost:
                yield lost

    def _unannounced(self, conn: Connection, record: IndexRecord, position: int) -> IndexRecord:
        row, count, after = read_at(conn, position), 0, record.to
        if row is None:
            raise LookupError(f"the log has no event at {position}")
        while rows := read_after(conn, after, BATCH, until=position):
            count, after = count + len(rows), rows[-1].position
        return replace(
            record,
            from_=record.to,
            to=position,
            count=count,
            event_id=event_id_of(row.state) or "",
            hash=hashlib.sha256(row.state).hexdigest(),
            void_after=None,
            next_offsets=grouped({each: lane.end for each, lane in self._lanes.items()}),
        )

    def _announce(self, record: IndexRecord) -> None:
        self._transactions.begin()
        self._transactions.send([(self._index, None, encode_index(record), [])])
        self._transactions.acknowledged()
        self._transactions.commit()
