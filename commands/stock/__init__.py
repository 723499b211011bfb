"""What may be asked of one sku at one location.

items           carry it, its codes and policy, suspend and discontinue it
levels          expect, receive, adjust, count and move units; serve the order lines that wait
reservations    promise units softly, for a while, and let that end
"""

from commands.handling import Handlers
from commands.stock import items, levels, reservations
from commands.stock.items import (
    DiscontinueStockItem,
    RegisterStockItem,
    ResumeStockItem,
    SetStockCodes,
    SetStockPolicy,
    SetStockTitle,
    SuspendStockItem,
)
from commands.stock.levels import (
    AdjustStock,
    CountStock,
    ExpectStock,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
)
from commands.stock.reservations import (
    ExpireReservations,
    ExtendReservation,
    ReleaseReservation,
    ReserveStock,
)

__all__ = [
    "HANDLERS",
    "AdjustStock",
    "CountStock",
    "DiscontinueStockItem",
    "ExpectStock",
    "ExpireReservations",
    "ExtendReservation",
    "FillBackorders",
    "MoveStockState",
    "ReceiveStock",
    "RegisterStockItem",
    "ReleaseReservation",
    "ReserveStock",
    "ResumeStockItem",
    "SetStockCodes",
    "SetStockPolicy",
    "SetStockTitle",
    "SuspendStockItem",
]

HANDLERS: Handlers = {**items.HANDLERS, **levels.HANDLERS, **reservations.HANDLERS}
