"""Times as the clocks of a shop showed them.

A time that the clocks showed twice, when they were put back, is the first of the two. One that they
never showed, when they were put forward, is what it would have been without that: 01:30 in London
is then half past one by the winter's clock.
"""

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consumers.consumer import Unreadable
from consumers.files.file_lines import UnreadableFile
from consumers.moments import EARLIEST_YEAR, LATEST_YEAR

Order = Literal["ymd", "mdy", "dmy"]
"""How dates are written: year, month and day first, or with the year behind the others."""
ORDERS: tuple[Order, ...] = ("ymd", "mdy", "dmy")

TIME = r"[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.0+)?)?"
YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})" + TIME, re.ASCII)
YEAR_LAST = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})" + TIME, re.ASCII)
LONDON = "Europe/London"


class TwoDates(Unreadable):
    """The date can be read in two ways."""


class LocalTimes:
    """Reads times of one zone, whose dates are written in one order."""

    def __init__(self, zone: str = LONDON, order: Order = "ymd") -> None:
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnreadableFile(f"No zone is known as {zone}: name one as {LONDON}.") from None
        self._order = order
        # The rows of an invoice have one time, mostly.
        self._latest: tuple[str, datetime] = ("", datetime.min.replace(tzinfo=UTC))

    def moment(self, text: str, field: str) -> datetime:
        """In UTC; raises Unreadable."""
        said, moment = self._latest
        if text != said:
            moment = self._read(text, field)
            self._latest = text, moment
        return moment

    def _read(self, text: str, field: str) -> datetime:
        year, month, day, hour, minute, second = self._parts(text, field)
        try:
            local = datetime(year, month, day, hour, minute, second, tzinfo=self._zone)
        except ValueError:
            raise Unreadable(f"{field} is no date and time") from None
        if not EARLIEST_YEAR <= year <= LATEST_YEAR:
            raise Unreadable(f"{field} is no time of our age")
        return local.astimezone(UTC)

    def _parts(self, text: str, field: str) -> list[int]:
        if found := YEAR_FIRST.fullmatch(text):
            return [int(part or 0) for part in found.groups()]
        found = YEAR_LAST.fullmatch(text)
        if not found:
            raise Unreadable(f"{field} is no date and time")
        if self._order == "ymd":
            raise TwoDates(
                f"{field} begins with the month or with the day: say which, --dates mdy or dmy"
            )
        one, _, other, year, *time = found.groups()
        month, day = (one, other) if self._order == "mdy" else (other, one)
        return [int(part or 0) for part in (year, month, day, *time)]
