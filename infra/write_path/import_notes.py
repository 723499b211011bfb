"""What imports remember, as side writes of the transaction of their commands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from consumers.files.memory import Credit, Lifted, Note, Rejects, Sale
from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import instant
from infra.postgres.pipeline import Pipeline, statement

_json = msgspec.json.Encoder(enc_hook=str).encode

_SALES = statement(
    "import_sales",
    "INSERT INTO ordinal.import_sales (channel, order_id, customer, at, lines)"
    " SELECT $1::text, o, c, a::timestamptz, l::jsonb"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS given(o, c, a, l)"
    " ON CONFLICT DO NOTHING",
)
_CREDITS = statement(
    "import_credits",
    "INSERT INTO ordinal.import_credits (credit, order_id, line, quantity, price)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])"
    " ON CONFLICT DO NOTHING",
)
_LIFTED = statement(
    "import_lifted", "DELETE FROM ordinal.import_rejects WHERE command_id = ANY($1::uuid[])"
)
_REJECTS = statement(
    "import_rejects",
    "INSERT INTO ordinal.import_rejects (channel, file, recorded_at, command_id, part, line,"
    " reason, code, reference, sku, quantity, value, currency)"
    " SELECT $1::text, $2::text, $3::timestamptz, i, p, l, w, c, r, s, q::bigint, v::numeric, m"
    " FROM unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[],"
    " $10::text[], $11::text[], $12::text[], $13::text[])"
    " AS given(i, p, l, w, c, r, s, q, v, m) ON CONFLICT DO NOTHING",
)


@dataclass(frozen=True, slots=True)
class ImportNotes:
    """Notes of one channel's import of one file, in the order in which they were made."""

    channel: str
    file: str
    notes: Sequence[Note]

    def send(self, session: Pipeline, recorded_at: datetime) -> None:
        self._send_sales(session, [note for note in self.notes if isinstance(note, Sale)])
        self._send_credits(session, [note for note in self.notes if isinstance(note, Credit)])
        lifted = [n.command_id.bytes for n in self.notes if isinstance(n, Lifted | Rejects)]
        if lifted:
            session.send(_LIFTED, binary_arrays.uuid_array(lifted))
            self._send_rejects(session, recorded_at, self._left_out())

    def _left_out(self) -> Iterable[Rejects]:
        """Those that are not lifted behind."""
        found: dict[bytes, Rejects] = {}
        for note in self.notes:
            if isinstance(note, Rejects):
                found[note.command_id.bytes] = note
            elif isinstance(note, Lifted):
                found.pop(note.command_id.bytes, None)
        return found.values()

    def _send_sales(self, session: Pipeline, sales: Sequence[Sale]) -> None:
        if sales:
            session.send(
                _SALES,
                self.channel.encode(),
                binary_arrays.text_array([sale.order_id for sale in sales]),
                binary_arrays.text_array([sale.customer for sale in sales]),
                binary_arrays.text_array([sale.at.isoformat() for sale in sales]),
                binary_arrays.encoded_text_array([_json(sale.lines) for sale in sales]),
            )

    def _send_credits(self, session: Pipeline, credits: Sequence[Credit]) -> None:
        parts = [(credit.credit.bytes, part) for credit in credits for part in credit.parts]
        if parts:
            session.send(
                _CREDITS,
                binary_arrays.uuid_array([credit for credit, _ in parts]),
                binary_arrays.text_array([part.order_id for _, part in parts]),
                binary_arrays.bigint_array([part.line for _, part in parts]),
                binary_arrays.bigint_array([part.quantity for _, part in parts]),
                binary_arrays.bigint_array([part.price for _, part in parts]),
            )

    def _send_rejects(
        self, session: Pipeline, recorded_at: datetime, left_out: Iterable[Rejects]
    ) -> None:
        rows = [
            (each.command_id.bytes, part, line)
            for each in left_out
            for part, line in enumerate(each.lines)
        ]
        if not rows:
            return
        lines = [line for *_, line in rows]
        texts = [
            [None if value is None else str(value) for value in column]
            for column in zip(*(line[1:] for line in lines), strict=True)
        ]
        session.send(
            _REJECTS,
            self.channel.encode(),
            self.file.encode(errors="backslashreplace"),
            instant(recorded_at),
            binary_arrays.uuid_array([command_id for command_id, *_ in rows]),
            binary_arrays.bigint_array([part for _, part, _ in rows]),
            binary_arrays.bigint_array([line.line for line in lines]),
            *(binary_arrays.encoded_text_array(_stored(column)) for column in texts),
        )


def _stored(column: Sequence[str | None]) -> list[bytes | None]:
    """No text that a database cannot keep."""
    return [
        None if text is None else text.replace("\0", " ").encode(errors="backslashreplace")
        for text in column
    ]
