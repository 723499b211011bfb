"""What the history tells: counters are the sums of what is owned, whatever else is recorded."""

from domain.stock.events import (
    BackorderCancelled,
    BackorderFilled,
    ReservationReleased,
    StockAllocationReleased,
    StockShipped,
)
from domain.stock.state import STOCK_ITEM
from tests.domain.stock.histories import NOW, REGISTERED, allocated, backordered, reserved, stocked


def test_a_forced_shipment_ends_no_promise_but_its_own() -> None:
    forced = StockShipped(order_id="o1", line=1, quantity=5, shipment_id="s", forced=True)
    item = STOCK_ITEM.fold(stocked(4, allocated("o1", 1), allocated("o2", 2), forced))
    assert (item.on_hand, item.allocated, item.allocations) == (-1, 2, {"o2/1": 2})


def test_what_nobody_owns_ends_without_a_trace() -> None:
    strays = [
        ReservationReleased(reservation_id="r1", quantity=1, reason="expired"),
        StockAllocationReleased(order_id="o1", line=1, quantity=1, reason="cancelled"),
        BackorderCancelled(order_id="o1", line=1, quantity=1, reason="cancelled"),
    ]
    assert STOCK_ITEM.fold([REGISTERED, *strays]) == STOCK_ITEM.fold([REGISTERED])


def test_a_promise_that_is_over_leaves_the_map() -> None:
    item = STOCK_ITEM.fold(
        stocked(
            4,
            reserved("r1", 1),
            ReservationReleased(reservation_id="r1", quantity=1, reason="cancelled"),
            backordered("o1", 2),
            BackorderFilled(order_id="o1", line=1, quantity=2),
            StockShipped(order_id="o1", line=1, quantity=2, shipment_id="s"),
        )
    )
    assert (item.reservations, item.backorders, item.allocations) == ({}, {}, {})
    assert (item.reserved, item.backordered, item.allocated, item.available(NOW)) == (0, 0, 0, 2)
