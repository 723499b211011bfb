"""Between placing and picking: accept or refuse the order, hold it, close it."""

from datetime import datetime, timedelta

from domain.errors import (
    AlreadyExists,
    UnknownHold,
    WrongStatus,
)
from domain.order.cancelling import rest_cancelled
from domain.order.events import (
    HoldPlaced,
    HoldReleased,
    OrderCompleted,
    OrderConfirmed,
    OrderExpired,
    OrderRejected,
)
from domain.order.guards import check_known, check_status
from domain.order.state import Order
from domain.values import check_name, check_text

UNPAID = "unpaid"


def confirm(order: Order) -> list[object]:
    if order.status == "confirmed":
        return []
    check_status(order, "placed")
    return [OrderConfirmed()]


def reject(order: Order, reason: str) -> list[object]:
    if order.status == "rejected":
        return []
    check_status(order, "placed")
    check_text(reason, "reason")
    return [*rest_cancelled(order, reason), OrderRejected(reason=reason)]


def expire(order: Order, after: int | None, now: datetime) -> list[object]:
    """Give up an order that was to be paid in advance, and was not within so many seconds."""
    if order.status == "expired":
        return []
    check_status(order, "placed")
    since = order.placed_at
    if order.payment_mode != "prepaid" or order.payments or not order.owed or since is None:
        raise WrongStatus("Only what is to be paid in advance, and is not at all, expires.")
    if after is None:
        raise WrongStatus("The order policy lets no order expire.")
    due = since + timedelta(seconds=after)
    if now < due:
        raise WrongStatus("The order may still be paid.", due=due)
    return [*rest_cancelled(order, UNPAID), OrderExpired(unpaid_since=since)]


def place_hold(order: Order, hold_id: str, reason: str, scope: str) -> list[object]:
    check_status(order, "placed", "confirmed")
    check_name(hold_id, "hold_id")
    check_text(reason, "reason")
    check_name(scope, "scope")
    known = order.holds.get(hold_id)
    if known is None:
        return [HoldPlaced(hold_id=hold_id, reason=reason, scope=scope)]
    if known != reason:
        raise AlreadyExists("This hold exists already, for another reason.", hold_id=hold_id)
    return []


def release_hold(order: Order, hold_id: str) -> list[object]:
    check_known(order)
    if hold_id not in order.holds:
        raise UnknownHold(hold_id=hold_id)
    return [HoldReleased(hold_id=hold_id)]


def complete(order: Order) -> list[object]:
    """Close the order: every line has come to its end, and what is kept was paid or is on account.

    Money that went back was given back by somebody: it makes no new debt.
    """
    if order.status == "completed":
        return []
    check_status(order, "confirmed")
    unsettled = [line.line for line in order.lines.values() if not line.settled]
    if unsettled:
        raise WrongStatus("Some lines have not come to their end.", lines=unsettled)
    if order.payment_mode != "on_account" and order.captured < order.kept:
        raise WrongStatus("The order is not paid.", owed=order.kept - order.captured)
    return [OrderCompleted()]
