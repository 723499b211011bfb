"""What goes back: an answer for each message, and a dead letter for one that had no effect."""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from commands.handling import Answer
from consumers.consumer import DeadLetter, IntakeResult
from domain.errors import Invalid, OrdinalError, ReferenceReused, code_of
from domain.values import ORDINAL_NAMESPACE, named_uuid, order_stream
from infra.intake.incoming import LONGEST_REASON, Incoming
from infra.kafka.topics import DEAD_LETTERS, INTAKE_RESULTS
from infra.write_path.side_writes import OutboxMessage

ORDERS = order_stream("")
UNREADABLE = "Unreadable"
# What a broker takes for the time of a record may be any number.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC).timestamp() * 1000
LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000

_json = msgspec.json.Encoder(enc_hook=str).encode


def messages_of(batch: Iterable[Incoming], channel: str) -> list[OutboxMessage]:
    """The answers, and the dead letters where there are some."""
    messages = []
    for incoming in batch:
        messages.append(answer(incoming, channel))
        if (reason := dead_because(incoming)) is not None:
            messages.append(dead_letter(incoming, reason))
    return messages


def answer(incoming: Incoming, channel: str) -> OutboxMessage:
    """What the channel is told of its message."""
    record, outcome = incoming.record, incoming.outcome
    result = IntakeResult(
        channel=channel,
        reference=incoming.reference,
        status="refused",
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        unknown_fields=incoming.unknown,
    )
    if isinstance(outcome, Answer):
        _accept(result, outcome)
    elif incoming.unreadable is not None:
        result.error, result.code, result.why = UNREADABLE, incoming.code, incoming.unreadable
    else:
        _refuse(result, outcome or Exception("no outcome"))
    return OutboxMessage(INTAKE_RESULTS, (incoming.reference or "").encode(), _json(result), {})


def _accept(result: IntakeResult, outcome: Answer) -> None:
    receipt = outcome.receipt
    result.status, result.position, result.details = "accepted", receipt.position, receipt.details
    if receipt.stream_id.startswith(ORDERS):
        result.order_id = receipt.id


def _refuse(result: IntakeResult, outcome: Exception) -> None:
    result.error, result.code = type(outcome).__name__, code_of(outcome)
    result.why = str(outcome)
    result.details = _details(outcome)


def _details(refusal: Exception) -> dict[str, Any]:
    details: Mapping[str, object] = refusal.details if isinstance(refusal, OrdinalError) else {}
    return dict(details)


def dead_because(incoming: Incoming) -> str | None:
    """Why this is for the dead letters: a conflict with stock is an answer, not a dead letter."""
    outcome = incoming.outcome
    if incoming.unreadable is not None:
        return f"unreadable: {incoming.unreadable}"
    if isinstance(outcome, Invalid | ReferenceReused) or (
        isinstance(outcome, Exception) and not isinstance(outcome, OrdinalError)
    ):
        return f"{type(outcome).__name__}: {outcome}"
    return None


def dead_letter(incoming: Incoming, reason: str) -> OutboxMessage:
    """The message with its reason, its coordinates and its very bytes."""
    record = incoming.record
    identity = str(named_uuid(ORDINAL_NAMESPACE, f"dead-letter/{incoming.identity}"))
    letter = DeadLetter(
        id=identity,
        reason=reason[:LONGEST_REASON],
        error=reason.partition(":")[0],
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        key_base64=_base64(record.key),
        value_base64=_base64(record.value),
        received_at=moment_of(record.timestamp).isoformat(),
    )
    return OutboxMessage(DEAD_LETTERS, identity.encode(), _json(letter), {})


def moment_of(milliseconds: int) -> datetime:
    """A record's time; now, where its sender wrote a number that is none."""
    if not EARLIEST <= milliseconds <= LATEST:
        return datetime.now(UTC)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
