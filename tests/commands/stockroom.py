"""A stockroom with orders on it: both sides of every promise, as placing an order leaves them."""

from datetime import datetime, timedelta

from domain.order.events import OrderLine, OrderPlaced, SourcingDecided, Totals
from domain.order.state import ORDER, Order
from domain.sourcing_policy import LocationRegistered
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import SOURCING_STREAM, LineShare, order_stream, stock_stream
from tests.commands.memory import MemoryLog
from tests.domain.stock.histories import NOW, REGISTERED, allocated, backordered

LOCATION, SKU = "LEEDS", "85123A"
STOCK = stock_stream(LOCATION, SKU)


def opened(log: MemoryLog) -> MemoryLog:
    """The location exists and carries the sku."""
    log.given(SOURCING_STREAM, LocationRegistered(location=LOCATION, country="GB"))
    return log.given(STOCK, REGISTERED)


def item_of(log: MemoryLog) -> StockItem:
    return log.state(STOCK_ITEM, STOCK)


def order_of(log: MemoryLog, order_id: str) -> Order:
    return log.state(ORDER, order_stream(order_id))


def placed(
    order_id: str, quantity: int, placed_at: datetime = NOW, priority: int = 0
) -> OrderPlaced:
    """One line of the sku."""
    return OrderPlaced(
        channel="web",
        reference=order_id,
        customer_id=None,
        country="GB",
        postal_area=None,
        currency="GBP",
        lines=(OrderLine(line=1, sku=SKU, quantity=quantity, unit_price=100),),
        totals=Totals(goods=100 * quantity, charges=0, discount=0, tax=0, total=100 * quantity),
        payment_mode="prepaid",
        shortage_policy="backorder",
        fingerprint="",
        placed_at=placed_at,
        priority=priority,
    )


def sourced(allocated: int, backordered: int) -> SourcingDecided:
    def share(quantity: int) -> tuple[LineShare, ...]:
        return (LineShare(line=1, location=LOCATION, quantity=quantity),) if quantity else ()

    return SourcingDecided(
        allocations=share(allocated),
        backorders=share(backordered),
        candidates=(LOCATION,),
        filtered_out=(),
        trace=(),
        policy_version=1,
        splits=1,
    )


def promised(
    log: MemoryLog, order_id: str, quantity: int, *, minutes: int = 0, priority: int = 0
) -> MemoryLog:
    """An order that was given so many units."""
    order = placed(order_id, quantity, NOW + timedelta(minutes=minutes), priority)
    log.given(order_stream(order_id), order, sourced(quantity, 0))
    return log.given(STOCK, allocated(order_id, quantity))


def waiting(
    log: MemoryLog, order_id: str, quantity: int, *, minutes: int = 0, priority: int = 0
) -> MemoryLog:
    """An order that waits for so many units."""
    order = placed(order_id, quantity, NOW + timedelta(minutes=minutes), priority)
    log.given(order_stream(order_id), order, sourced(0, quantity))
    return log.given(STOCK, backordered(order_id, quantity, minutes=minutes, priority=priority))
