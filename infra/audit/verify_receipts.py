"""What callers say that they were answered, held against the store."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from domain.values import command_id_of, former_command_id_of
from infra.audit.findings import Findings
from infra.postgres.connections import Connection

CHUNK = 1_000


class Kept(msgspec.Struct):
    """One accepted answer as its caller kept it: a line of NDJSON. `body` is the very text, and
    `channel` that of the key, if it has one.
    """

    caller: str
    key: str
    body: str
    channel: str | None = None

    @property
    def command_id(self) -> UUID:
        return command_id_of(self.caller, self.channel, self.key)

    @property
    def former_id(self) -> UUID:
        return former_command_id_of(self.caller, self.key)


def kept(lines: Iterable[bytes]) -> Iterator[Kept]:
    """Raises ValueError naming the first line that is no answer."""
    decode = msgspec.json.Decoder(Kept).decode
    for number, line in enumerate(lines, start=1):
        try:
            yield decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"line {number}: {error}") from error


def verify_receipts(conn: Connection, answers: Iterator[Kept], findings: Findings) -> None:
    """I1 and I6 as callers see them: each answer is stored, and as it was told.

    Receipts whose time is over are not in the store any more: bring younger answers than that.
    """
    once = findings.begin("I1", "accepted commands are in the log exactly once")
    keys = findings.begin("I6", "one key, at most one effect")
    while chunk := list(islice(answers, CHUNK)):
        stored = _stored(conn, chunk)
        for answer in chunk:
            found = stored.get(answer.command_id) or stored.get(answer.former_id)
            who = f"{answer.key} of {answer.caller}"
            if not once.holds(found is not None):
                once.blame(f"the answer to key {who} is not in the store")
            elif not keys.holds(found == answer.body):
                keys.blame(f"key {who} was answered {answer.body}, the store has {found}")


def _stored(conn: Connection, chunk: Sequence[Kept]) -> dict[UUID, str]:
    rows = conn.execute(
        "SELECT command_id, convert_from(receipt, 'UTF8') FROM ordinal.commands"
        " WHERE command_id = ANY(%s)",
        ([each for answer in chunk for each in (answer.command_id, answer.former_id)],),
    )
    return dict(rows.fetchall())
