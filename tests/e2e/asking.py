"""What users do with a system: ask over HTTP, type a command, read a topic with another library."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from consumers.channels import CHANNELS
from infra.kafka.topics import topics
from tests.faults.http import Answer, call
from tests.faults.system import ANSWER_LIMIT, START_LIMIT, Api, System

PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended: its exit code, and what it wrote."""

    code: int
    text: str

    @property
    def words(self) -> str:
        """The text without the line breaks that a narrow terminal makes."""
        return " ".join(self.text.split())


@dataclass(slots=True)
class Shop:
    """A system with an API, and customers who remember what they were told."""

    system: System
    api: Api

    def place(self, key: str, **given: Any) -> Answer:
        answer = self.system.order(self.api, key, **given)
        assert answer.status == 201, answer.body
        return answer

    def do(self, path: str, body: dict[str, Any]) -> Answer:
        """Ask for anything else; it must be accepted."""
        answer = self.system.post(self.api, path, body)
        assert answer.accepted, answer.body
        return answer

    def read(self, path: str, behind: Answer) -> Any:
        """What a reader sees who was told the position of that answer.

        A busy machine may take longer than a read waits: it says so, and is asked again.
        """
        position = str(behind.json()["position"])
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = get(self.system, self.api, path, ordinal_position=position)
            if answer.status == 200:
                return answer.json()
            assert answer.status == 503, answer.body
            assert time.monotonic() < deadline, f"{answer.body!r}\n{self.system.tails()}"


@dataclass(frozen=True, slots=True)
class Said:
    """A message as another library shows it."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, bytes]

    def json(self) -> Any:
        return msgspec.json.decode(self.value)


def run(system: System, *verb: str, crash_at: str = "", **given: Any) -> Ran:
    """Type a command and wait for its end."""
    process = system.start(*verb, crash_at=crash_at, **{"log_level": "warning"} | given)
    code = process.wait(60)
    return Ran(code, process.log.read_text())


def get(system: System, api: Api, path: str, **headers: str) -> Answer:
    """Read, with headers given as `ordinal_position="7"`."""
    own = {"authorization": f"Bearer {system.secret}"}
    named = own | {name.replace("_", "-"): value for name, value in headers.items()}
    return call(api.port, "GET", path, headers=named, limit=ANSWER_LIMIT)


def await_ready(system: System, api: Api) -> None:
    """Until the read models can be asked."""
    deadline = time.monotonic() + START_LIMIT
    while (answer := get(system, api, "/ready")).status != 200:
        assert time.monotonic() < deadline, f"{answer.body!r}\n{system.tails()}"
        time.sleep(0.02)


def await_lag_zero(system: System) -> None:
    """Until everybody who follows the log has come to its end."""
    deadline = time.monotonic() + START_LIMIT
    while any((behind := system.lag()).values()):
        assert time.monotonic() < deadline, f"{behind}\n{system.tails()}"
        time.sleep(0.05)


def read_everything(system: System) -> list[Said]:
    """Every message of every topic, by a stranger who begins at offset 0."""
    settings = system.settings
    assert settings is not None, "this system has no topics"
    stranger = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": "a stranger",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    places = [
        TopicPartition(topic.name, partition, OFFSET_BEGINNING)
        for topic in topics(settings, CHANNELS)
        for partition in range(topic.partitions)
    ]
    with closing(Consumer(stranger)) as reader:
        reader.assign(places)
        return list(_until_the_ends(reader, len(places)))


def _until_the_ends(reader: Any, partitions: int) -> Iterator[Said]:
    deadline = time.monotonic() + PATIENCE
    while partitions:
        assert time.monotonic() < deadline, f"{partitions} partitions have no end"
        for message in reader.consume(500, timeout=0.5):
            if message.error() is None:
                yield said(message)
            else:
                partitions -= 1


def said(message: Any) -> Said:
    headers = dict(message.headers() or ())
    return Said(message.topic(), message.key() or b"", message.value() or b"", headers)
