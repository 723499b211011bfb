"""The whole day, and carrying it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from commands.handling import Context
from commands.stock import ExpectStock
from consumers.files.file_lines import Progress
from consumers.files.importing import BATCH_COMMANDS, Write, command_id, refusal
from consumers.files.memory import Asked
from consumers.simulation.demo_day.floor import Floor
from consumers.simulation.demo_day.goods import PLACES, articles
from consumers.simulation.demo_day.stage import DAY, NAME, Stage
from consumers.simulation.demo_day.stockroom import Stockroom
from consumers.simulation.demo_day.trade import Trade

ORDERS = 1_500
CLOSING = command_id(NAME, "closing")
"""The id of the day's last command: once it is known, the day was played to its end."""


@dataclass(slots=True)
class DayReport:
    """How many commands the day had, and how many of them were refused, as some should be."""

    asked: int = 0
    refused: int = 0


def day(now: datetime, orders: int = ORDERS) -> Iterator[Asked]:
    """What is asked for on a day that ends now, in order. The same ids on every run."""
    stage = Stage(now - timedelta(seconds=DAY))
    goods = articles(stage.dice)
    Stockroom(stage, goods).plan()
    Trade(stage, Floor(stage), goods).plan(orders)
    yield from stage.play()
    tomorrow = ExpectStock(
        location=PLACES[0].location,
        sku=goods[0].sku,
        document="PO-TOMORROW",
        quantity=500,
        eta=now + timedelta(days=1),
    )
    yield (
        tomorrow,
        Context(
            command_id=CLOSING,
            actor="planner",
            correlation_id=f"{NAME}/closing",
            occurred_at=now,
            kept=True,
        ),
    )


def play(write: Write, now: datetime, progress: Progress, orders: int = ORDERS) -> DayReport:
    """Carry the day out, telling the minutes that have passed and how many it has."""
    report, batch = DayReport(), list[Asked]()
    for asked in day(now, orders):
        batch.append(asked)
        if len(batch) == BATCH_COMMANDS:
            _write(write, batch, report)
            progress(_minutes(batch, now), DAY // 60)
            batch = []
    _write(write, batch, report)
    progress(DAY // 60, DAY // 60)
    return report


def _write(write: Write, batch: list[Asked], report: DayReport) -> None:
    report.asked += len(batch)
    report.refused += sum(refusal(outcome) is not None for outcome in write(batch))


def _minutes(batch: list[Asked], now: datetime) -> int:
    at = batch[-1][1].occurred_at or now
    return DAY // 60 - int((now - at).total_seconds()) // 60
