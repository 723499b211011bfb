"""How a channel comes in over a topic: its message, translated into our commands, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from commands.together import Together

UnknownFields = Literal["refused", "listed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One shape of message, which comes over the topic `intake.NAME`.

    `message` is the channel's own shape as a plain dataclass. `to_commands` only translates: it
    gets something with the message's fields and the channel's name, and gives the commands that
    the message asks for, which are carried out together or not at all; it raises `Unreadable` for
    what is well-formed JSON but no message. `reference` is the field by which the channel knows
    its message again. `happened_at` says when the thing happened; it is believed where the
    channel may write `history`. What a message holds beyond its shape is refused, or `listed` in
    the answer.
    """

    name: str
    message: type
    to_commands: Callable[[Any, str], Sequence[object]]
    reference: str
    happened_at: Callable[[Any], datetime | None] | None = None
    unknown_fields: UnknownFields = "refused"
    channel: str = ""
    history: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", self.channel or self.name)

    def occurred_at(self, message: Any) -> datetime | None:
        """When it happened, if this channel may write history and its message says so."""
        if self.history and self.happened_at is not None:
            return self.happened_at(message)
        return None

    def command_of(self, message: Any) -> object:
        """What the message asks for, as one command; raises Unreadable."""
        commands = self.to_commands(message, self.channel)
        if len(commands) == 1:
            return commands[0]
        if not commands:
            raise Unreadable("The message asks for nothing.")
        return Together(commands=tuple(commands))

    @property
    def topic(self) -> str:
        """The topic's name without the store's prefix."""
        return f"intake.{self.name}"

    def of_channel(self, channel: str, *, history: bool = False) -> "Consumer":
        """The same shape, as this channel sends it."""
        return replace(self, channel=channel, history=history)


class Unreadable(Exception):
    """The message cannot become a command."""


@dataclass(slots=True, kw_only=True)
class IntakeResult:
    """What became of one message, as the channel reads it on the results topic.

    `status` is accepted or refused. A refusal says `why`; its `code` is the same as over HTTP, its
    `error` the name of the refusal, and `details` are what it knows besides. Of a message that was
    accepted `details` are those of the receipt. `unknown_fields` were not heeded.
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
    code: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    unknown_fields: tuple[str, ...] = ()


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
