"""Messages as they come in: each a command, or the reason why it cannot become one."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from commands.handling import Context
from consumers.consumer import Consumer, Unreadable
from domain.errors import Invalid
from domain.fast_init import maker
from domain.values import LONGEST_TEXT, ORDINAL_NAMESPACE, named_uuid
from infra.intake.message_decoders import Decode, decoder_of
from infra.write_path.append_batch import CommandRequest

# Characters. An error may repeat what it is about, which may be as long as a message.
LONGEST_REASON = 1_000
# The same words as over HTTP: for what is no JSON, for what has not the message's shape, and for
# what our own translation stumbled over.
MALFORMED, INVALID, OURS = "malformed-request", Invalid.code, "internal-error"

_context = maker(Context)
_any = msgspec.json.Decoder().decode


@dataclass(slots=True, eq=False)
class Incoming(CommandRequest):
    """One message. `unreadable` says why it has no command, and `code` what that is called.

    `identity` is its place by the name of its source, which no other message ever has.
    """

    record: Any = None
    identity: str = ""
    reference: str | None = None
    unknown: tuple[str, ...] = ()
    unreadable: str | None = None
    code: str | None = None

    def refuse(self, why: str, code: str) -> None:
        """Make this one that cannot become a command."""
        self.unreadable, self.code = why[:LONGEST_REASON], code


class Translator:
    """Makes commands of a channel's messages.

    `source` names the topic in the ids of messages: it is another one for a topic made anew.
    """

    def __init__(self, channel: Consumer, source: str) -> None:
        self._channel = channel
        self._source = source
        listing = channel.unknown_fields == "listed"
        self._decode: Decode = decoder_of(channel.message, listing=listing)

    def incoming(self, record: Any) -> Incoming:
        raw = record.value or b""
        identity = f"{self._source}/{record.partition}/{record.offset}"
        try:
            message, unknown = self._decode(raw)
            reference = getattr(message, self._channel.reference)
            context = self._context(record, identity, self._channel.occurred_at(message))
            command = self._channel.command_of(message)
            return Incoming(
                command,
                context,
                record=record,
                identity=identity,
                reference=told(reference),
                unknown=unknown,
            )
        except Exception as error:
            # Whatever a message does to its translation, it must not block those behind it.
            context = self._context(record, identity, None)
            refused = Incoming(None, context, record=record, identity=identity)
            refused.reference = self._reference_of(raw)
            refused.refuse(*_blame(error))
            return refused

    def _context(self, record: Any, identity: str, occurred_at: datetime | None) -> Context:
        return _context(
            command_id=named_uuid(ORDINAL_NAMESPACE, f"intake/{identity}"),
            actor=f"intake:{self._channel.channel}",
            channel=self._channel.channel,
            correlation_id=f"{record.topic}/{record.partition}/{record.offset}",
            occurred_at=occurred_at,
            fingerprint=hashlib.sha256(record.value or b"").digest(),
            kept=True,
        )

    def _reference_of(self, raw: bytes) -> str | None:
        """Whatever reference a message bears that could not be read otherwise."""
        try:
            members = _any(raw)
        except Exception:
            return None
        return told(members.get(self._channel.reference)) if isinstance(members, dict) else None


def told(reference: object) -> str | None:
    """What is too long for a reference would make an answer that is too long for its topic."""
    fits = isinstance(reference, str) and len(reference) <= LONGEST_TEXT
    return str(reference) if fits else None


def _blame(error: Exception) -> tuple[str, str]:
    """Why a message was not read, and what that is called."""
    match error:
        case msgspec.ValidationError() | Unreadable() | Invalid():
            return str(error), INVALID
        case msgspec.DecodeError() | UnicodeDecodeError():
            return str(error), MALFORMED
        case _:
            return f"{type(error).__name__}: {error}", OURS
