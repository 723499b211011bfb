"""Publishes by hand what a test wants, also what no relay ever would."""

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

from infra.kafka.index_topic import IndexRecord, encode_index
from infra.kafka.topics import index_partition, topic_name
from infra.kafka.transactional_producer import Message, Transactions
from infra.postgres.connections import Connection
from infra.relay.outbox_reader import Source
from infra.runtime.settings import Settings
from infra.store.envelope import event_id_of
from infra.store.event_log import read_after


class HandRelay:
    """Announces stretches of the log with the relay's own words."""

    def __init__(self, conn: Connection, settings: Settings) -> None:
        self._conn = conn
        self._source = Source(conn, settings)
        self._index = index_partition(settings)
        self._next: dict[str, dict[int, int]] = {}
        name = topic_name(settings, "relay")
        self._transactions = Transactions(settings, name, threading.Event())
        self.to = 0

    def stretch(self, events: int) -> list[Message]:
        """The messages of what follows."""
        return [message for _, message in self._source.events(self.to, events)]

    def publish(self, sent: Sequence[Message], events: int, **changed: Any) -> None:
        """These messages, and the announcement of so many events, of which anything may differ."""
        rows = read_after(self._conn, self.to, events)
        self._transactions.begin()
        self._transactions.send(sent)
        for place, offset in self._transactions.acknowledged().items():
            self._next.setdefault(place.topic, {})[place.partition] = offset + 1
        known: dict[str, Any] = {
            "from_": self.to,
            "to": rows[-1].position,
            "count": len(rows),
            "event_id": event_id_of(rows[-1].state),
            "hash": hashlib.sha256(rows[-1].state).hexdigest(),
            "outbox_to": 0,
            "store_epoch": 1,
            "next_offsets": self._next,
        }
        record = encode_index(IndexRecord(**known | changed))
        self._transactions.send([(self._index, None, record, [])])
        self._transactions.acknowledged()
        self._transactions.commit()
        self.to = rows[-1].position

    def close(self) -> None:
        self._transactions.close()
