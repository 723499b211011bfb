from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from commands.fulfilment import ReportShort
from commands.handling import Answer
from commands.order import PlaceOrder, RejectOrder
from consumers.files.importing import BATCH_COMMANDS
from consumers.files.memory import Asked, Outcome
from consumers.simulation.demo_day import CLOSING, DayReport, day, play
from consumers.simulation.demo_day.dice import Dice
from consumers.simulation.demo_day.rehearsal import Rehearsal
from domain.errors import InsufficientStock
from domain.order.state import Order
from domain.stock.state import StockItem

NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)
ORDERS = 250
SCENES = {
    *("OrderPlaced", "OrderConfirmed", "OrderCancelled", "LineQuantityCancelled"),
    *("HoldPlaced", "HoldReleased", "PaymentCaptured", "RefundSucceeded"),
    *("FulfilmentOrderOpened", "PickStarted", "ItemsPicked", "ShipmentPacked", "PackVerified"),
    *("ShipmentDispatched", "TrackingUpdated", "ShipmentDelivered", "OrderCompleted"),
    *("StockReceived", "StockExpected", "StockBackordered", "BackorderFilled", "StockReserved"),
    *("ReservationExtended", "ReservationReleased", "StockCounted", "StockAdjusted"),
    *("StockStateMoved", "OutOfStock", "BackInStock", "LowStockReached", "ReorderSuggested"),
}


@dataclass
class House:
    """Carries the day out a second time, apart from its rehearsal."""

    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    batches: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    refused: list[object] = field(default_factory=list)

    def __call__(self, batch: Sequence[Asked]) -> Sequence[Outcome]:
        self.batches.append(len(batch))
        self.asked.extend(batch)
        return [self._one(asked) for asked in batch]

    def _one(self, asked: Asked) -> Outcome:
        receipt = self.rehearsal.carry_out(*asked)
        if receipt is None:
            self.refused.append(asked[0])
            return InsufficientStock()
        return Answer(receipt, b"")

    def states(self, kind: type) -> list[object]:
        return [state for state in self.rehearsal._states.values() if isinstance(state, kind)]

    @property
    def events(self) -> list[object]:
        return [event for events in self.rehearsal._events.values() for event in events]


@dataclass
class Played:
    """The day as it was carried out."""

    house: House = field(default_factory=House)
    progress: list[tuple[int, int]] = field(default_factory=list)
    report: DayReport = field(init=False)

    def __post_init__(self) -> None:
        self.report = play(self.house, NOW, lambda *told: self.progress.append(told), ORDERS)


@pytest.fixture(scope="module")
def played() -> Played:
    return Played()


def test_the_day_is_the_same_every_time(played: Played) -> None:
    assert list(day(NOW, ORDERS)) == played.house.asked


def test_on_another_date_the_ids_are_the_same() -> None:
    def ids(now: datetime) -> list[UUID]:
        return [context.command_id for _, context in day(now, 20)]

    assert ids(NOW) == ids(NOW + timedelta(days=100))


def test_time_only_goes_forward_and_ends_now(played: Played) -> None:
    times = [context.occurred_at or NOW for _, context in played.house.asked]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (NOW - timedelta(hours=10), NOW)


def test_every_command_has_an_id_of_its_own_that_is_kept(played: Played) -> None:
    contexts = [context for _, context in played.house.asked]
    assert len({context.command_id for context in contexts}) == len(contexts)
    assert all(context.kept for context in contexts)
    assert contexts[-1].command_id == CLOSING


def test_all_that_may_happen_on_a_day_happens(played: Played) -> None:
    assert SCENES - {type(event).__name__ for event in played.house.events} == set()


def test_all_channels_trade_and_all_shortage_policies_meet_a_shortage(played: Played) -> None:
    orders = [order for order in played.house.states(Order) if isinstance(order, Order)]
    assert {order.channel for order in orders if order.status != "none"} == {
        *("web", "marketplace", "phone", "wholesale", "edi")
    }
    refused = [c for c in played.house.refused if isinstance(c, PlaceOrder)]
    assert "reject" in {command.shortage_policy for command in refused}
    short = Counter(
        order.shortage_policy
        for order in orders
        if any(line.cancelled or line.backordered for line in order.lines.values())
    )
    assert {"partial", "backorder"} <= short.keys()


def test_only_few_are_refused(played: Played) -> None:
    report = played.report
    assert report.asked == len(played.house.asked)
    assert 0 < report.refused == len(played.house.refused) < ORDERS // 5
    assert {type(command).__name__ for command in played.house.refused} <= {
        *("PlaceOrder", "ReserveStock")
    }


def test_the_shelves_are_never_oversold(played: Played) -> None:
    for item in played.house.states(StockItem):
        assert isinstance(item, StockItem)
        assert item.on_hand >= item.allocated + sum(item.unavailable.values())


def test_nobody_is_named_in_an_event(played: Played) -> None:
    named = {
        said
        for command, _ in played.house.asked
        if isinstance(command, PlaceOrder)
        for contact in (command.contacts or {}).values()
        for said in (contact.name, contact.email, contact.phone, contact.street)
    }
    story = "\n".join(map(repr, played.house.events))
    assert len(named) > ORDERS
    assert [said for said in named if said is None or said in story] == []


def test_progress_ends_with_the_day_and_batches_are_bounded(played: Played) -> None:
    assert max(played.house.batches) <= BATCH_COMMANDS
    assert played.progress == sorted(played.progress)
    assert played.progress[-1] == (600, 600)


def test_over_a_whole_day_shelves_lack_units_and_orders_are_refused() -> None:
    kinds = {type(command) for command, _ in day(NOW)}
    assert {ReportShort, RejectOrder} <= kinds


def test_dice_of_one_seed_throw_the_same_and_fairly() -> None:
    first, second = Dice("seed"), Dice("seed")
    throws = [first.below(6) for _ in range(6_000)]
    assert throws == [second.below(6) for _ in range(6_000)]
    assert all(900 < count < 1_100 for count in Counter(throws).values())
    assert throws[:100] != [Dice("other").below(6) for _ in range(100)]
