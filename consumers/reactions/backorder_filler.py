"""Serves those that wait at an item where units are free, a hundred lines at a time."""

from collections.abc import Iterator
from datetime import datetime

from commands.stock import FillBackorders
from consumers.reaction import FollowUps, Reaction, Sweep, View
from domain.decider import Recorded
from domain.sourcing_policy import SOURCING_POLICY, LocationChanged
from domain.stock.events import (
    BackorderCancelled,
    BackorderFilled,
    ReservationReleased,
    StockAdjusted,
    StockAllocationReleased,
    StockCounted,
    StockItemResumed,
    StockPolicyChanged,
    StockReceived,
    StockStateMoved,
)
from domain.stock.state import STOCK_ITEM
from domain.values import SOURCING_STREAM


def look(stream_id: str, view: View, now: datetime) -> Iterator[object]:
    """Reservations that are over count as held: their end is an event that frees them."""
    item = view.state(STOCK_ITEM, stream_id)
    free = item.unallocated() - item.reserved
    if not item.backorders or free <= 0 or item.status != "active":
        return
    if view.state(SOURCING_POLICY, SOURCING_STREAM).is_open(item.location):
        yield FillBackorders(location=item.location, sku=item.sku)


def react(recorded: Recorded, view: View) -> FollowUps:
    """A place that serves again, served nobody by that."""
    if isinstance(recorded.event, LocationChanged):
        return [Sweep(f"stock-{recorded.event.location}-")]
    return look(recorded.stream_id, view, recorded.recorded_at)


BACKORDER_FILLER = Reaction(
    name="backorder-filler",
    about="serves order lines that wait where units are free",
    events=(
        StockReceived,
        StockAdjusted,
        StockCounted,
        StockStateMoved,
        StockPolicyChanged,
        StockItemResumed,
        ReservationReleased,
        StockAllocationReleased,
        BackorderCancelled,
        BackorderFilled,
        LocationChanged,
    ),
    react=react,
    look=look,
    sweeps=("stock-",),
    commands=(FillBackorders,),
)
