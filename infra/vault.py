"""The contacts vault: the one place where personal data stands."""

from collections.abc import Callable, Sequence
from uuid import UUID

from commands.handling import Contact
from infra.event_log import Connection

FIELDS = (
    "contact_id", "name", "email", "phone", "street", "city", "postal_code", "region", "country",
)  # fmt: skip


class Vault:
    """Reads contacts; they are written with the events that point at them."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    def read(self, contact_ids: Sequence[str]) -> list[Contact]:
        """Those that still exist."""
        with self._connect() as conn:
            rows = conn.execute(
                f"SELECT {', '.join(FIELDS)} FROM ordinal.contacts WHERE contact_id = ANY(%s)",
                ([UUID(contact_id) for contact_id in contact_ids],),
            ).fetchall()
        return [contact_of(row) for row in rows]


def contact_of(row: Sequence[object]) -> Contact:
    """A row of the vault's FIELDS."""
    contact = Contact(contact_id=str(row[0]))
    for name, value in zip(FIELDS[1:], row[1:], strict=True):
        setattr(contact, name, value)
    return contact
