"""Alerts: one for each crossing in each direction, recorded with what caused it."""

from datetime import datetime

from domain.stock.events import (
    BackInStock,
    LowStockCleared,
    LowStockReached,
    OutOfStock,
    ReorderSuggested,
)
from domain.stock.state import StockItem


def alerts(item: StockItem, now: datetime) -> list[object]:
    """What the item's last events crossed; nothing when asked again."""
    available = item.available(now)
    found: list[object] = []
    if available == 0:
        if not item.out_of_stock:
            found.append(OutOfStock())
    elif item.out_of_stock:
        found.append(BackInStock(available=available))
    if item.reorder_point is not None or item.low_stock:
        found += _low_stock(item, item.reorder_point, available)
    return found


def _low_stock(item: StockItem, threshold: int | None, available: int) -> list[object]:
    if item.low_stock:
        if threshold is None or available >= _clear_of(threshold):
            return [LowStockCleared(threshold=threshold or 0, available=available)]
        return []
    still_out = item.out_of_stock and available == 0
    if threshold is None or available > threshold or still_out:
        return []
    reached = LowStockReached(threshold=threshold, available=available)
    quantity = item.reorder_quantity
    return [reached, ReorderSuggested(quantity=quantity)] if quantity else [reached]


def _clear_of(threshold: int) -> int:
    """A little above the reorder point, so that one unit to and fro raises no alerts."""
    return threshold + max(1, threshold // 10)
