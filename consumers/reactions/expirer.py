"""Records that the time of a reservation, or of an order that nobody paid, is over."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from commands.order import ExpireOrder
from commands.stock import ExpireReservations
from consumers.reaction import Deadline, FollowUps, Reaction, Sweep, View
from domain.category import bare_id, category_name
from domain.decider import Recorded
from domain.order.events import OrderPlaced
from domain.order.state import ORDER, Order
from domain.order_policy import ORDER_POLICY, ORDER_POLICY_STREAM, OrderPolicyChanged
from domain.stock.events import ReservationExtended, StockReserved
from domain.stock.state import STOCK_ITEM


def react(recorded: Recorded, view: View) -> FollowUps:
    match recorded.event:
        case StockReserved(expires_at=due) | ReservationExtended(expires_at=due):
            return [Deadline(recorded.stream_id, due)]
        case OrderPlaced() as placed if placed.payment_mode == "prepaid":
            return _unpaid_until(recorded, view)
        case OrderPolicyChanged(expire_unpaid_after=after) if after is not None:
            return [Sweep("order-")]
        case _:
            return []


def _unpaid_until(recorded: Recorded, view: View) -> Iterator[Deadline]:
    """Of an order of the past that is told today, the payment may be told next: its time begins
    when we heard of it.
    """
    after = view.state(ORDER_POLICY, ORDER_POLICY_STREAM).expire_unpaid_after
    if after is not None:
        yield Deadline(recorded.stream_id, recorded.recorded_at + timedelta(seconds=after))


def look(stream_id: str, view: View, now: datetime) -> FollowUps:
    if category_name(stream_id) == "order":
        return _look_at_order(stream_id, view, now)
    return _look_at_item(stream_id, view, now)


def _look_at_item(stream_id: str, view: View, now: datetime) -> Iterator[object]:
    item = view.state(STOCK_ITEM, stream_id)
    ends = sorted({each.expires_at for each in item.reservations.values()})
    if ends and ends[0] <= now:
        yield ExpireReservations(location=item.location, sku=item.sku)
    yield from (Deadline(stream_id, end) for end in ends if end > now)


def _look_at_order(stream_id: str, view: View, now: datetime) -> Iterator[object]:
    order = view.state(ORDER, stream_id)
    after = view.state(ORDER_POLICY, ORDER_POLICY_STREAM).expire_unpaid_after
    if after is None or order.placed_at is None or not _awaits_money(order):
        return
    due = order.placed_at + timedelta(seconds=after)
    if due <= now:
        yield ExpireOrder(order_id=bare_id(stream_id))
    else:
        yield Deadline(stream_id, due)


def _awaits_money(order: Order) -> bool:
    unpaid = order.payment_mode == "prepaid" and not order.payments and order.owed > 0
    return unpaid and order.status == "placed"


def quiet(view: View) -> tuple[type, ...]:
    """A new policy sweeps up all orders that were placed before it."""
    off = view.state(ORDER_POLICY, ORDER_POLICY_STREAM).expire_unpaid_after is None
    return (OrderPlaced,) if off else ()


EXPIRER = Reaction(
    name="expirer",
    about="ends reservations, and by policy orders that nobody paid, when their time is over",
    events=(StockReserved, ReservationExtended, OrderPlaced, OrderPolicyChanged),
    react=react,
    look=look,
    sweeps=("stock-", "order-"),
    commands=(ExpireReservations, ExpireOrder),
    quiet=quiet,
)
