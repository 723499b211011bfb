"""Units that lack a place, or wait at a poor one, are offered another."""

from datetime import timedelta

from commands.resourcing import SourceOrder, SourceWaiting
from consumers.reaction import Deadline, Sweep
from consumers.reactions.resourcing import RESOURCING
from domain.order.events import PickShort
from domain.sourcing_policy import LocationClosed, LocationRegistered
from domain.stock.events import StockItemDiscontinued, StockItemRegistered, StockReceived
from tests.consumers.reactions.specification import Case, specified
from tests.domain.order.histories import IN_PICK, line, placed, sourced
from tests.domain.stock.histories import NOW, UNLIMITED, backordered

resourcing = specified(RESOURCING)
LEEDS, YORK, ORDER = "stock-LEEDS-SKU1", "stock-YORK-SKU1", "order-o1"
IN_LEEDS, IN_YORK = (StockItemRegistered(sku="SKU1", location=name) for name in ("LEEDS", "YORK"))
SHORT = PickShort(fulfilment_id="F1", line=1, quantity=3)
AGAIN = Deadline(ORDER, NOW + timedelta(minutes=5))


def received(quantity: int) -> StockReceived:
    return StockReceived(quantity=quantity, document="po")


def places(channels: tuple[str, ...] = ()) -> Case:
    """Leeds and York carry the sku; nobody may wait there."""
    at_york = LocationRegistered(location="YORK", country="GB", channels=channels)
    made = resourcing().given("sourcing", LocationRegistered(location="LEEDS", country="GB"))
    return made.given("sourcing", at_york).given(LEEDS, IN_LEEDS).given(YORK, IN_YORK)


def queue() -> Case:
    """In Leeds o1 waits for two, o2 for three since earlier, o3 for one since later."""
    lines = backordered("o1", 2, minutes=5), backordered("o2", 3), backordered("o3", 1, minutes=9)
    return places().given(LEEDS, UNLIMITED, *lines)


def offer(order_id: str) -> SourceWaiting:
    return SourceWaiting(order_id=order_id, sku="SKU1")


def test_units_that_a_picker_did_not_find_are_looked_for_elsewhere() -> None:
    made = places().given(YORK, received(5)).given(ORDER, *IN_PICK)
    made.when(ORDER, SHORT).then(SourceOrder(order_id="o1"), AGAIN)


def test_who_finds_nothing_asks_again_later() -> None:
    made = places().given(ORDER, *IN_PICK).when(ORDER, SHORT)
    made.then(AGAIN)
    later = NOW + timedelta(minutes=7, seconds=12)
    made.given(YORK, received(5)).when_looked_at(ORDER, later)
    made.then(SourceOrder(order_id="o1"), Deadline(ORDER, NOW + timedelta(minutes=10)))


def test_an_order_with_a_place_for_each_unit_asks_for_nothing() -> None:
    places().given(YORK, received(5)).given(ORDER, *IN_PICK).when_looked_at(ORDER).then_nothing()


def test_units_that_become_free_are_offered_to_the_oldest_that_wait_elsewhere() -> None:
    queue().when(YORK, received(4)).then(offer("o2"), offer("o1"))
    queue().when(YORK, received(3)).then(offer("o2"))
    queue().when(YORK, received(9)).then(offer("o2"), offer("o1"), offer("o3"))


def test_those_that_wait_there_come_first() -> None:
    made = queue().given(YORK, UNLIMITED, backordered("o4", 4, minutes=30))
    made.when(YORK, received(4)).then_nothing()


def test_a_place_is_offered_only_to_those_that_it_serves() -> None:
    made = places(channels=("shop",)).given(LEEDS, UNLIMITED)
    for order_id, channel in (("o1", "web"), ("o2", "shop")):
        bought = placed(line(1, 1), channel=channel, shortage_policy="backorder")
        made.given(f"order-{order_id}", bought, sourced())
        made.given(LEEDS, backordered(order_id, 1))
    made.when(YORK, received(1)).then(offer("o2"))


def test_those_that_wait_at_a_closed_place_are_sourced_anew() -> None:
    made = queue().when("sourcing", LocationClosed(location="LEEDS", reason="x"))
    made.then(Sweep("stock-LEEDS-"))
    made.when_looked_at(LEEDS)
    made.then(*(SourceOrder(order_id=each) for each in ("o2", "o1", "o3")))


def test_so_are_those_that_wait_for_what_is_carried_no_more() -> None:
    made = queue().when(LEEDS, StockItemDiscontinued(reason="x"))
    made.then(*(SourceOrder(order_id=each) for each in ("o2", "o1", "o3")))
