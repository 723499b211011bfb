"""What life does against the plan: it is taken down as it is, and listed until somebody looked."""

from collections.abc import Iterable
from datetime import datetime

from domain.errors import Invalid, UnknownOrderException, WrongStatus
from domain.order.events import (
    ExceptionKind,
    FulfilmentOrderOpened,
    ItemsPicked,
    LineReinstated,
    OrderExceptionClosed,
    OrderExceptionFlagged,
    ShipmentDispatched,
    ShipmentPacked,
)
from domain.order.guards import check_known, line_of
from domain.order.state import Order
from domain.values import (
    LineQuantity,
    check_happened,
    check_location,
    check_quantity,
    check_text,
)

SHIPPED_ANYWAY = "shipped-anyway"


def flagged(order: Order, kind: ExceptionKind, shipment_id: str | None = None) -> object:
    """The next exception of the order."""
    return OrderExceptionFlagged(
        exception_id=f"X{len(order.exceptions) + 1}", kind=kind, shipment_id=shipment_id
    )


def close_exception(order: Order, exception_id: str, reason: str) -> list[object]:
    """Somebody looked at it, and says what was done."""
    check_known(order)
    check_text(reason, "reason")
    known = order.exceptions.get(exception_id)
    if known is None:
        raise UnknownOrderException(exception_id=exception_id)
    if not known.open:
        return []
    return [OrderExceptionClosed(exception_id=exception_id, reason=reason)]


def dispatch_cancelled(
    order: Order,
    *,
    location: str,
    lines: Iterable[LineQuantity],
    carrier: str,
    tracking: str | None,
    packer: str,
    at: datetime,
    now: datetime,
) -> list[object]:
    """Units that were cancelled left a location all the same: their demand is back, and fulfilled.

    The location gets the work that it has done already, so that the shipment is one like others.
    """
    check_known(order)
    check_location(location)
    check_text(carrier, "carrier")
    check_text(packer, "packer")
    if tracking is not None:
        check_text(tracking, "tracking")
    check_happened(at, "at", since=order.placed_at, now=now)
    parts = _cancelled_parts(order, lines)
    fulfilment_id = f"F{len(order.fulfilment_orders) + 1}"
    shipment_id = f"S{len(order.shipments) + 1}"
    return [
        *(
            LineReinstated(
                line=part.line, location=location, quantity=part.quantity, cause=SHIPPED_ANYWAY
            )
            for part in parts
        ),
        FulfilmentOrderOpened(fulfilment_id=fulfilment_id, location=location, lines=parts),
        *(
            ItemsPicked(fulfilment_id=fulfilment_id, line=part.line, quantity=part.quantity)
            for part in parts
        ),
        ShipmentPacked(
            shipment_id=shipment_id,
            fulfilment_id=fulfilment_id,
            location=location,
            lines=parts,
            parcels=1,
            packer=packer,
        ),
        ShipmentDispatched(
            shipment_id=shipment_id,
            location=location,
            lines=parts,
            carrier=carrier,
            tracking=tracking,
            forced=True,
            at=at,
        ),
        flagged(order, "dispatched-after-cancellation", shipment_id),
    ]


def _cancelled_parts(order: Order, lines: Iterable[LineQuantity]) -> tuple[LineQuantity, ...]:
    wanted: dict[int, int] = {}
    for number, part in enumerate(lines, start=1):
        check_quantity(part.quantity, f"lines.{number}.quantity")
        line = line_of(order, part.line)
        if line.kind != "stock":
            raise Invalid("A charge cannot be sent.", field=f"lines.{number}.line")
        wanted[part.line] = wanted.get(part.line, 0) + part.quantity
        if wanted[part.line] > line.cancelled:
            raise WrongStatus(
                f"Of line {part.line}, {line.cancelled} units are cancelled.",
                line=part.line,
                cancelled=line.cancelled,
            )
    if not wanted:
        raise Invalid("Name at least one line.", field="lines")
    return tuple([LineQuantity(line=line, quantity=units) for line, units in wanted.items()])
