"""Shipments on their way: dispatched, followed, and what became of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.on_order import decided, needs_order, stream_of
from domain.errors import UnknownStockItem
from domain.order import exceptions, shipping
from domain.order.state import ORDER, Order
from domain.order_policy import ORDER_POLICY, ORDER_POLICY_STREAM
from domain.stock.displacement import youngest
from domain.stock.state import STOCK_ITEM
from domain.values import LineQuantity, check_location, order_stream, stock_stream


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
class DispatchCancelled:
    """Units that were cancelled left a location all the same; whoever tells it packed them, unless
    somebody is named.
    """

    order_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    carrier: str
    tracking: str | None = None
    packer: str | None = None
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
    policy = streams.state(ORDER_POLICY, ORDER_POLICY_STREAM)

    def decide(order: Order) -> list[object]:
        return shipping.dispatch(
            order,
            command.shipment_id,
            carrier=command.carrier,
            tracking=command.tracking,
            forced=command.forced,
            at=command.at or now,
            now=now,
            needs_payment=policy.dispatch_needs_payment,
        )

    return decided(command, streams, now, "dispatched", decide)


def dispatch_cancelled(
    command: DispatchCancelled, streams: Streams, context: Context, now: datetime
) -> Receipt:
    """The receipt names the shipment and the exception."""

    def decide(order: Order) -> list[object]:
        events = exceptions.dispatch_cancelled(
            order,
            location=command.location,
            lines=command.lines,
            carrier=command.carrier,
            tracking=command.tracking,
            packer=command.packer or context.actor,
            at=command.at or now,
            now=now,
        )
        _check_carried(command, order, streams)
        return events

    receipt = decided(command, streams, now, "dispatched", decide)
    order = streams.state(ORDER, receipt.stream_id)
    receipt.details["shipment_id"] = list(order.shipments)[-1]
    receipt.details["exception_id"] = list(order.exceptions)[-1]
    return receipt


def _check_carried(command: DispatchCancelled, order: Order, streams: Streams) -> None:
    for part in command.lines:
        sku = order.lines[part.line].sku
        if streams.state(STOCK_ITEM, stock_stream(command.location, sku)).status == "none":
            raise UnknownStockItem(location=command.location, sku=sku)


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


def _needs_dispatch(command: Dispatch, streams: Known) -> Rounds:
    """The policy and the stock that leaves; if it is forced out, the orders it was promised to."""
    stream = stream_of(command)
    yield stream, ORDER_POLICY_STREAM
    order = streams.state(ORDER, stream)
    shipment = order.shipments.get(command.shipment_id)
    if shipment is not None:
        yield from _leaving(order, shipment.location, shipment.lines, streams, command.forced)


def _needs_cancelled(command: DispatchCancelled, streams: Known) -> Rounds:
    check_location(command.location)
    stream = stream_of(command)
    yield (stream,)
    order = streams.state(ORDER, stream)
    known = [part for part in command.lines if part.line in order.lines]
    yield from _leaving(order, command.location, known, streams, True)


def _leaving(
    order: Order, location: str, lines: Iterable[LineQuantity], streams: Known, forced: bool
) -> Rounds:
    """The stock that leaves; and if it is forced out, the orders it was promised to."""
    units: dict[str, int] = {}
    for part in lines:
        name = stock_stream(location, order.lines[part.line].sku)
        units[name] = units.get(name, 0) + part.quantity
    yield units
    if forced:
        items, most = [streams.state(STOCK_ITEM, name) for name in units], 2 * sum(units.values())
        yield {order_stream(owner) for item in items for owner, *_ in youngest(item, most)}


HANDLERS: Handlers = {
    Dispatch: Handling(dispatch, _needs_dispatch, stream_of),
    DispatchCancelled: Handling(dispatch_cancelled, _needs_cancelled, stream_of),
    RecordTracking: Handling(record_tracking, needs_order, stream_of),
    ConfirmDelivery: Handling(confirm_delivery, needs_order, stream_of),
    ReportReturnedToSender: Handling(report_returned, needs_order, stream_of),
    ReportLost: Handling(report_lost, needs_order, stream_of),
}
