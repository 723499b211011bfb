"""Small histories of one item, for tests to begin with."""

from datetime import UTC, datetime, timedelta

from domain.stock.events import (
    StockAllocated,
    StockBackordered,
    StockItemRegistered,
    StockPolicyChanged,
    StockReceived,
    StockReserved,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
LATER = NOW + timedelta(hours=1)
BEFORE = NOW - timedelta(seconds=1)

REGISTERED = StockItemRegistered(sku="85123A", location="LEEDS", title="Lantern")
UNLIMITED = StockPolicyChanged(backorder_limit=None)


def stocked(quantity: int, *more: object) -> list[object]:
    """Registered, and so many units received."""
    return [REGISTERED, StockReceived(quantity=quantity, document="po-1"), *more]


def allocated(order_id: str, quantity: int, line: int = 1) -> StockAllocated:
    return StockAllocated(order_id=order_id, line=line, quantity=quantity)


def backordered(
    order_id: str, quantity: int, line: int = 1, minutes: int = 0, priority: int = 0
) -> StockBackordered:
    """Waiting since so many minutes after the beginning."""
    return StockBackordered(
        order_id=order_id,
        line=line,
        quantity=quantity,
        placed_at=NOW + timedelta(minutes=minutes),
        priority=priority,
    )


def reserved(reservation_id: str, quantity: int, expires_at: datetime = SOON) -> StockReserved:
    return StockReserved(
        reservation_id=reservation_id, owner="cart-1", quantity=quantity, expires_at=expires_at
    )
