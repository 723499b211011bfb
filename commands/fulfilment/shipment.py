"""Shipments on their way: dispatched, followed, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Receipt, Streams
from commands.on_order import decided, needs_order, stream_of
from domain.order import shipping
from domain.order.state import ORDER, Order
from domain.stock.displacement import youngest
from domain.stock.state import STOCK_ITEM
from domain.values import order_stream, stock_stream


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """The shipment leaves the location; its stock leaves the books."""

    order_id: str
    shipment_id: str
    carrier: str
    tracking: str | None = None
    forced: bool = False
    at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class RecordTracking:
    """Note what the carrier says."""

    order_id: str
    shipment_id: str
    status: str
    at: datetime
    location: str | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmDelivery:
    """The shipment reached the customer."""

    order_id: str
    shipment_id: str
    at: datetime | None = None
    proof: str | None = None


@dataclass(slots=True, kw_only=True)
class ReportReturnedToSender:
    """The carrier brought the shipment back."""

    order_id: str
    shipment_id: str
    reason: str
    at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ReportLost:
    """The carrier lost the shipment."""

    order_id: str
    shipment_id: str
    reason: str
    at: datetime | None = None


def dispatch(command: Dispatch, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(order: Order) -> list[object]:
        return shipping.dispatch(
            order,
            command.shipment_id,
            carrier=command.carrier,
            tracking=command.tracking,
            forced=command.forced,
            at=command.at or now,
            now=now,
        )

    return decided(command, streams, now, "dispatched", decide)


def record_tracking(
    command: RecordTracking, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return shipping.record_tracking(
            order, command.shipment_id, command.status, command.at, command.location, now
        )

    return decided(command, streams, now, "tracked", decide)


def confirm_delivery(
    command: ConfirmDelivery, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        at = command.at or now
        return shipping.confirm_delivery(order, command.shipment_id, at, command.proof, now)

    return decided(command, streams, now, "delivered", decide)


def report_returned(
    command: ReportReturnedToSender, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        at = command.at or now
        return shipping.report_returned(order, command.shipment_id, command.reason, at, now)

    return decided(command, streams, now, "returned-to-sender", decide, at=command.at)


def report_lost(command: ReportLost, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(order: Order) -> list[object]:
        at = command.at or now
        return shipping.report_lost(order, command.shipment_id, command.reason, at, now)

    return decided(command, streams, now, "lost", decide, at=command.at)


def _needs_dispatch(command: Dispatch, streams: Streams) -> Sequence[str]:
    """The stock that leaves; and if it is forced out, the orders it was promised to."""
    stream = stream_of(command)
    order = streams.state(ORDER, stream)
    shipment = order.shipments.get(command.shipment_id)
    if shipment is None:
        return [stream]
    units = sum(part.quantity for part in shipment.lines)
    names = {stock_stream(shipment.location, order.lines[part.line].sku) for part in shipment.lines}
    owners = {
        order_stream(owner)
        for name in names
        if command.forced
        for owner, _, _ in youngest(streams.state(STOCK_ITEM, name), 2 * units)
    }
    return [stream, *names, *owners]


HANDLERS: Handlers = {
    Dispatch: Handling(dispatch, _needs_dispatch, stream_of),
    RecordTracking: Handling(record_tracking, needs_order, stream_of),
    ConfirmDelivery: Handling(confirm_delivery, needs_order, stream_of),
    ReportReturnedToSender: Handling(report_returned, needs_order, stream_of),
    ReportLost: Handling(report_lost, needs_order, stream_of),
}
