"""Who waits where units are free is served."""

from commands.stock import FillBackorders
from consumers.reaction import Sweep
from consumers.reactions.backorder_filler import BACKORDER_FILLER
from domain.sourcing_policy import LocationChanged, LocationClosed, LocationRegistered
from domain.stock.events import (
    ReservationReleased,
    StockBackordered,
    StockItemSuspended,
    StockReceived,
)
from tests.consumers.reactions.specification import Case, specified
from tests.domain.stock.histories import NOW, REGISTERED, UNLIMITED, backordered, reserved

filler = specified(BACKORDER_FILLER)
STOCK = "stock-LEEDS-85123A"
FILL = FillBackorders(location="LEEDS", sku="85123A")
RECEIVED = StockReceived(quantity=5, document="po")
OPEN = LocationRegistered(location="LEEDS", country="GB")
WAITING: StockBackordered = backordered("o1", 3)


def waiting() -> Case:
    return filler().given("sourcing", OPEN).given(STOCK, REGISTERED, UNLIMITED, WAITING)


def test_units_that_came_are_for_those_that_wait() -> None:
    waiting().when(STOCK, RECEIVED).then(FILL)


def test_nobody_waits() -> None:
    filler().given("sourcing", OPEN).given(STOCK, REGISTERED).when(STOCK, RECEIVED).then_nothing()


def test_nothing_is_free() -> None:
    held = waiting().given(STOCK, RECEIVED, reserved("r1", 4), reserved("r2", 1))
    held.when_looked_at(STOCK).then_nothing()
    ended = ReservationReleased(reservation_id="r2", quantity=1, reason="expired")
    held.when(STOCK, ended).then(FILL)


def test_nobody_is_served_where_nothing_may_be_promised() -> None:
    waiting().given(STOCK, StockItemSuspended(reason="x")).when(STOCK, RECEIVED).then_nothing()
    closed = LocationClosed(location="LEEDS", reason="x")
    waiting().given("sourcing", closed).when(STOCK, RECEIVED).then_nothing()


def test_a_place_that_opens_again_is_swept() -> None:
    reopened = LocationChanged(location="LEEDS", country="GB")
    waiting().given(STOCK, RECEIVED).when("sourcing", reopened).then(Sweep("stock-LEEDS-"))
    waiting().given(STOCK, RECEIVED).when_looked_at(STOCK, NOW).then(FILL)
