"""What became of the messages of a fuzz, held against what must become of each."""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from confluent_kafka import Message, Producer

from consumers.channels.orders import ORDERS
from infra.kafka.topics import (
    DEAD_LETTERS,
    INTAKE_RESULTS,
    MESSAGE_LIMIT,
    topic_name,
)
from infra.runtime.settings import Settings
from tests.faults.channel import CHANNEL, FLUSH_LIMIT
from tests.faults.fuzz import Fuzzed
from tests.faults.system import System
from tests.infra.relaying import published_to

Place = tuple[str, int, int]
# Each channel sends with what its library prefers.
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with what it holds."""

    place: Place
    key: bytes | None
    value: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """An answer to one message."""

    place: Place
    status: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the topics and the log say at the end."""

    results: tuple[Result, ...]
    letters: tuple[Letter, ...]
    orders: Mapping[str, int]


class Sender:
    """Sends messages as fast as the broker takes them, and notes where each came to stand."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(settings, ORDERS.topic)
        self._producers = [_producer(settings, codec) for codec in CODECS]
        self.sent: dict[Place, Fuzzed] = {}
        self._lost: list[str] = []

    def send(self, each: Fuzzed) -> None:
        def delivered(error: object, message: Message) -> None:
            if error is not None:
                self._lost.append(f"{each.kind}: {error}")
                return
            place = self._topic, message.partition() or 0, message.offset() or 0
            self.sent[place] = each

        # Those of one key by one producer, so that they stay in order.
        producer = self._producers[crc32(each.key or b"") % len(self._producers)]
        producer.produce(self._topic, each.value, each.key, on_delivery=delivered)
        producer.poll(0)

    def finish(self) -> None:
        assert [producer.flush(FLUSH_LIMIT) for producer in self._producers] == [0] * len(CODECS)
        assert not self._lost, self._lost[:3]


def _producer(settings: Settings, codec: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "enable.idempotence": True,
            "compression.type": codec,
            "message.max.bytes": MESSAGE_LIMIT,
            "queue.buffering.max.messages": 1_000_000,
            "linger.ms": 5,
            "log_level": 0,
        }
    )


def outcome_of(system: System) -> Outcome:
    """Reads the topics of results and of dead letters, and the orders in the log."""
    results = [json.loads(each.value) for each in published_to(system.kafka, INTAKE_RESULTS)]
    letters = [json.loads(each.value) for each in published_to(system.kafka, DEAD_LETTERS)]
    return Outcome(
        tuple(Result(_place(each), each["status"], each["reference"]) for each in results),
        tuple(
            Letter(
                _place(each),
                _bytes(each["key_base64"]),
                _bytes(each["value_base64"]),
                each["reason"],
            )
            for each in letters
        ),
        _orders(system),
    )


def _place(said: Mapping[str, Any]) -> Place:
    return said["source_topic"], said["source_partition"], said["source_offset"]


def _bytes(encoded: str | None) -> bytes | None:
    return None if encoded is None else base64.b64decode(encoded, validate=True)


def _orders(system: System) -> dict[str, int]:
    """How often each reference was placed."""
    rows = system.rows(
        "SELECT convert_from(state, 'UTF8')::json -> 'data' ->> 'reference', count(*)"
        " FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
        " AND convert_from(state, 'UTF8')::json ->> 'channel' = %s GROUP BY 1",
        CHANNEL,
    )
    return dict(rows)


def breaches(sent: Mapping[Place, Fuzzed], outcome: Outcome) -> list[str]:
    """Everything that is not as it must be."""
    return [*_unlike(sent, outcome), *_letters(sent, outcome), *_placed(sent, outcome)]


def fates(outcome: Outcome) -> Iterator[tuple[Place, str]]:
    """Each answer; of a refusal with a dead letter, the letter."""
    dead = {letter.place for letter in outcome.letters}
    yield from ((letter.place, "dead") for letter in outcome.letters)
    yield from ((each.place, each.status) for each in outcome.results if not _told(each, dead))


def _told(result: Result, dead: set[Place]) -> bool:
    return result.status == "refused" and result.place in dead


def _unlike(sent: Mapping[Place, Fuzzed], outcome: Outcome) -> Iterator[str]:
    """Every message has one fate, and the right one."""
    found: dict[Place, list[str]] = {}
    for place, fate in fates(outcome):
        found.setdefault(place, []).append(fate)
    for place, each in sent.items():
        got = found.pop(place, [])
        if len(got) != 1:
            yield f"{each.kind} at {place} has {len(got)} answers: {got}"
        elif each.fate not in ("any", got[0]):
            yield f"{each.kind} at {place} was {got[0]}: {each.value!r:.300}"
    yield from (f"{got} for {place}, which nobody sent" for place, got in found.items())


def _letters(sent: Mapping[Place, Fuzzed], outcome: Outcome) -> Iterator[str]:
    """Every letter has a reason and the very bytes, and an answer beside it."""
    answers = Counter(each.place for each in outcome.results if each.status == "refused")
    for letter in outcome.letters:
        each = sent.get(letter.place)
        if each is not None and (letter.key, letter.value) != (each.key, each.value):
            yield f"the letter of {each.kind} at {letter.place} holds other bytes"
        error, colon, why = letter.reason.partition(": ")
        if not (error and colon and why.strip()):
            yield f"the letter of {letter.place} says no reason: {letter.reason!r}"
        if answers[letter.place] != 1:
            yield f"the letter of {letter.place} has {answers[letter.place]} answers beside it"


def _placed(sent: Mapping[Place, Fuzzed], outcome: Outcome) -> Iterator[str]:
    """Every order that is one was placed once, and no other."""
    wanted = {each.reference for each in sent.values() if each.fate == "accepted"}
    damaged = {place for place, each in sent.items() if each.fate == "any"}
    lucky = {
        each.reference
        for each in outcome.results
        if each.place in damaged and each.status == "accepted"
    }
    for reference in wanted | lucky:
        if outcome.orders.get(reference or "") != 1:
            yield f"{reference} was placed {outcome.orders.get(reference or '', 0)} times"
    yield from (f"{each} was never sent" for each in outcome.orders.keys() - wanted - lucky)


def summary(sent: Mapping[Place, Fuzzed], outcome: Outcome) -> str:
    """Of each fate, how many, and which kinds met it."""
    counts = Counter(fate for _, fate in fates(outcome))
    kinds = len({each.kind for each in sent.values()})
    told = ", ".join(f"{count} {fate}" for fate, count in sorted(counts.items()))
    return f"{len(sent)} messages of {kinds} kinds: {told}; {len(outcome.orders)} orders"
