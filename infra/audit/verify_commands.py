"""I1, I6 and a part of I3: what was answered is in the log, once, and nothing unasked; in order."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from uuid import UUID

import msgspec

from infra.audit.findings import Finding, Findings
from infra.postgres.connections import Connection
from infra.store.clock_epochs import EARLIEST, epochs
from infra.store.envelope import event_id
from infra.store.event_log import TABLE

CHUNK = 1_000
FETCH = 5_000
# Command rows are kept for no less than this; an older event may have outlived its own.
KEPT = timedelta(hours=23)


class _Head(msgspec.Struct, gc=False):
    event_id: str
    command_id: UUID
    recorded_at: datetime


class _Receipt(msgspec.Struct, gc=False):
    changed: bool
    position: int
    stream_id: str = ""
    version: int = 0


_head = msgspec.json.Decoder(_Head).decode
_receipt = msgspec.json.Decoder(_Receipt).decode


@dataclass(slots=True)
class Append:
    """Events of one command that stand side by side."""

    command_id: UUID
    recorded_at: datetime
    positions: list[int]
    event_ids: list[str]
    # The last version of each stream.
    versions: dict[str, int]


def verify_commands(conn: Connection, findings: Findings) -> None:
    """In a transaction of the caller's, who chooses the snapshot."""
    once = findings.begin("I1", "accepted commands are in the log exactly once")
    keys = findings.begin("I6", "one key, at most one effect")
    _answered(conn, once)
    since = _now(conn) - KEPT
    for appends in _chunks(_appends(conn, RecordingTimes(conn, findings))):
        receipts = _receipts(conn, appends)
        for append in appends:
            known = receipts.get(append.command_id)
            if known is not None:
                _judge(append, known, keys)
            elif not once.holds(append.recorded_at < since):
                first, last = append.positions[0], append.positions[-1]
                once.blame(f"nobody asked for the events at positions {first} to {last}")


def _now(conn: Connection) -> datetime:
    row = conn.execute("SELECT ordinal.clock()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def _answered(conn: Connection, once: Finding) -> None:
    """Where a receipt says that its command's last event is, there it is."""
    with conn.cursor("answered", binary=True) as cursor:
        cursor.itersize = FETCH
        cursor.execute(
            "SELECT c.command_id, c.receipt, e.state FROM ordinal.commands c"
            f" LEFT JOIN {TABLE} e ON e.notification_id ="
            " (convert_from(c.receipt, 'UTF8')::json ->> 'position')::bigint"
        )
        for command_id, body, state in cursor:
            receipt = _receipt(body)
            head = _head_of(state)
            there = head is not None and head.command_id == command_id
            if not once.holds(there or not receipt.changed):
                once.blame(
                    f"command {command_id} was answered with position {receipt.position},"
                    " which holds no event of it"
                )


def _judge(append: Append, receipt: _Receipt, keys: Finding) -> None:
    """All events of a command are one append, the one that was answered."""
    first, last = append.positions[0], append.positions[-1]
    ids = [event_id(append.command_id.bytes, n) for n in range(len(append.positions))]
    whole = append.event_ids == ids and last - first == len(ids) - 1
    if not keys.holds(receipt.changed and receipt.position == last and whole):
        keys.blame(
            f"command {append.command_id} has events at positions {first} to {last},"
            f" and was answered with position {receipt.position}"
        )
    version = append.versions.get(receipt.stream_id, receipt.version)
    if not keys.holds(receipt.version == version):
        keys.blame(
            f"command {append.command_id} brought {receipt.stream_id} to version {version},"
            f" and was answered with {receipt.version}"
        )


class RecordingTimes:
    """I3: they never fall with position, but where a clock epoch begins."""

    def __init__(self, conn: Connection, findings: Findings) -> None:
        self._finding = findings.begin("I3", "order of the log: guards, times, topics")
        self._begins = deque(epochs(conn))
        self._last = EARLIEST

    def take(self, position: int, recorded_at: datetime) -> None:
        """Events come in the order of their positions."""
        while self._begins and position > self._begins[0]:
            self._begins.popleft()
            self._last = EARLIEST
        if not self._finding.holds(recorded_at >= self._last):
            self._finding.blame(
                f"position {position} was recorded at {recorded_at}, behind one of {self._last},"
                " and no clock epoch begins there"
            )
        self._last = max(self._last, recorded_at)


def _appends(conn: Connection, times: RecordingTimes) -> Iterator[Append]:
    with conn.cursor("appends", binary=True) as cursor:
        cursor.itersize = FETCH
        cursor.execute(
            "SELECT notification_id, originator_id, originator_version, state"
            f" FROM {TABLE} ORDER BY notification_id"
        )
        heads = ((*place, _head_of(state)) for *place, state in cursor)
        known = (event for event in heads if event[-1] is not None)
        for command_id, group in groupby(known, key=lambda event: event[-1].command_id):
            events = list(group)
            for position, *_, head in events:
                times.take(position, head.recorded_at)
            yield Append(
                command_id,
                events[0][-1].recorded_at,
                [position for position, *_ in events],
                [head.event_id for *_, head in events],
                {stream_id: version for _, stream_id, version, _ in events},
            )


def _head_of(state: bytes | None) -> _Head | None:
    """None also for bytes that are no envelope, about which others complain."""
    try:
        return _head(state or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _receipts(conn: Connection, appends: Iterable[Append]) -> dict[UUID, _Receipt]:
    ids = [append.command_id for append in appends]
    rows = conn.execute(
        "SELECT command_id, receipt FROM ordinal.commands WHERE command_id = ANY(%s)", (ids,)
    )
    return {command_id: _receipt(bytes(body)) for command_id, body in rows}


def _chunks(appends: Iterator[Append]) -> Iterator[Sequence[Append]]:
    while chunk := list(islice(appends, CHUNK)):
        yield chunk
