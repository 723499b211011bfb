"""An order that names reservations: their units become its own, before those that wait (S9)."""

from datetime import timedelta

from commands.stock import ReserveStock, SetStockPolicy
from domain.errors import InsufficientStock, Invalid, ReferenceReused
from domain.stock.events import ReservationReleased, StockAllocated
from domain.stock.state import STOCK_ITEM
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.shop import (
    LEEDS,
    ORDER_ID,
    YORK,
    allocated,
    an_order,
    ask,
    order_of,
    receive,
    refused,
    trade,
    written,
)
from tests.domain.stock.histories import NOW, SOON


def reserve(log: MemoryLog, quantity: int, location: str = "LEEDS", key: str = "cart-7") -> None:
    reservation = ReserveStock(
        location=location,
        sku="lamp",
        reservation_id=key,
        owner="cart",
        quantity=quantity,
        expires_at=SOON,
    )
    ask(log, reservation)


def ended(quantity: int, reason: str, key: str = "cart-7") -> ReservationReleased:
    return ReservationReleased(reservation_id=key, quantity=quantity, reason=reason)


def on_items(events: list[tuple[str, object]]) -> list[tuple[str, object]]:
    kinds = ReservationReleased | StockAllocated
    return [(stock, event) for stock, event in events if isinstance(event, kinds)]


def test_the_last_unit_in_a_cart_becomes_the_order_of_that_cart() -> None:
    log = trade(LEEDS=1)
    reserve(log, 1)
    refused(log, an_order(1), InsufficientStock, available={"lamp": 0})
    placed = written(log, an_order(1, reservations=("cart-7",)))
    assert on_items(placed) == [(LEEDS, ended(1, "converted")), (LEEDS, allocated(1, 1))]
    assert log.state(STOCK_ITEM, LEEDS).reservations == {}


def test_it_stands_before_those_that_wait() -> None:
    log = trade(LEEDS=2)
    ask(log, SetStockPolicy(location="LEEDS", sku="lamp", backorder_limit=9))
    reserve(log, 2)
    ask(log, an_order(5, order_id="b", reference="b", shortage_policy="backorder"))
    ask(log, an_order(2, reservations=("cart-7",)))
    item = log.state(STOCK_ITEM, LEEDS)
    assert (item.allocations, item.backordered) == ({f"{ORDER_ID}/1": 2}, 5)


def test_its_place_comes_first_and_what_is_left_is_released() -> None:
    log = trade(LEEDS=9, YORK=9)
    reserve(log, 4, "YORK")
    placed = on_items(written(log, an_order(1, 2, reservations=("cart-7",))))
    assert placed == [
        (YORK, ended(3, "converted")),
        (YORK, ended(1, "replaced")),
        (YORK, allocated(1, 1)),
        (YORK, allocated(2, 2)),
    ]


def test_where_it_cannot_be_used_it_is_replaced_too() -> None:
    log = trade(LEEDS=9, YORK=9)
    reserve(log, 1, "YORK")
    reserve(log, 1, "LEEDS")
    placed = on_items(written(log, an_order(1, reservations=("cart-7",))))
    assert sorted(
        event.reason for _, event in placed if isinstance(event, ReservationReleased)
    ) == [
        "converted",
        "replaced",
    ]
    assert sum(order_of(log).lines[1].allocated.values()) == 1


def test_one_that_is_over_or_unknown_promises_nothing() -> None:
    log = trade(LEEDS=1)
    reserve(log, 1)
    order = an_order(1, reservations=("cart-7", "cart-9"))
    log.handle(order, CONTEXT, NOW + timedelta(days=1))
    assert order_of(log).lines[1].allocated == {"LEEDS": 1}
    reasons = [e.reason for e in log.events(LEEDS) if isinstance(e, ReservationReleased)]
    assert reasons == ["expired"]


def test_a_refused_order_leaves_the_reservation() -> None:
    log = trade(LEEDS=1)
    reserve(log, 1)
    refused(log, an_order(2, reservations=("cart-7",)), InsufficientStock)
    assert log.state(STOCK_ITEM, LEEDS).reserved == 1


def test_a_repeat_names_the_same_reservations() -> None:
    log = trade(LEEDS=3)
    reserve(log, 1)
    ask(log, an_order(1, reservations=("cart-7",)))
    receive(log, 5)
    assert not ask(log, an_order(1, reservations=("cart-7",))).changed
    refused(log, an_order(1), ReferenceReused)
    refused(log, an_order(1, reservations=("cart-8",)), ReferenceReused)


def test_what_is_no_reservation_is_refused() -> None:
    log = trade(LEEDS=3)
    refused(log, an_order(1, reservations=(" ",)), Invalid, field="reservations")
    refused(log, an_order(1, reservations=("r",) * 2_001), Invalid, field="reservations")
