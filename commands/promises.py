"""The stock side of what an order decides, written in the same append."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from commands.handling import Streams
from domain.order.events import SourcingDecided
from domain.order.state import Order
from domain.stock.alerts import alerts
from domain.stock.promising import allocate, backorder, due_releases
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import stock_stream


class StockAt:
    """What the stock items of a command's streams can promise at this moment."""

    __slots__ = ("_now", "_state")

    def __init__(self, streams: Streams, now: datetime) -> None:
        self._state, self._now = streams.state, now

    def available(self, location: str, sku: str) -> int | None:
        item = self._state(STOCK_ITEM, f"stock-{location}-{sku}")
        return item.available(self._now) if item.status == "active" else None

    def backorderable(self, location: str, sku: str) -> int | None:
        return self._state(STOCK_ITEM, f"stock-{location}-{sku}").backorderable()


def promise_stock(
    streams: Streams, order_id: str, order: Order, decided: SourcingDecided, now: datetime
) -> None:
    """Write the promises of a sourcing decision to the stock they were made from."""
    touched: dict[str, StockItem] = {}
    for share in decided.allocations:
        name = stock_stream(share.location, order.lines[share.line].sku)
        item = _touch(streams, touched, name, now)
        streams.append(name, allocate(item, order_id, share.line, share.quantity, now))
    for share in decided.backorders:
        name = stock_stream(share.location, order.lines[share.line].sku)
        item = _touch(streams, touched, name, now)
        since = order.placed_at or now
        streams.append(
            name, backorder(item, order_id, share.line, share.quantity, since, order.priority)
        )
    alert(streams, touched, now)


def _touch(streams: Streams, touched: dict[str, StockItem], name: str, now: datetime) -> StockItem:
    item = touched.get(name)
    if item is None:
        item = touched[name] = streams.state(STOCK_ITEM, name)
        if item.reservations:
            streams.append(name, due_releases(item, now))
    return item


def alert(streams: Streams, touched: Mapping[str, StockItem], now: datetime) -> None:
    for name, item in touched.items():
        crossed = alerts(item, now)
        if crossed:
            streams.append(name, crossed)


def stock_streams(locations: Iterable[str], skus: Iterable[str]) -> list[str]:
    return [f"stock-{location}-{sku}" for location in locations for sku in skus]
