"""What every read model needs of its rows: their documentation, their key, their presence."""

from datetime import datetime
from typing import TypeVar, get_type_hints

from domain.category import bare_id
from domain.decider import Recorded

R = TypeVar("R")


def documented(row: type) -> dict[str, str]:
    """Column -> what it means, as the row type says it beside each field."""
    hints = get_type_hints(row, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def owner(recorded: Recorded) -> str:
    """The first key of all rows of the event's stream, in a read model of one category."""
    return bare_id(recorded.stream_id)


def valid_time(recorded: Recorded) -> datetime:
    """When it happened: what the fact itself states, as envelopes did not always say the same."""
    stated: datetime | None = getattr(recorded.event, "at", None)
    return recorded.occurred_at if stated is None else min(stated, recorded.recorded_at)


def known(row: R | None) -> R:
    """A row that earlier events must have left; without it the stream's history is no history."""
    if row is None:
        raise LookupError("the event speaks of something that its stream never began")
    return row
