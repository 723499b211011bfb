"""Between placing and picking: accept or refuse the order, hold it, source it again, close it."""

from domain.errors import (
    AlreadyExists,
    InsufficientStock,
    NoEligibleLocation,
    UnknownHold,
    WrongStatus,
)
from domain.order.cancelling import rest_cancelled
from domain.order.events import (
    HoldPlaced,
    HoldReleased,
    OrderCompleted,
    OrderConfirmed,
    OrderRejected,
)
from domain.order.guards import check_known, check_status
from domain.order.state import Order
from domain.sourcing import Demand, Sourcing
from domain.values import ShortagePolicy, check_name, check_text


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


def unsourced(order: Order) -> list[Demand]:
    """The units that have no source, for sourcing to look again."""
    return [
        Demand(line.line, line.sku, line.unsourced)
        for line in order.lines.values()
        if line.unsourced
    ]


def waiting_policy(order: Order) -> ShortagePolicy:
    """An accepted order waits rather than be refused; but a customer of parts was never to wait."""
    return "partial" if order.shortage_policy == "partial" else "backorder"


def source_again(order: Order, sourcing: Sourcing) -> list[object]:
    """Bind units that had no source; those that find none stay without."""
    check_status(order, "placed", "confirmed")
    decided = sourcing.decided
    if not decided.candidates:
        raise NoEligibleLocation(
            filtered_out={out.location: out.why for out in decided.filtered_out}
        )
    if not decided.allocations and not decided.backorders:
        raise InsufficientStock(available=sourcing.available)
    return [decided]
