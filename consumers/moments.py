"""Times that foreign hands wrote."""

from datetime import UTC, datetime

from consumers.consumer import Unreadable

EARLIEST_YEAR = 1970
LATEST_YEAR = 9000


def checked_moment(at: datetime, field: str) -> datetime:
    """The moment in UTC, since not every zone that can be written is one for a database.

    Raises Unreadable for a time that means no moment, or one that no clock can show in UTC.
    """
    if at.tzinfo is None:
        raise Unreadable(f"{field}: a time without its zone")
    if not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
        raise Unreadable(f"{field}: no time of our age")
    return at.astimezone(UTC)
