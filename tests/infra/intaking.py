"""Channels that send, intakes in threads, and what they leave behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
from kafka import KafkaProducer

from commands import HANDLERS
from commands.handling import Handlers
from consumers.channels import CHANNELS
from consumers.channels.orders import ORDERS, OrderMessage, OrderMessageLine, Person
from consumers.consumer import Consumer, DeadLetter, IntakeResult
from domain.values import order_id_of, order_stream
from infra.intake.intake import Intake
from infra.kafka.clients import connection
from infra.kafka.topics import ensure_topics, topic_name
from infra.postgres.connections import connect_writer
from infra.runtime.settings import Settings
from infra.write_path.group_commit import Writer
from tests.infra.running import eventually
from tests.infra.shop import BIG_CACHE, SKU, check_log, open_shop, versions, writing

PARTITIONS = 3
CHANNEL = "orders"


def order_message(reference: str, **given: Any) -> OrderMessage:
    sound = OrderMessage(
        reference=reference,
        currency="GBP",
        country="GB",
        lines=(OrderMessageLine(sku=SKU, quantity=1, unit_price=250),),
        shipping=Person(name="Ada", city="Leeds"),
    )
    return replace(sound, **given)


def encoded(reference: str, **given: Any) -> bytes:
    return msgspec.json.encode(order_message(reference, **given))


def intake_settings(kafka: str, topic_prefix: str) -> Settings:
    """Topics of a test's own."""
    settings = Settings.model_validate(
        {
            "database_url": "unused",
            "kafka_bootstrap_servers": kafka,
            "topic_prefix": topic_prefix,
            "topic_partitions": PARTITIONS,
        }
    )
    ensure_topics(settings, CHANNELS)
    return settings


def opened(conninfo: str) -> str:
    """A database with a shop in it."""
    with writing(conninfo, HANDLERS) as writer:
        open_shop(writer, units=1_000)
    return conninfo


class Channel:
    """A channel that sends what it likes."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic_name(settings, topic)
        self._producer = KafkaProducer(**connection(settings), acks="all", metrics_enabled=False)

    def send(self, *values: bytes | None, key: bytes | None = None) -> None:
        """In this order into one partition, the key's; or dealt out in turn without one."""
        futures = [
            self._producer.send(
                self._topic,
                value,
                key=key,
                partition=number % PARTITIONS if key is None else sum(key) % PARTITIONS,
            )
            for number, value in enumerate(values)
        ]
        for future in futures:
            future.get(10)

    def close(self) -> None:
        self._producer.close(timeout=5)


def intake_of(
    conninfo: str,
    settings: Settings,
    consumer: Consumer | None = None,
    writer: type[Writer] = Writer,
    handlers: Handlers = HANDLERS,
) -> Intake:
    made = writer(lambda: connect_writer(conninfo), handlers, cache_bytes=BIG_CACHE)
    return Intake(settings, consumer or ORDERS, made)


class Running:
    """An intake in a thread."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.intake.run(self.stop)
        except BaseException as error:
            self.error = error
            self.intake.writer.close()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, or the intake died."""
        eventually(lambda: self.error is not None or holds(), 20)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(20)
        if self.error is not None:
            raise self.error


@contextmanager
def running(intake: Intake) -> Iterator[Running]:
    """Whatever ends it is raised when the block ends."""
    started = Running(intake)
    try:
        yield started
    finally:
        started.end()


def taken(conninfo: str) -> int:
    """Messages that the offsets say are done."""
    with psycopg.connect(conninfo) as conn:
        row = conn.execute("SELECT coalesce(sum(next_offset), 0) FROM ordinal.intake_offsets")
        return int((row.fetchone() or (0,))[0])


def take(intake: Intake, conninfo: str, messages: int) -> None:
    """Run until so many messages of the topic are done."""
    with running(intake) as work:
        work.until(lambda: taken(conninfo) >= messages)


def outbox(conninfo: str, topic: str, kind: type) -> list[Any]:
    with psycopg.connect(conninfo) as conn:
        rows = conn.execute(
            "SELECT value FROM ordinal.outbox WHERE topic = %s ORDER BY outbox_id", (topic,)
        ).fetchall()
    return [msgspec.json.decode(value, type=kind) for (value,) in rows]


def results(conninfo: str) -> list[IntakeResult]:
    return outbox(conninfo, "intake.results", IntakeResult)


def dead_letters(conninfo: str) -> list[DeadLetter]:
    return outbox(conninfo, "dead-letters", DeadLetter)


def orders(conninfo: str) -> list[str]:
    """The streams of all orders; each is there once, as check_log has seen."""
    return [name for name in versions(check_log(conninfo)) if name.startswith("order-")]


def stream_of(reference: str) -> str:
    return order_stream(order_id_of(CHANNEL, reference))
