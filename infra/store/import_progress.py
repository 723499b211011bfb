"""How far an import of a file came, and what it was told of the commands that were refused."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from infra.postgres.connections import Connection


class Told(NamedTuple):
    """The error's name and its words."""

    code: str
    why: str


def commands_done(conn: Connection, content: bytes) -> int:
    """How many commands of the file with this SHA-256 have their answers."""
    row = conn.execute("SELECT done FROM ordinal.imports WHERE content = %s", (content,)).fetchone()
    return int(row[0]) if row else 0


def refused_before(conn: Connection, command_ids: Sequence[UUID]) -> dict[UUID, Told]:
    """Those of these commands that an import was refused, whichever file it read."""
    rows = conn.execute(
        "SELECT command_id, code, why FROM ordinal.import_refusals WHERE command_id = ANY(%s)",
        (list(command_ids),),
    )
    return {command_id: Told(code, why) for command_id, code, why in rows}
