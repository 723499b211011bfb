"""Finds another place for units that have none, or that wait where nobody will serve them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from commands.resourcing import SourceOrder, SourceWaiting
from consumers.reaction import Deadline, FollowUps, Reaction, Sweep, View
from domain.category import bare_id, category_name
from domain.decider import Recorded
from domain.order.events import LineUnsourced, PickShort
from domain.order.resourcing import waiting_policy
from domain.order.state import ORDER, Order
from domain.sourcing import eligible
from domain.sourcing_policy import (
    SOURCING_POLICY,
    Location,
    LocationChanged,
    LocationClosed,
    SourcingPolicy,
)
from domain.stock.events import (
    BackorderCancelled,
    ReservationReleased,
    StockAdjusted,
    StockAllocationReleased,
    StockCounted,
    StockItemDiscontinued,
    StockItemResumed,
    StockPolicyChanged,
    StockReceived,
    StockStateMoved,
)
from domain.stock.state import STOCK_ITEM, StockItem, owner_of
from domain.values import SOURCING_STREAM, order_stream, stock_stream

AGAIN = timedelta(minutes=5)
"""An order that lacks a source is in no queue: it is looked at so often until it has one."""


def react(recorded: Recorded, view: View) -> FollowUps:
    match recorded.event:
        case LocationClosed(location=location) | LocationChanged(location=location):
            return [Sweep(f"stock-{location}-")]
        case _:
            return look(recorded.stream_id, view, recorded.recorded_at)


def look(stream_id: str, view: View, now: datetime) -> FollowUps:
    if category_name(stream_id) == "order":
        return _look_at_order(stream_id, view, now)
    return _look_at_item(view.state(STOCK_ITEM, stream_id), view)


def _look_at_order(stream_id: str, view: View, now: datetime) -> Iterator[object]:
    order = view.state(ORDER, stream_id)
    skus = {line.sku for line in order.lines.values() if line.unsourced > 0}
    if not skus or order.status not in ("placed", "confirmed"):
        return
    if any(_may_find(order, sku, view) for sku in skus):
        yield SourceOrder(order_id=bare_id(stream_id))
    yield Deadline(stream_id, _next_round(now))


def _next_round(now: datetime) -> datetime:
    """All who look for a source are asked for at the same moments, once each."""
    begun = now.astimezone(UTC)
    passed = timedelta(minutes=begun.minute, seconds=begun.second, microseconds=begun.microsecond)
    return begun - passed % AGAIN + AGAIN


def _may_find(order: Order, sku: str, view: View) -> bool:
    """Whether some place that serves the order has units of it, or room to wait for them."""
    policy = view.state(SOURCING_POLICY, SOURCING_STREAM)
    waits = waiting_policy(order) == "backorder"
    for place in eligible(policy, order.channel, order.country)[0]:
        item = view.state(STOCK_ITEM, stock_stream(place.location, sku))
        if _free(item) > 0 or (waits and item.status == "active" and item.backorderable() != 0):
            return True
    return False


def _free(item: StockItem) -> int:
    """Units for others than those that wait here; reservations that are over count as held."""
    if item.status != "active":
        return 0
    return item.unallocated() - item.reserved - item.backordered


def _look_at_item(item: StockItem, view: View) -> Iterator[object]:
    policy = view.state(SOURCING_POLICY, SOURCING_STREAM)
    if not policy.is_open(item.location) or item.status == "discontinued":
        for order_id in dict.fromkeys(order_id for _, order_id, _ in _in_turn(item)):
            yield SourceOrder(order_id=order_id)
    elif (free := _free(item)) > 0:
        yield from _offered(item, free, policy, view)


def _offered(
    item: StockItem, free: int, policy: SourcingPolicy, view: View
) -> Iterator[SourceWaiting]:
    """To the oldest lines that wait for the sku elsewhere and may be served from here."""
    place = policy.locations[item.location]
    others = (each for each in policy.locations if each != item.location)
    items = [view.state(STOCK_ITEM, stock_stream(each, item.sku)) for each in others]
    offered = set()
    for _, order_id, quantity in sorted(line for other in items for line in _in_turn(other)):
        if free <= 0:
            return
        if not _serves(place, order_id, policy, view):
            continue
        free -= quantity
        if order_id not in offered:
            offered.add(order_id)
            yield SourceWaiting(order_id=order_id, sku=item.sku)


def _in_turn(item: StockItem) -> list[tuple[tuple[int, datetime], str, int]]:
    """Priority and time, order and units of the lines that wait at the item, the first ones
    first.
    """
    return sorted(
        ((-known.priority, known.placed_at), owner_of(key)[0], known.quantity)
        for key, known in item.backorders.items()
    )


def _serves(place: Location, order_id: str, policy: SourcingPolicy, view: View) -> bool:
    if not place.channels and not place.zones:
        return True
    order = view.state(ORDER, order_stream(order_id))
    return place in eligible(policy, order.channel, order.country)[0]


RESOURCING = Reaction(
    name="resourcing",
    about="finds another place for units that lack one, or that could come from elsewhere",
    events=(
        PickShort,
        LineUnsourced,
        LocationClosed,
        LocationChanged,
        StockReceived,
        StockAdjusted,
        StockCounted,
        StockStateMoved,
        StockPolicyChanged,
        StockItemResumed,
        StockItemDiscontinued,
        StockAllocationReleased,
        ReservationReleased,
        BackorderCancelled,
    ),
    react=react,
    look=look,
    sweeps=("stock-", "order-"),
    commands=(SourceOrder, SourceWaiting),
)
