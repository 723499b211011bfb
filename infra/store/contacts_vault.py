"""The contacts vault: the one place where personal data stands."""

from collections.abc import Callable, Sequence
from uuid import UUID

from commands.handling import Contact
from domain.errors import UnknownOrder
from domain.values import order_stream
from infra.postgres.connections import Connection
from infra.store.time_travel import state_at

FIELDS = (
    "contact_id", "name", "email", "phone", "street", "city", "postal_code", "region", "country",
)  # fmt: skip


class Vault:
    """Reads contacts; they are written with the events that point at them."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    def of_order(self, order_id: str) -> dict[str, Contact]:
        """An order's contacts by role; erased ones are left out. Raises UnknownOrder."""
        with self._connect() as conn:
            try:
                ids = state_at(conn, order_stream(order_id)).state.contacts
            except LookupError:
                raise UnknownOrder(order_id=order_id) from None
            rows = conn.execute(
                f"SELECT {', '.join(FIELDS)} FROM ordinal.contacts WHERE contact_id = ANY(%s)",
                ([UUID(contact_id) for contact_id in ids.values()],),
            ).fetchall()
        found = {contact.contact_id: contact for contact in map(contact_of, rows)}
        return {role: found[known] for role, known in ids.items() if known in found}


def contact_of(row: Sequence[object]) -> Contact:
    """A row of the vault's FIELDS."""
    contact = Contact(contact_id=str(row[0]))
    for name, value in zip(FIELDS[1:], row[1:], strict=True):
        setattr(contact, name, value)
    return contact
