"""A sales channel that sends orders to their topic, some of them twice, some of them garbage."""

import json
import threading
from collections import Counter
from random import Random
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Message, Producer

from consumers.channels.orders import ORDERS
from infra.audit.findings import Findings
from infra.kafka.topics import INTAKE_RESULTS, topic_name
from infra.postgres.connections import Connection
from infra.runtime.settings import Settings
from tests.faults.load import SKUS
from tests.infra.relaying import published_to

CHANNEL = "orders"
PAUSE = 0.02
FLUSH_LIMIT = 60.0


class Channel:
    """Sends for as long as the block lasts; what was sent is confirmed by the broker then."""

    def __init__(self, settings: Settings, *, seed: int = 1, pause: float = PAUSE) -> None:
        self._settings = settings
        self._dice = Random(f"channel {seed}")
        self._seed = seed
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._lost: list[str] = []
        self.references: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap_servers,
                "enable.idempotence": True,
                "message.timeout.ms": 300_000,
                "log_level": 0,
            }
        )
        while not self._over.wait(self._pause):
            self.send(producer, self._message())
        assert producer.flush(FLUSH_LIMIT) == 0, "the broker did not take all messages"

    def send(self, producer: Producer, value: bytes) -> None:
        key = str(self._dice.randint(0, 99)).encode()
        topic = topic_name(self._settings, ORDERS.topic)
        producer.produce(topic, value, key, on_delivery=self._delivered)
        producer.poll(0)

    def _delivered(self, error: object, message: Message) -> None:
        if error is not None:
            self._lost.append(str(error))

    def _message(self) -> bytes:
        if self._dice.random() < 0.03:
            return self._dice.randbytes(20)
        if self.references and self._dice.random() < 0.1:
            return json.dumps(order_message(self._dice.choice(self.references[-50:]))).encode()
        self.references.append(f"m-{self._seed}-{len(self.references)}")
        return json.dumps(order_message(self.references[-1])).encode()

    # -- afterwards

    def verify(self, conn: Connection, findings: Findings) -> None:
        """Each message has one answer, and each reference at most one order."""
        once = findings.begin("I1", "accepted commands are in the log exactly once")
        if self._lost:
            once.blame(f"{len(self._lost)} messages never came to the broker: {self._lost[0]}")
        sent = published_to(self._settings, ORDERS.topic)
        answers = self._answers()
        for record in sent:
            place = (record.topic, record.partition, record.offset)
            if not once.holds(answers.pop(place, 0) == 1):
                once.blame(f"message {place} has not exactly one answer")
        for place, count in answers.items():
            once.blame(f"{count} answers to message {place}, which nobody sent")
        self._orders(conn, findings)

    def _answers(self) -> Counter[tuple[str, int, int]]:
        """Of every message, also of those that could not be read."""
        results = [json.loads(r.value) for r in published_to(self._settings, INTAKE_RESULTS)]
        return Counter(
            (each["source_topic"], each["source_partition"], each["source_offset"])
            for each in results
        )

    def _orders(self, conn: Connection, findings: Findings) -> None:
        placed = conn.execute(
            "SELECT convert_from(state, 'UTF8')::json -> 'data' ->> 'reference', count(*)"
            " FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
            " AND convert_from(state, 'UTF8')::json ->> 'channel' = %s GROUP BY 1",
            (CHANNEL,),
        ).fetchall()
        equal = findings.begin("I6", "one key, at most one effect")
        for reference, count in placed:
            if not equal.holds(count == 1):
                equal.blame(f"reference {reference} was placed {count} times")


def order_message(reference: str) -> dict[str, Any]:
    """The same reference is the same order."""
    dice = Random(reference)
    lines = [
        {"sku": sku, "quantity": dice.randint(1, 3), "unit_price": 250}
        for sku in dice.sample(SKUS, dice.randint(1, 3))
    ]
    shortage = dice.choice(("reject", "backorder"))
    return {
        "reference": reference,
        "country": "GB",
        "currency": "GBP",
        "lines": lines,
        "shortage_policy": shortage,
    }
