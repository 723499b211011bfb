"""The streams of one command, as its handler sees them."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from commands.handling import Contact, ContactId
from domain.decider import Decider
from infra.write_path.append_batch import Staged
from infra.write_path.needs import ANYTHING
from infra.write_path.stream_cache import Cached, StreamCache

S = TypeVar("S")


class NotAtHand(Exception):
    """A stream or a contact of this name is needed that is not at hand."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class CommandView:
    """What `commands.handling.Streams` promises, over streams that are in memory.

    Raises NotAtHand where one is not, was not named, or was written to by others.
    """

    __slots__ = ("_all", "_foreign", "_known", "_named", "contacts", "dirty", "kept", "staged")

    def __init__(self, cache: StreamCache, contacts: dict[str, Contact | None]) -> None:
        self._known, self._all = cache.get, cache.names
        self._foreign = 0
        self._named: Collection[str] = ()
        self.contacts = contacts
        self.staged: list[Staged] = []
        self.dirty: set[str] = set()
        self.kept: list[Contact] = []

    def reset(self, foreign: int, named: Collection[str]) -> None:
        """For the next command, which has named these streams."""
        self._foreign = foreign
        self._named = self._all if named is ANYTHING else named
        self.staged, self.dirty, self.kept = [], set(), []

    def _current(self, stream_id: str) -> Cached:
        cached = self._known(stream_id)
        if cached is None or cached.seen < self._foreign or stream_id not in self._named:
            raise NotAtHand(stream_id)
        return cached

    def state(self, decider: Decider[S], stream_id: str) -> S:
        state: S = self._current(stream_id).state
        return state

    def version(self, stream_id: str) -> int:
        return self._current(stream_id).version

    def append(
        self, stream_id: str, events: Iterable[object], *, at: datetime | None = None
    ) -> None:
        cached = self._current(stream_id)
        staged, when = self.staged, at and at.astimezone(UTC)
        for event in events:
            self.dirty.add(stream_id)
            cached.evolve(event)
            staged.append((stream_id, cached.version, event, when))

    def contact(self, contact_id: str) -> Contact | None:
        if contact_id not in self.contacts:
            raise NotAtHand(ContactId(contact_id))
        return self.contacts[contact_id]

    def keep_contact(self, contact: Contact) -> None:
        self.kept.append(contact)
