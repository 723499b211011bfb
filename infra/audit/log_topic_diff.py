"""The log against the topics, event by event, in the order of their positions."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from kafka import TopicPartition

from infra.audit.partition_reader import PartitionReader, SeenRecord, digest
from infra.kafka.index_topic import IndexRecord
from infra.relay.outbox_reader import Router
from infra.store.event_log import StoredRow

Kind = Literal["hole", "lost tail", "repeated", "foreign", "other bytes", "ahead", "index"]

# Findings beyond this many are only counted.
KEPT = 1_000


@dataclass(slots=True)
class Difference:
    """What is wrong with `count` events of one partition, at positions `first` to `last`."""

    kind: Kind
    place: str
    first: int
    last: int
    count: int
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class ReconcileReport:
    """The log up to `position`, `events` of them, as the topics have it.

    `counts` says how many events each kind of finding is about, also of those not listed.
    """

    position: int = 0
    events: int = 0
    resent: int = 0
    findings: list[Difference] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        """Store and topics agree."""
        return not self.counts

    def add(self, found: Difference) -> None:
        self.counts[found.kind] += found.count
        _note(self.findings, found)


def _note(findings: list[Difference], found: Difference) -> None:
    """Keep a finding, as part of the last one if it is of the same kind at the same place."""
    last = findings[-1] if findings else None
    same = last is not None and (last.kind, last.place) == (found.kind, found.place)
    if last is not None and same and found.kind != "index":
        last.last, last.count = max(last.last, found.last), last.count + found.count
    elif len(findings) < KEPT:
        findings.append(found)


@dataclass(slots=True)
class Lane:
    """How far one partition was compared.

    `highest` is the last position it holds and `end` the offset behind it, `indexed_end` the one
    behind its last record that the index speaks of; `missing` are events that it lacks since its
    last one that was found.
    """

    name: str
    matched: int = 0
    highest: int = 0
    end: int = 0
    indexed_end: int = 0
    missing: Difference | None = None


class Voids:
    """Stretches of positions that the index once announced, and took back after a restore."""

    def __init__(self, records: Iterable[IndexRecord]) -> None:
        self._stretches = {
            (record.void_after, record.to) for record in records if record.void_after is not None
        }

    def __contains__(self, position: int) -> bool:
        return any(after < position <= to for after, to in self._stretches)


class Comparison:
    """Takes the rows of the log one by one and notes what the topics make of them."""

    def __init__(
        self,
        lanes: PartitionReader,
        router: Router,
        report: ReconcileReport,
        *,
        until: int,
        indexed_to: int,
        voids: Voids,
    ) -> None:
        self._records = lanes
        self._router = router
        self._report = report
        self._until = until
        self._indexed_to = indexed_to
        self._voids = voids
        self.ahead: list[Difference] = []
        self.lanes: dict[TopicPartition, Lane] = {
            each: Lane(f"{each.topic}/{each.partition}") for each in lanes.partitions
        }

    def row(self, row: StoredRow) -> None:
        partition = self._router.event(row.stream_id.encode())
        lane = self.lanes[partition]
        while (seen := self._records.peek(partition)) and seen.position < row.position:
            self._stray(lane, seen)
            self._records.take(partition)
        if seen is None or seen.position > row.position:
            self._miss(lane, row.position)
        else:
            self._match(lane, seen, row)
            self._records.take(partition)
        self._report.events += 1
        self._report.position = row.position

    def end(self) -> None:
        """Look at what stands behind the last row, and tell a lost tail from a hole."""
        for partition, lane in self.lanes.items():
            while seen := self._records.peek(partition):
                self._stray(lane, seen)
                self._records.take(partition)
            if lane.missing is not None:
                if lane.missing.first > lane.highest:
                    lane.missing.kind = "lost tail"
                self._report.add(lane.missing)

    def _match(self, lane: Lane, seen: SeenRecord, row: StoredRow) -> None:
        if lane.missing is not None:
            self._report.add(lane.missing)
            lane.missing = None
        if seen.digest != digest(row.state):
            self._report.add(Difference("other bytes", lane.name, row.position, row.position, 1))
        lane.matched = row.position
        self._pass(lane, seen)

    def _miss(self, lane: Lane, position: int) -> None:
        if lane.missing is None:
            lane.missing = Difference("hole", lane.name, position, position, 0)
        lane.missing.last = position
        lane.missing.count += 1

    def _stray(self, lane: Lane, seen: SeenRecord) -> None:
        repeated = 0 < seen.position <= lane.matched
        at = f"offset {seen.offset}"
        found = Difference("foreign", lane.name, seen.position, seen.position, 1, at)
        if seen.position in self._voids:
            pass
        elif seen.position > self._until:
            found.kind = "ahead"
            _note(self.ahead, found)
        else:
            found.kind = "repeated" if repeated else "foreign"
            self._report.add(found)
        self._pass(lane, seen)

    def _pass(self, lane: Lane, seen: SeenRecord) -> None:
        lane.highest = max(lane.highest, seen.position)
        lane.end = seen.offset + 1
        if seen.position <= self._indexed_to:
            lane.indexed_end = seen.offset + 1


class IndexChain:
    """The index records, each held against the rows that it speaks of."""

    def __init__(
        self, records: Iterator[IndexRecord], report: ReconcileReport, voids: Voids
    ) -> None:
        self._records = records
        self._report = report
        self._voids = voids
        self._to = self._count = 0
        self._digest = b""
        self._current = next(records, None)

    def row(self, row: StoredRow) -> None:
        while self._current is not None and row.position > self._current.to:
            self._close(self._current)
        self._count += 1
        self._digest = digest(row.state)

    def end(self) -> None:
        while self._current is not None:
            self._close(self._current)

    def _close(self, record: IndexRecord) -> None:
        if record.from_ != self._to:
            self._tell(record, f"begins at {record.from_} instead of {self._to}")
        elif record.to in self._voids:
            pass
        elif record.count != self._count:
            self._tell(record, f"counts {record.count} events, the store has {self._count}")
        elif record.count and bytes.fromhex(record.hash) != self._digest:
            self._tell(record, f"has another hash at {record.to} than the store")
        self._to, self._count = record.to, 0
        self._current = next(self._records, None)

    def _tell(self, record: IndexRecord, what: str) -> None:
        place = f"index offset {record.own_offset}"
        self._report.add(Difference("index", place, record.from_, record.to, 1, what))
