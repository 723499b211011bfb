"""The contacts vault: the one place where personal data stands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from commands.handling import Contact
from domain.errors import UnknownOrder
from domain.values import order_stream
from infra.postgres.connections import Connection
from infra.store.time_travel import state_at

FIELDS = (
    "contact_id", "name", "email", "phone", "street", "city", "postal_code", "region", "country",
)  # fmt: skip

READ = ("caller", "person", "order_id", "reason", "request_id")
_KEEP = f"INSERT INTO ordinal.contact_reads ({', '.join(READ)}) VALUES (%s, %s, %s, %s, %s)"
_READS = (
    f"SELECT read_id, at, {', '.join(READ)} FROM ordinal.contact_reads"
    " WHERE read_id < %s AND (%s::text IS NULL OR order_id = %s) ORDER BY read_id DESC LIMIT %s"
)


class Vault:
    """Reads contacts, and keeps who read them; they are written with the events that point at
    them.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    def of_order(self, read: Mapping[str, object]) -> dict[str, Contact]:
        """An order's contacts by role; erased ones are left out. Raises UnknownOrder.

        `read` has the columns of READ. Nothing is told unless that is stored.
        """
        order_id = str(read["order_id"])
        with self._connect() as conn:
            try:
                ids = state_at(conn, order_stream(order_id)).state.contacts
            except LookupError:
                raise UnknownOrder(order_id=order_id) from None
            conn.execute(_KEEP, [read[name] for name in READ])
            rows = conn.execute(
                f"SELECT {', '.join(FIELDS)} FROM ordinal.contacts WHERE contact_id = ANY(%s)",
                ([UUID(contact_id) for contact_id in ids.values()],),
            ).fetchall()
        found = {contact.contact_id: contact for contact in map(contact_of, rows)}
        return {role: found[known] for role, known in ids.items() if known in found}

    def reads(self, order_id: str | None, before: int, limit: int) -> list[dict[str, Any]]:
        """Looks at contacts below this number, the latest first, of one order or of all."""
        with self._connect() as conn:
            rows = conn.execute(_READS, (before, order_id, order_id, limit)).fetchall()
        return [dict(zip(("read_id", "at", *READ), row, strict=True)) for row in rows]


def contact_of(row: Sequence[object]) -> Contact:
    """A row of the vault's FIELDS."""
    contact = Contact(contact_id=str(row[0]))
    for name, value in zip(FIELDS[1:], row[1:], strict=True):
        setattr(contact, name, value)
    return contact
