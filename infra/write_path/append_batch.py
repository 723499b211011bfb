"""What one transaction is going to write, in the binary form in which it travels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from commands.handling import Answer, Contact, Context, Receipt, explained
from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import instant, integer
from infra.store.contacts_vault import FIELDS as CONTACT_FIELDS
from infra.store.envelope import event_id, kind_of, sealed, shared
from infra.write_path.append_session import LogSession

Outcome = Answer | Exception

_json = msgspec.json.Encoder().encode
_contact_values = attrgetter(*CONTACT_FIELDS)


class OutboxMessage(NamedTuple):
    """A message that is no event, published by the relay in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class CommandRequest:
    """One command of a batch and, in the end, its outcome.

    `key` is its id as the log has it. `target` and `needed` are streams; it turned out to need
    those that are `unannounced`, too.
    """

    command: Any
    context: Context
    outcome: Outcome | None = None
    key: bytes = field(init=False)
    target: str = ""
    needed: Sequence[str] = ()
    unannounced: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.key = self.context.command_id.bytes


@dataclass(slots=True)
class SideWrite:
    """What moves in the transaction besides commands: messages, and intake offsets by topic and
    partition, from the one that must still stand there to the next.
    """

    messages: Sequence[OutboxMessage] = ()
    offsets: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)


Staged = tuple[str, int, object, datetime | None]
"""One event on its way into the log: its stream, its version there, the event, and the time that
it states; without one it has the time of the decision.
"""


class AppendBatch:
    """Accepted commands, decided at one moment behind one position."""

    def __init__(self, sequence: int, head: int, recorded_at: datetime) -> None:
        self._sequence = sequence
        self._head = head
        self.recorded_at = recorded_at
        self.touched: dict[str, None] = {}
        self.asks: dict[bytes, CommandRequest] = {}
        self._empty()

    def _empty(self) -> None:
        self._staged: list[Staged] = []
        self.states: list[bytes] = []
        self.command_ids: list[bytes] = []
        self.fingerprints: list[bytes] = []
        self.receipts: list[bytes] = []
        self.kept: list[bool] = []
        self.contacts: list[list[bytes | None]] = []

    @property
    def sequence(self) -> int:
        """The last position that was given away."""
        return self._sequence + len(self.states)

    @property
    def position(self) -> int:
        """The last position that holds an event; the sequence may have burned some."""
        return self.sequence if self.states else self._head

    def add(
        self,
        ask: CommandRequest,
        receipt: Receipt,
        occurred_at: datetime,
        staged: Sequence[Staged],
        contacts: Sequence[Contact],
    ) -> Answer:
        """All of an accepted command or, when a part of it cannot be encoded, nothing."""
        context = ask.context
        receipt.changed = bool(staged)
        receipt.position = self.sequence + len(staged) if staged else self.position
        body = _json(receipt)
        states = self._envelopes(ask, occurred_at, staged) if staged else []
        if contacts:
            self.contacts += [_encoded(contact) for contact in contacts]
        self.states += states
        self._staged += staged
        self.command_ids.append(ask.key)
        self.fingerprints.append(context.fingerprint)
        self.receipts.append(body)
        self.kept.append(context.kept)
        self.asks[ask.key] = ask
        return Answer(receipt, body)

    def _envelopes(
        self, ask: CommandRequest, occurred_at: datetime, staged: Sequence[Staged]
    ) -> list[bytes]:
        context = explained(ask.context, ask.command)
        decided = shared(context, occurred_at, self.recorded_at)
        command_id = ask.key
        return [
            sealed(
                event_id(command_id, index),
                event,
                stream_id,
                version,
                decided if at is None else shared(context, at, self.recorded_at),
            )
            for index, (stream_id, version, event, at) in enumerate(staged)
        ]

    def write(self, session: LogSession) -> None:
        """Send the events, commands and contacts that were added since the last time."""
        if not self.command_ids:
            return
        recorded_at, staged = instant(self.recorded_at), self._staged
        session.append(
            binary_arrays.text_array([stream_id for stream_id, *_ in staged]),
            binary_arrays.bigint_array([version for _, version, *_ in staged]),
            binary_arrays.encoded_text_array(
                [kind_of(type(event).__name__).name for _, _, event, _ in staged]
            ),
            binary_arrays.bytea_array(self.states),
            recorded_at,
            binary_arrays.uuid_array(self.command_ids),
            binary_arrays.bytea_array(self.fingerprints),
            binary_arrays.bytea_array(self.receipts),
            binary_arrays.boolean_array(self.kept),
            integer(self._sequence + 1),
            integer(self.sequence),
        )
        if self.contacts:
            columns = zip(*self.contacts, strict=True)
            session.keep_contacts(
                recorded_at, [binary_arrays.encoded_text_array(c) for c in columns]
            )
        self._head, self._sequence = self.position, self.sequence
        self.touched |= dict.fromkeys([stream_id for stream_id, *_ in staged])
        self._empty()

    def unwritten(self, stream_id: str) -> Iterator[object]:
        """Events of a stream that were added since the last writing, in order."""
        return (event for stream, _, event, _ in self._staged if stream == stream_id)


def write_companion(session: LogSession, side_write: SideWrite, recorded_at: datetime) -> None:
    """Insert outbox messages and move offsets."""
    messages, offsets = side_write.messages, side_write.offsets
    if messages:
        session.put_out(
            instant(recorded_at),
            [
                binary_arrays.text_array([message.topic for message in messages]),
                binary_arrays.bytea_array([message.key for message in messages]),
                binary_arrays.bytea_array([message.value for message in messages]),
                binary_arrays.encoded_text_array([_json(message.headers) for message in messages]),
            ],
        )
    if offsets:
        session.move_offsets(
            [
                binary_arrays.text_array([topic for topic, _ in offsets]),
                binary_arrays.bigint_array([partition for _, partition in offsets]),
                binary_arrays.bigint_array([present for present, _ in offsets.values()]),
                binary_arrays.bigint_array([following for _, following in offsets.values()]),
            ]
        )


def _encoded(contact: Contact) -> list[bytes | None]:
    return [None if value is None else value.encode() for value in _contact_values(contact)]
