"""The location that carries the file's skus, and the ids under which its commands are known."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from commands.location import RegisterLocation
from commands.stock import RegisterStockItem, SetStockPolicy
from consumers.files.importing import Job, asked, refusal
from consumers.files.memory import Asked, Outcome
from consumers.files.online_retail.sorting import Sorted

CHANNEL = "online-retail"
LOCATION = "UK1"
HOME = "GB"


def step(
    command: object,
    *parts: object,
    actor: str,
    subject: str,
    at: datetime,
    former: UUID | None = None,
) -> Asked:
    said = (CHANNEL, *parts)
    return asked(
        command, *said, actor=actor, channel=CHANNEL, subject=subject, at=at, former=former
    )


class Setup:
    """Lets the location carry what has not been seen before. Keeps one name per sku."""

    def __init__(self, actor: str) -> None:
        self._actor = actor
        # Whether it has a title by now.
        self._carried: dict[str, bool] = {}

    def needed(self, found: Sorted) -> Iterator[Job]:
        """Before anything else of an invoice. A refusal means that it is carried already.

        What was first met in a correction, which tells no title, gets that of its first sale.
        """
        for row in found.sale:
            if not row.charge:
                yield from self._carry(row.code, row.description, row.at)
        for row in found.corrected:
            yield from self._carry(row.code, "", row.at)

    def _carry(self, sku: str, title: str, at: datetime) -> Iterator[Job]:
        if not self._carried:
            place = RegisterLocation(location=LOCATION, country=HOME, channels=(CHANNEL,))
            yield self._job(place, "location", LOCATION, subject=LOCATION, at=at)
        if self._carried.get(sku):
            return
        new = sku not in self._carried
        self._carried[sku] = bool(title)
        if new or title:
            item = RegisterStockItem(location=LOCATION, sku=sku, title=title)
            yield self._job(item, "titled" if title else "sku", sku, subject=sku, at=at)
        if new:
            policy = SetStockPolicy(location=LOCATION, sku=sku, backorder_limit=None)
            yield self._job(policy, "policy", sku, subject=sku, at=at)

    def _job(self, command: object, *parts: str, subject: str, at: datetime) -> Job:
        return Job([step(command, *parts, actor=self._actor, subject=subject, at=at)], _settled)


def _settled(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        refusal(outcome)
