"""A shop with a lamp in two locations, and orders for it."""

from typing import Any

import pytest

from commands import HANDLERS
from commands.handling import Receipt
from commands.location import RegisterLocation
from commands.order import PlaceOrder, RequestedLine
from commands.stock import ReceiveStock, RegisterStockItem
from domain.errors import DomainError
from domain.order.state import ORDER, Order
from domain.stock.events import StockAllocated
from domain.values import order_id_of, order_stream, stock_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.domain.stock.histories import NOW

ORDER_ID = order_id_of("web", "R1")
STREAM = order_stream(ORDER_ID)


def trade(**stock: int) -> MemoryLog:
    """Leeds and York, with so many units of the sku `lamp` each."""
    log = MemoryLog(HANDLERS)
    for location in stock:
        ask(log, RegisterLocation(location=location, country="GB"))
        ask(log, RegisterStockItem(location=location, sku="lamp", codes=("5012345",)))
        receive(log, stock[location], location)
    return log


def receive(log: MemoryLog, quantity: int, location: str = "LEEDS", sku: str = "lamp") -> None:
    if quantity:
        ask(log, ReceiveStock(location=location, sku=sku, quantity=quantity, document="po"))


def ask(log: MemoryLog, command: object) -> Receipt:
    return log.handle(command, CONTEXT, NOW)


def lamps(*quantities: int) -> tuple[RequestedLine, ...]:
    return tuple(RequestedLine(sku="lamp", quantity=n, unit_price=100) for n in quantities)


def an_order(*quantities: int, **more: Any) -> PlaceOrder:
    facts: dict[str, Any] = {
        "order_id": ORDER_ID,
        "channel": "web",
        "reference": "R1",
        "currency": "GBP",
        "country": "GB",
        "lines": lamps(*quantities),
    }
    return PlaceOrder(**(facts | more))


def order_of(log: MemoryLog) -> Order:
    return log.state(ORDER, STREAM)


def written(log: MemoryLog, command: object) -> list[tuple[str, object]]:
    """What this one command recorded, by stream."""
    before = len(log.recorded)
    ask(log, command)
    return log.recorded[before:]


def refused(log: MemoryLog, command: object, error: type[DomainError], **details: object) -> None:
    before = list(log.recorded)
    with pytest.raises(error) as found:
        ask(log, command)
    assert type(found.value) is error
    assert {key: found.value.details.get(key) for key in details} == details
    assert log.recorded == before


LEEDS, YORK = stock_stream("LEEDS", "lamp"), stock_stream("YORK", "lamp")


def allocated(line: int, quantity: int) -> StockAllocated:
    return StockAllocated(order_id=ORDER_ID, line=line, quantity=quantity)
