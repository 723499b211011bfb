"""Personal data on its way into the vault, and whether a repeat brings the same."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from uuid import UUID

from commands.handling import Contact, Streams
from domain.fast_init import maker
from domain.values import check_text, named_id

PERSONAL = tuple(field.name for field in fields(Contact) if field.name != "contact_id")

_contact = maker(Contact)
_personal = attrgetter(*PERSONAL)

Contacts = Mapping[str, Contact]


def contact_ids(command_id: UUID, contacts: Contacts | None) -> dict[str, str] | None:
    """The ids under which the vault will know them: the same for every run of the command."""
    if not contacts:
        return None
    for role, contact in contacts.items():
        _check(role, contact)
    return {role: named_id(command_id.bytes, role.encode()) for role in contacts}


def _check(role: str, contact: Contact) -> None:
    check_text(role, "contacts")
    for name, value in zip(PERSONAL, _personal(contact), strict=True):
        if value:
            check_text(value, f"contacts.{role}.{name}")


def keep_contacts(
    streams: Streams, ids: Mapping[str, str] | None, contacts: Contacts | None
) -> None:
    for role, contact_id in (ids or {}).items():
        known = zip(PERSONAL, _personal((contacts or {})[role]), strict=True)
        streams.keep_contact(_contact(contact_id=contact_id, **dict(known)))


def same_contacts(streams: Streams, ids: Mapping[str, str], contacts: Contacts | None) -> bool:
    """Whether these are the people of the first request, as far as the vault still knows them."""
    given = contacts or {}
    if given.keys() - ids.keys():
        return False
    for role, contact_id in ids.items():
        known = streams.contact(contact_id)
        if known is not None and not _same(known, given.get(role)):
            return False
    return True


def _same(known: Contact, given: Contact | None) -> bool:
    return given is not None and bool(_personal(known) == _personal(given))
