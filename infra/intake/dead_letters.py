"""Dead letters as an operator sees them: those that the outbox still keeps."""

import base64
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec
from kafka import KafkaProducer

from consumers.consumer import DeadLetter
from infra.kafka.clients import connection, open_client
from infra.kafka.topics import DEAD_LETTERS, MESSAGE_LIMIT
from infra.postgres.connections import Connection
from infra.runtime.settings import Settings

SEND_LIMIT = 10.0

_FROM = f"SELECT value FROM ordinal.outbox WHERE topic = '{DEAD_LETTERS}'"
_decode = msgspec.json.Decoder(DeadLetter).decode


def newest(conn: Connection, limit: int) -> Sequence[DeadLetter]:
    """The last ones that arrived, the newest first."""
    rows = conn.execute(f"{_FROM} ORDER BY outbox_id DESC LIMIT %s", (limit,)).fetchall()
    return [_decode(bytes(value)) for (value,) in rows]


def find(conn: Connection, letter_id: str) -> DeadLetter:
    """Raises LookupError when it is not, or no longer, kept here."""
    row = conn.execute(f"{_FROM} AND key = %s LIMIT 1", (letter_id.encode(),)).fetchone()
    if row is None:
        raise LookupError(f"no dead letter {letter_id} is kept here")
    return _decode(bytes(row[0]))


def coordinates(letter: DeadLetter) -> str:
    return f"{letter.source_topic}/{letter.source_partition}/{letter.source_offset}"


def as_json(letter: DeadLetter) -> bytes:
    """The letter, with the message as text where it is text."""
    message = original(letter.value_base64) or b""
    text = {"message": message.decode()} if _is_text(message) else {}
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(letter) | text), indent=2)


def send_again(settings: Settings, letter: DeadLetter) -> int:
    """Put the very bytes behind all others of their partition; returns their new offset."""
    producer: Any = open_client(
        KafkaProducer,
        **connection(settings),
        acks="all",
        allow_auto_create_topics=False,
        max_request_size=MESSAGE_LIMIT,
    )
    with closing(producer):
        sent = producer.send(
            letter.source_topic,
            original(letter.value_base64),
            original(letter.key_base64),
            partition=letter.source_partition,
        )
        return int(sent.get(SEND_LIMIT).offset)


def original(encoded: str | None) -> bytes | None:
    return None if encoded is None else base64.b64decode(encoded)


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
