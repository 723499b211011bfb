"""Kafka transactions of one transactional id, over kafka-python.

After any error the object is of no use any more: throw it away and make a new one, which fences
the old one and learns from the brokers what had been committed.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError, ProducerFencedError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.protocol.producer import AddPartitionsToTxnRequest, EndTxnRequest, ProduceRequest

from infra.kafka.clients import REQUEST_TIMEOUT_MS, connection, open_client, require_crc32c
from infra.kafka.topics import DEAD_LETTER_LIMIT, MESSAGE_LIMIT, topics
from infra.runtime.settings import Settings

DELIVERY_TIMEOUT_MS = 10_000
TRANSACTION_TIMEOUT_MS = 15_000
# How long the library may block by itself; longer waits are ours, and can be stopped.
BLOCK_LIMIT_MS = 1_000
# Seconds.
WAIT_LIMIT = 10.0
STOPPING_LIMIT = 2.0
SLICE = 0.25
GLANCE = 0.002
# Bytes of a value that leave room for its key and headers.
SURELY_SENDABLE = MESSAGE_LIMIT // 2
CLOSE_LIMIT = 3.0

Headers = list[tuple[str, bytes]]
# Where to, key, value, headers; a plain tuple, since half a microsecond counts here.
Message = tuple[TopicPartition, bytes | None, bytes, Headers]


class UnsureCommit(KafkaError):  # type: ignore[misc]
    """The transaction may or may not be committed: only the topics can tell."""


class ConnectionLost(KafkaError):  # type: ignore[misc]
    """A broker was gone, if only for a moment: nobody knows what it still knows."""

    def __init__(self, message: str = "a broker was gone for a moment") -> None:
        super().__init__(message)


class _Client(KafkaNetClient):  # type: ignore[misc]
    """Sends nothing of a transaction any more once a connection that carried some has broken.

    The library would go on over a new one. A broker that starts again may never mark in some
    partitions how the last transaction ended, and what this producer wrote behind would be decided
    together with it: taken back, it would take the other along. So a new producer has to look
    first. And a commit may still be on its way over the broken connection, arrive behind its
    repetition, and end the next transaction while it is half sent.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._carriers: dict[object, Any] = {}

    def send(self, node_id: object, request: object, **options: Any) -> Any:
        doubt = _DOUBTS.get(type(request))
        if doubt is None:
            return super().send(node_id, request, **options)
        if self.broken():
            return Future().failure(ConnectionLost())
        answer = super().send(node_id, request, **options)
        self._carriers[node_id] = self._manager._conns.get(node_id)
        return _once(answer, doubt)

    def broken(self) -> bool:
        """Whether a connection ended that carried transactions, but for those closed as idle."""
        return any(each and each.close_future.failed() for each in list(self._carriers.values()))


# What it means when no answer comes.
_DOUBTS = {
    AddPartitionsToTxnRequest: ConnectionLost,
    ProduceRequest: ConnectionLost,
    EndTxnRequest: UnsureCommit,
}


def _once(answer: Any, doubt: type[KafkaError]) -> Any:
    """The answer; its loss is an error that the library does not try to mend by sending again."""
    known = Future()
    answer.add_callback(known.success)
    answer.add_errback(lambda error: known.failure(doubt(str(error))))
    return known


class Transactions:
    """Sends messages in transactions, one after the other.

    No wait is longer than `WAIT_LIMIT`, or `STOPPING_LIMIT` from when `stop` is set.
    """

    def __init__(self, settings: Settings, transactional_id: str, stop: threading.Event) -> None:
        require_crc32c()
        self._stop = stop
        self._last: dict[TopicPartition, Any] = {}
        self._futures: list[Any] = []
        self._announced: frozenset[TopicPartition] = frozenset()
        self._producer = open_client(
            KafkaProducer,
            **connection(settings),
            **_PRODUCER,
            transactional_id=transactional_id,
        )
        # Looked up one by one, when first used, each would take a tenth of a second.
        for topic in topics(settings):
            self._producer._sender.add_topic(topic.name)
        try:
            self._checked(lambda: self._await(self._initialized))
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Raises ConnectionLost when the producer must be thrown away though it is idle."""
        if self._producer._sender._client.broken():
            raise ConnectionLost

    def begin(self, partitions: Iterable[TopicPartition] = ()) -> None:
        """`partitions` are those that the messages will go to, as far as they are known."""
        self._last.clear()
        self._futures.clear()
        self._announced = frozenset(partitions)
        self._checked(self._begin)

    def settle(self, partitions: Iterable[TopicPartition], *, commit: bool) -> None:
        """End in these partitions what an older transaction of ours left open there."""
        self.begin(partitions)
        self._checked(lambda: self._settle(commit))

    def send(self, messages: Iterable[Message]) -> None:
        """Hand messages over; those of one partition keep their order."""
        self._checked(lambda: self._send(messages))

    def acknowledged(self) -> dict[TopicPartition, int]:
        """Wait for every message sent; the last offset of each partition that got any."""
        self._checked(self._await_futures)
        return {partition: future.value.offset for partition, future in self._last.items()}

    def commit(self) -> None:
        """Raises UnsureCommit or another KafkaError unless the commit is certain."""
        self._checked(self._commit)

    def close(self) -> None:
        """Drop the producer at once; an open transaction is left for the brokers to abort."""
        sender = self._producer._sender
        # The public close() waits for what is under way, which may be for ever.
        sender.force_close()
        sender.join(CLOSE_LIMIT)
        with suppress(KafkaError):
            self._producer.close(timeout=0)

    def _initialized(self, seconds: float) -> bool:
        try:
            self._producer.init_transactions()
        except KafkaTimeoutError:
            return False
        return True

    def _begin(self) -> None:
        self._producer.begin_transaction()
        # Left to the library, they would be announced one round trip after the other.
        for partition in self._announced:
            self._producer._transaction_manager.maybe_add_partition_to_transaction(partition)

    def _send(self, messages: Iterable[Message]) -> None:
        """What the public send() does, without the half of its time in which it looks for what is
        known here: that the partition exists and was announced, the types, about the size.
        """
        producer, last, futures = self._producer, self._last, self._futures
        append, now = producer._accumulator.append, int(time.time() * 1000)
        for partition, key, value, headers in messages:
            if partition in self._announced and len(value) < SURELY_SENDABLE:
                future = append(partition, now, key, value, headers)[0]
            else:
                future = producer.send(partition[0], value, key, headers, partition[1])
            futures.append(future)
            last[partition] = future
        producer._sender.wakeup()

    def _settle(self, commit: bool) -> None:
        manager = self._producer._transaction_manager
        self._producer._sender.wakeup()
        # An end goes only to partitions that the coordinator knows of by then.
        self._await(self._all_announced)
        self._end(manager.begin_commit() if commit else manager.begin_abort())

    def _all_announced(self, _: float) -> bool:
        time.sleep(GLANCE)
        known = self._producer._transaction_manager.is_partition_added
        return all(known(partition) for partition in self._announced)

    def _await_futures(self) -> None:
        for future in self._futures:
            if not future.is_done:
                self._await(partial(_is_done, future))
            if future.exception is not None:
                raise future.exception
        self._futures.clear()

    def _commit(self) -> None:
        # The public commit_transaction() is these lines, but its wait has no bound.
        self._end(self._producer._transaction_manager.begin_commit())

    def _end(self, result: Any) -> None:
        self._producer._sender.wakeup()
        self._await(lambda seconds: bool(result.wait(timeout_ms=seconds * 1000)))

    def _await(self, done: Callable[[float], bool]) -> None:
        """Give `done` a slice of time again and again until it is true."""
        began = stopped = time.monotonic()
        while not done(SLICE):
            now = time.monotonic()
            if not self._stop.is_set():
                stopped = now
            if now - began > WAIT_LIMIT or now - stopped > STOPPING_LIMIT:
                raise UnsureCommit(f"no answer within {now - began:.0f} s")

    def _checked(self, step: Callable[[], None]) -> None:
        try:
            step()
        except KafkaError as error:
            raise self._cause(error) from error

    def _cause(self, error: KafkaError) -> KafkaError:
        """The library wraps some errors in others: being fenced must be told from the rest."""
        known = self._producer._transaction_manager.last_error
        return known if isinstance(known, ProducerFencedError) else error


def _is_done(future: Any, seconds: float) -> bool:
    with suppress(KafkaError):
        future.get(seconds)
    return bool(future.is_done)


_PRODUCER = {
    "client_id": "ordinal-relay",
    "kafka_client": _Client,
    "enable_idempotence": True,
    "acks": "all",
    "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS,
    "delivery_timeout_ms": DELIVERY_TIMEOUT_MS,
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
    "max_block_ms": BLOCK_LIMIT_MS,
    "max_request_size": DEAD_LETTER_LIMIT,
    "allow_auto_create_topics": False,
    "batch_size": 262_144,
    "linger_ms": 0,
    # Paid whenever a transaction begins right behind the last one, which is always.
    "retry_backoff_ms": 5,
    "metrics_enabled": False,
}
