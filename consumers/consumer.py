"""How a channel comes in over a topic: its message, translated into our command, and no more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One intake topic. `message` is the channel's own shape as a plain dataclass.

    `topic` is named without the store's prefix. `to_command` only translates: it gets something
    with the message's fields, and raises `Unreadable` for what is well-formed JSON but no order.
    `name` is the channel. `occurred_at` is there when the channel may write history, and says when
    the thing happened.
    """

    name: str
    topic: str
    message: type
    to_command: Callable[[Any], object]
    occurred_at: Callable[[Any], datetime | None] | None = None


class Unreadable(Exception):
    """The message cannot become a command."""


@dataclass(slots=True, kw_only=True)
class IntakeResult:
    """What became of one message, as the channel reads it on the results topic.

    `status` is accepted or refused; a refusal has an `error` code and says `why`.
    """

    channel: str
    reference: str | None
    status: str
    order_id: str | None = None
    position: int | None = None
    error: str | None = None
    why: str | None = None
    source_topic: str = ""
    source_partition: int = 0
    source_offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not become a command: why, where it came from, and its very bytes."""

    id: str
    reason: str
    error: str
    source_topic: str
    source_partition: int
    source_offset: int
    key_base64: str | None
    value_base64: str | None
    received_at: str
