"""Closes orders whose last line came to its end, where the policy says so."""

from collections.abc import Iterator
from datetime import datetime

from commands.order import CompleteOrder
from consumers.reaction import FollowUps, Reaction, Sweep, View
from domain.category import bare_id
from domain.decider import Recorded
from domain.errors import OrdinalError
from domain.order.changing import complete
from domain.order.events import (
    LineQuantityCancelled,
    OrderConfirmed,
    PaymentCaptured,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentReturnedToSender,
)
from domain.order.state import ORDER, Order
from domain.order_policy import ORDER_POLICY, ORDER_POLICY_STREAM, OrderPolicyChanged


def look(stream_id: str, view: View, now: datetime) -> Iterator[object]:
    policy = view.state(ORDER_POLICY, ORDER_POLICY_STREAM)
    if policy.complete_by_itself and _at_its_end(view.state(ORDER, stream_id)):
        yield CompleteOrder(order_id=bare_id(stream_id))


def _at_its_end(order: Order) -> bool:
    try:
        return bool(complete(order))
    except OrdinalError:
        return False


def react(recorded: Recorded, view: View) -> FollowUps:
    if isinstance(recorded.event, OrderPolicyChanged):
        return [Sweep("order-")] if recorded.event.complete_by_itself else []
    return look(recorded.stream_id, view, recorded.recorded_at)


def quiet(view: View) -> tuple[type, ...]:
    """A new policy sweeps up all that happened before it."""
    off = not view.state(ORDER_POLICY, ORDER_POLICY_STREAM).complete_by_itself
    return EVENTS if off else ()


EVENTS = (
    OrderConfirmed,
    LineQuantityCancelled,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentReturnedToSender,
    PaymentCaptured,
    OrderPolicyChanged,
)
COMPLETION = Reaction(
    name="completion",
    about="closes orders whose last line came to its end, by policy",
    events=EVENTS,
    react=react,
    look=look,
    sweeps=("order-",),
    commands=(CompleteOrder,),
    quiet=quiet,
)
