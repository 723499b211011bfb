"""What the commands of a batch need, in rounds: what one names next rests on what is loaded."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeVar

from commands.handling import Contact, ContactId, Handling, NotNamed
from domain.categories import CATEGORIES
from domain.category import category_name
from domain.decider import Decider
from domain.errors import TooManyCandidates
from infra.write_path.append_batch import CommandRequest
from infra.write_path.stream_cache import StreamCache

S = TypeVar("S")

# Streams that one transaction works on.
STREAMS_TOGETHER = 20_000


class _Anything(set[str]):
    """Stands for what a command needs that was not asked: it may look at whatever is at hand."""

    def __contains__(self, name: object) -> bool:
        return True


ANYTHING = _Anything()


class _Named:
    """What a command sees while it says what it needs (see `commands.handling.Known`)."""

    __slots__ = ("_known", "names")

    def __init__(self, cache: StreamCache) -> None:
        self._known = cache.get
        self.names: set[str] = set()

    def state(self, decider: Decider[S], stream_id: str) -> S:
        known = self._known(stream_id) if stream_id in self.names else None
        if known is None:
            raise NotNamed(stream_id)
        state: S = known.state
        return state


class Needs:
    """Goes on with each command as far as all that it named is at hand."""

    def __init__(
        self,
        handlers: Mapping[type, Handling],
        cache: StreamCache,
        contacts: Mapping[str, Contact | None],
    ) -> None:
        self._handlers = handlers
        self._known = cache.get
        self._contacts = contacts
        self._view = _Named(cache)

    def begin(self, ask: CommandRequest, *, trusting: bool = False) -> None:
        """Ask anew. What it named before stays named: no command asks for ever.

        With `trusting` one that creates something is not asked: the stock of most orders is at
        hand, and to name it takes a seventh of an order. It comes back when something is not.
        """
        ask.round, ask.rounds, ask.blame, ask.creates = ask.unforeseen, None, None, ""
        try:
            handling = self._handlers[type(ask.command)]
            if handling.creates:
                target = handling.target(ask.command)
                ask.creates = target if _mostly_new(target) else ""
                if trusting:
                    ask.needed = ANYTHING
                    return
            if ask.needed is ANYTHING:
                ask.needed = set()
            ask.needed.update(ask.unforeseen)
            ask.rounds = handling.needs(ask.command, self._view)
        except Exception as error:
            ask.blame = error.with_traceback(None)

    def foresee(self, ask: CommandRequest, name: str) -> None:
        """It looked at this, too; whether it may is for its handling to say."""
        if self._handlers[type(ask.command)].unforeseen:
            ask.unforeseen = (*ask.unforeseen, name)

    def lacking(self, ask: CommandRequest, since: int = 0) -> list[str]:
        """What it named and is not at hand, as current as `since`; nothing when it has come to
        its end, or to what it is to be refused for.
        """
        known, needed, view = self._known, ask.needed, self._view
        names = ask.round
        while True:
            for name in names:
                found = known(name)
                if found is None or found.seen < since:
                    missing = self._missing(names, since)
                    if missing:
                        ask.round = names
                        return missing
            if ask.rounds is None:
                return []
            view.names = needed
            try:
                answer = next(ask.rounds)
            except StopIteration:
                ask.round, ask.rounds = (), None
                return []
            except Exception as error:
                # A traceback holds what holds it: only the collector would free them.
                ask.round, ask.rounds, ask.blame = (), None, error.with_traceback(None)
                return []
            names = answer if type(answer) is tuple else [*islice(answer, STREAMS_TOGETHER + 1)]
            needed.update(names)
            if len(needed) > STREAMS_TOGETHER:
                self._refuse(ask)
                return []

    def _missing(self, names: Sequence[str], since: int) -> list[str]:
        known, contacts = self._known, self._contacts
        missing = [name for name in names if (found := known(name)) is None or found.seen < since]
        return [name for name in missing if not (type(name) is ContactId and name in contacts)]

    def _refuse(self, ask: CommandRequest) -> None:
        ask.round, ask.rounds = (), None
        ask.needed.clear()
        ask.blame = TooManyCandidates(most=STREAMS_TOGETHER)


def together(asks: Sequence[CommandRequest]) -> int:
    """How many of them, from the first on, one transaction can work on."""
    if sum(len(ask.needed) for ask in asks) <= STREAMS_TOGETHER:
        return len(asks)
    names: set[str] = set()
    for number, ask in enumerate(asks):
        names |= ask.needed
        if len(names) > STREAMS_TOGETHER:
            return number
    return len(asks)


def _mostly_new(stream_id: str) -> bool:
    category = CATEGORIES.get(category_name(stream_id))
    return category is not None and category.mostly_new
