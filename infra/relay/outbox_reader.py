"""What the relay reads from the store: stretches of the log and of the outbox, as messages."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from kafka import TopicPartition

from domain.category import category_name
from infra.kafka.partitioner import partition_of
from infra.kafka.record_headers import HeaderWriter
from infra.kafka.topics import EVENT_TOPICS, topic_name, topics
from infra.kafka.transactional_producer import Message
from infra.postgres.connections import Connection, WatchedConnection
from infra.runtime.settings import Settings
from infra.store.envelope import Head, head_of
from infra.store.event_log import TABLE, store_epoch

ROLE = "ordinal_writer"
# A command has a few events; a full read goes on in such steps until the last one's are whole.
STEP = 64
# Streams whose partition is at hand; about 20 MB at most.
REMEMBERED = 65_536
# A longer command is published in pieces: memory is bounded, and no reader counts on the whole.
COMMAND_LIMIT = 50_000
# Dead letters may be as large as the largest message: so much is read at once, and one more.
OUTBOX_BYTES = 8_000_000

# One round trip and one snapshot for both; a row with a version is an event.
_READ = f"""
    (SELECT notification_id, convert_to(originator_id, 'UTF8'), originator_version,
            coalesce(topic, ''), coalesce(state, ''), NULL::text
       FROM {TABLE} WHERE notification_id > %s ORDER BY notification_id LIMIT %s)
    UNION ALL
    (SELECT outbox_id, key, NULL, topic, value, headers::text
       FROM (SELECT *, sum(octet_length(value)) OVER (ORDER BY outbox_id) - octet_length(value)
                    AS before
               FROM (SELECT * FROM ordinal.outbox WHERE outbox_id > %s
                      ORDER BY outbox_id LIMIT %s) AS next) AS weighed
      WHERE before < {OUTBOX_BYTES} ORDER BY outbox_id)
"""
_SESSION = (
    f"SET ROLE {ROLE}",
    "SET statement_timeout = '20s'",
    # The two index scans, whatever the statistics of a young table say.
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET max_parallel_workers_per_gather = 0",
)

Row = tuple[int, bytes, int | None, str, bytes, str | None]


class UnknownStream(Exception):
    """The log holds a stream of a kind that has no topic: this program is too old for it."""


@dataclass(slots=True, kw_only=True)
class RelayBatch:
    """Messages of one transaction. `event_id` and `state` are those of the event at `to`."""

    messages: list[Message]
    first: int
    to: int
    count: int
    outbox_to: int
    event_id: str
    state: bytes
    full: bool


def connect(conninfo: str) -> Connection:
    """A session that may read the log and the outbox, and keep house in the latter."""
    conn = WatchedConnection.connect(
        conninfo,
        autocommit=True,
        application_name="ordinal relay",
        connect_timeout=2,
        tcp_user_timeout=10_000,
        prepare_threshold=0,
    )
    for statement in _SESSION:
        conn.execute(statement, prepare=False)
    return conn


class Source:
    """Reads on from wherever it is told to, and makes messages of what it finds."""

    def __init__(self, conn: Connection, settings: Settings) -> None:
        self._cursor = conn.cursor(binary=True)
        self._router = Router(settings)
        self._place = lru_cache(REMEMBERED)(self._router.event)
        self._headers = HeaderWriter(store_epoch(conn)).headers

    def read(self, position: int, outbox: int, limit: int) -> RelayBatch | None:
        """What follows, at most `limit` events and as many outbox rows; None when nothing does.

        The events of the last command are all in it, so that no transaction tears a command.
        """
        rows = self._fetch(position, outbox, limit, limit)
        if not rows:
            return None
        events = [row for row in rows if row[2] is not None]
        others = rows[len(events) :]
        heavy = sum(len(row[4]) for row in others) >= OUTBOX_BYTES
        full = heavy or len(events) == limit or len(others) == limit
        heads = [head_of(row[4]) for row in events]
        if len(events) == limit:
            self._complete(events, heads)
        return RelayBatch(
            messages=[
                *map(self._event, events, heads),
                *map(self._outbox, others),
            ],
            first=events[0][0] if events else position,
            to=events[-1][0] if events else position,
            count=len(events),
            outbox_to=others[-1][0] if others else outbox,
            event_id=heads[-1].event_id if heads else "",
            state=events[-1][4] if events else b"",
            full=full,
        )

    def events(self, position: int, limit: int) -> list[tuple[int, Message]]:
        """Events behind a position, as the messages that they are published as."""
        rows = self._fetch(position, 0, limit, 0)
        return [(row[0], self._event(row, head_of(row[4]))) for row in rows]

    def _fetch(self, position: int, outbox: int, events: int, others: int) -> list[Row]:
        self._cursor.execute(_READ, (position, events, outbox, others))
        return self._cursor.fetchall()

    def _complete(self, events: list[Row], heads: list[Head]) -> None:
        command = heads[-1].command_id
        while command and len(events) < COMMAND_LIMIT:
            more = self._fetch(events[-1][0], 0, STEP, 0)
            for row in more:
                head = head_of(row[4])
                if head.command_id != command:
                    return
                events.append(row)
                heads.append(head)
            if len(more) < STEP:
                return

    def _event(self, row: Row, head: Head) -> Message:
        position, key, version, name, state, _ = row
        headers = self._headers(head, name, position, version or 0)
        return self._place(key), key, state, headers

    def _outbox(self, row: Row) -> Message:
        number, key, _, topic, value, headers = row
        pairs = msgspec.json.decode(headers or "{}", type=dict[str, Any])
        return (
            self._router.outbox(topic, key, number),
            key,
            value,
            [(name, _bytes(content)) for name, content in pairs.items()],
        )


class Router:
    """Finds the topic and the partition of a key."""

    def __init__(self, settings: Settings) -> None:
        counts = {topic.name: topic.partitions for topic in topics(settings)}
        self._events = {
            kind: _places(topic_name(settings, name), counts) for kind, name in EVENT_TOPICS.items()
        }
        self._others = {
            name.removeprefix(f"{settings.topic_prefix}."): _places(name, counts) for name in counts
        }

    def event(self, key: bytes) -> TopicPartition:
        kind = category_name(key.decode())
        places = self._events.get(kind)
        if places is None:
            raise UnknownStream(f"the stream {key.decode()!r} has no topic")
        return places[partition_of(key, len(places))]

    def outbox(self, topic: str, key: bytes | None, number: int) -> TopicPartition:
        places = self._others.get(topic)
        if places is None:
            raise UnknownStream(f"outbox row {number} names the unknown topic {topic!r}")
        count = len(places)
        return places[number % count if key is None else partition_of(key, count)]


def _places(name: str, counts: dict[str, int]) -> list[TopicPartition]:
    return [TopicPartition(name, partition) for partition in range(counts[name])]


def _bytes(content: object) -> bytes:
    return content.encode() if isinstance(content, str) else msgspec.json.encode(content)
