"""What one transaction is going to write, in the binary form in which it travels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from commands.handling import Answer, Contact, Context, Receipt, Rounds, explained
from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import instant, integer
from infra.store.contacts_vault import FIELDS as CONTACT_FIELDS
from infra.store.envelope import kind_of, sealed, shared
from infra.write_path.append_session import LogSession

Outcome = Answer | Exception

_json = msgspec.json.Encoder().encode
_contact_values = attrgetter(*CONTACT_FIELDS)


@dataclass(slots=True)
class CommandRequest:
    """One command of a batch and, in the end, its outcome.

    `key` is its id as the log has it. Of its `rounds` (see `commands.handling.Rounds`) it has
    named the streams that it `needed`, the latest ones in `round`; the stream that it `creates` is
    most often new. `blame` is why it can't say what it needs; what it
    looked at besides is `unforeseen`.
    """

    command: Any
    context: Context
    outcome: Outcome | None = None
    key: bytes = field(init=False)
    creates: str = ""
    needed: set[str] = field(default_factory=set)
    round: Sequence[str] = ()
    rounds: Rounds | None = None
    blame: Exception | None = None
    unforeseen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.key = self.context.command_id.bytes


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
                command_id,
                index,
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

    def stored(self, known: Mapping[bytes, tuple[bytes, bytes]]) -> bool:
        """Whether these receipts are those of its commands, so that it is committed."""
        for key, ask in self.asks.items():
            outcome = ask.outcome
            if isinstance(outcome, Answer) and not outcome.replayed:
                return known.get(key) == (ask.context.fingerprint, outcome.body)
        return False

    def unwritten(self, stream_id: str) -> Iterator[object]:
        """Events of a stream that were added since the last writing, in order."""
        return (event for stream, _, event, _ in self._staged if stream == stream_id)


def _encoded(contact: Contact) -> list[bytes | None]:
    return [None if value is None else value.encode() for value in _contact_values(contact)]
