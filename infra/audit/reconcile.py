"""Compares the store with what the topics hold, and sends a lost tail again.

The store is the truth. A tail that brokers lost is sent again behind what is left. A hole in the
middle is only reported: filled now, its events would stand behind younger ones. What the outbox
published is not compared, since it has no position there.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from kafka import TopicPartition

from infra.audit.log_topic_diff import (
    Comparison,
    Difference,
    IndexChain,
    Lane,
    ReconcileReport,
    Voids,
)
from infra.audit.partition_reader import CONSUMER, PartitionReader
from infra.audit.repair import Repair
from infra.kafka.clients import consumer, last_records, offsets_of
from infra.kafka.index_topic import IndexRecord, index_records, last_index_record
from infra.kafka.topics import check_topics, event_partitions, topic_name
from infra.kafka.transactional_producer import Transactions
from infra.postgres import advisory_locks
from infra.postgres.connections import Connection
from infra.postgres.leader_election import Leadership
from infra.relay.outbox_reader import Router, Source, connect
from infra.relay.startup_checks import (
    RelayHalted,
    check_store,
    nothing_published,
    position_of,
    refuse_unfit_process,
    refuse_unfit_store,
)
from infra.runtime.settings import Settings
from infra.store.event_log import StoredRow, read_after

__all__ = ["Difference", "ReconcileRefused", "ReconcileReport", "reconcile"]

READ = 1_000
# Seconds that a relay gets to give up its leader lock.
LEADER_LOCK_LIMIT = 5.0
SETTLE_LIMIT = 3.0
SETTLE_PAUSE = 0.05


class ReconcileRefused(Exception):
    """A relay is at work, or a transaction is open: a repair now would do harm."""


def reconcile(conninfo: str, settings: Settings, *, repair: bool) -> ReconcileReport:
    """What differs between the store and the topics; with `repair`, lost tails are sent again.

    Without it a relay may be at work, and only what the index announces is compared. Raises
    ReconcileRefused or RelayHalted when a repair is out of the question.
    """
    refuse_unfit_process()
    check_topics(settings)
    with closing(connect(conninfo)) as conn:
        if not repair:
            return _Pass(conn, settings).run(alone=False)
        with alone(conninfo, settings) as transactions:
            refuse_unfit_store(conn)
            refuse_open_transactions(settings)
            found = _Pass(conn, settings)
            check_store(conn, found.record)
            report = found.run(alone=True)
            # With somebody else's messages in between, a human has to look first.
            if not {"foreign", "other bytes"} & report.counts.keys():
                work = Repair(Source(conn, settings), transactions, settings, found.lanes)
                work.run(conn, found.record, report.position)
                report.resent = work.sent
            return report


@contextmanager
def alone(conninfo: str, settings: Settings) -> Iterator[Transactions]:
    """The relay's leader lock and its producer: nobody else writes to the topics meanwhile."""
    given_up = threading.Event()
    timer = threading.Timer(LEADER_LOCK_LIMIT, given_up.set)
    with Leadership(conninfo, advisory_locks.RELAY, "reconcile") as leader_lock:
        timer.start()
        try:
            if not leader_lock.acquire(given_up):
                raise ReconcileRefused("a relay is at work: stop it first")
        finally:
            timer.cancel()
        name = topic_name(settings, "relay")
        with closing(Transactions(settings, name, threading.Event())) as transactions:
            yield transactions


def refuse_open_transactions(settings: Settings) -> None:
    """What a transaction hides is not lost, and would come to light behind its repetition."""
    partitions = event_partitions(settings)
    with (
        closing(consumer(settings)) as reader,
        closing(consumer(settings, isolation_level="read_uncommitted")) as everything,
    ):
        seen, written = offsets_of(reader, partitions)[1], offsets_of(everything, partitions)[1]
    hiding = [f"{p.topic}/{p.partition}" for p in partitions if seen[p] < written[p]]
    if hiding:
        raise ReconcileRefused(
            f"a transaction is open in {', '.join(hiding)}: end it first, with kafka-transactions"
            " if nobody else can"
        )


class _Pass:
    """One pass over the log and the topics."""

    def __init__(self, conn: Connection, settings: Settings) -> None:
        self._conn = conn
        self._settings = settings
        self._report = ReconcileReport()
        self.record = last_index_record(settings) or nothing_published(conn, settings)
        self.lanes: dict[TopicPartition, Lane] = {}
        self._voids = Voids(self._announced())

    def run(self, *, alone: bool) -> ReconcileReport:
        """Compare; `alone` says that no relay is at work."""
        with closing(consumer(self._settings, **CONSUMER)) as reader:
            until = self._held_by_topics(reader) if alone else self.record.to
            comparison = Comparison(
                PartitionReader(reader, self._ranges(reader)),
                Router(self._settings),
                self._report,
                until=until,
                indexed_to=self.record.to,
                voids=self._voids,
            )
            self._compare(comparison, until)
        self.lanes = comparison.lanes
        self._check_record()
        self._judge_ahead(comparison)
        return self._report

    def _compare(self, comparison: Comparison, until: int) -> None:
        chain = IndexChain(self._announced(), self._report, self._voids)
        for row in _rows(self._conn, until):
            comparison.row(row)
            if row.position <= self.record.to:
                chain.row(row)
        comparison.end()
        chain.end()

    def _announced(self) -> Iterator[IndexRecord]:
        for record in index_records(self._settings):
            if record.own_offset <= self.record.own_offset:
                yield record

    def _held_by_topics(self, reader: Any) -> int:
        """The last position that any topic holds or the index announces."""
        last = last_records(reader, event_partitions(self._settings))
        found = [position_of(record) for record in last.values() if record is not None]
        return max([self.record.to, *found])

    def _ranges(self, reader: Any) -> Mapping[TopicPartition, tuple[int, int]]:
        deadline = time.monotonic() + SETTLE_LIMIT
        while True:
            begins, ends = offsets_of(reader, event_partitions(self._settings))
            # Brokers end a transaction in one partition after the other: what the index
            # announces may take a moment to appear elsewhere.
            if self._reached(ends) or time.monotonic() > deadline:
                return {partition: (begins[partition], end) for partition, end in ends.items()}
            time.sleep(SETTLE_PAUSE)

    def _reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        known = self.record.next_offsets
        return all(end >= known.get(p.topic, {}).get(p.partition, 0) for p, end in ends.items())

    def _check_record(self) -> None:
        """The last index record against the store and the places that it points at."""
        try:
            check_store(self._conn, self.record)
        except RelayHalted as error:
            self._tell(str(error))
        for partition, lane in self.lanes.items():
            offset = self.record.next_offsets.get(partition.topic, {}).get(partition.partition, 0)
            if offset != lane.indexed_end:
                self._tell(f"points at {lane.name} offset {offset} instead of {lane.indexed_end}")

    def _judge_ahead(self, comparison: Comparison) -> None:
        """What a relay sent meanwhile is announced by now; the rest never will be."""
        newest = last_index_record(self._settings)
        announced = newest.to if newest and newest.own_offset > self.record.own_offset else 0
        for found in comparison.ahead:
            if found.last > announced:
                self._report.add(found)

    def _tell(self, what: str) -> None:
        place = f"index offset {self.record.own_offset}"
        self._report.add(Difference("index", place, self.record.from_, self.record.to, 1, what))


def _rows(conn: Connection, until: int) -> Iterator[StoredRow]:
    position = 0
    while rows := read_after(conn, position, READ, until=until):
        yield from rows
        position = rows[-1].position
