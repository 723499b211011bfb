"""Work for the locations: given out, picked, packed, and looked at again."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.on_order import candidates, decided, needs_order, sourced_again, stream_of
from domain.order import fulfilling
from domain.order.resourcing import waiting_policy
from domain.order.state import ORDER, Order
from domain.sourcing import Demand
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock.state import STOCK_ITEM
from domain.values import SOURCING_STREAM, stock_stream


@dataclass(slots=True, kw_only=True)
class OpenFulfilmentOrders:
    """Give each location that holds allocated units of the order its work."""

    order_id: str
    fulfil_by: datetime | None = None


@dataclass(slots=True, kw_only=True)
class CancelFulfilmentOrder:
    """Take work back from a location before it is packed."""

    order_id: str
    fulfilment_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class StartPick:
    """Begin to pick; the picker is the caller unless named."""

    order_id: str
    fulfilment_id: str
    picker: str | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmPick:
    """Units were taken from the shelf; every scanned code must belong to the line's sku."""

    order_id: str
    fulfilment_id: str
    line: int
    quantity: int
    codes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ReportShort:
    """The shelf holds fewer units than promised; the rest is sourced again elsewhere."""

    order_id: str
    fulfilment_id: str
    line: int
    quantity: int


@dataclass(slots=True, kw_only=True)
class Pack:
    """Pack what was picked of a fulfilment order as one shipment."""

    order_id: str
    fulfilment_id: str
    parcels: int = 1
    packer: str | None = None


@dataclass(slots=True, kw_only=True)
class VerifyPack:
    """A second person checks the packed shipment."""

    order_id: str
    shipment_id: str
    verifier: str | None = None


def open_fulfilment_orders(
    command: OpenFulfilmentOrders, streams: Streams, context: Context, now: datetime
) -> Receipt:
    """The receipt lists all fulfilment orders that wait for a picker."""
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)

    def decide(order: Order) -> list[object]:
        return fulfilling.open_work(order, command.fulfil_by, policy.is_open)

    receipt = decided(command, streams, now, "opened", decide)
    works = streams.state(ORDER, receipt.stream_id).fulfilment_orders
    receipt.details["fulfilment_ids"] = [key for key, w in works.items() if w.status == "open"]
    return receipt


def cancel_fulfilment_order(
    command: CancelFulfilmentOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return fulfilling.cancel_work(order, command.fulfilment_id, command.reason)

    return decided(command, streams, now, "fulfilment-order-cancelled", decide)


def start_pick(command: StartPick, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(order: Order) -> list[object]:
        picker = command.picker or context.actor
        return fulfilling.start_pick(order, command.fulfilment_id, picker)

    return decided(command, streams, now, "picking", decide)


def confirm_pick(
    command: ConfirmPick, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        names = _shelf(command, order)
        known = [code for name in names for code in streams.state(STOCK_ITEM, name).codes]
        return fulfilling.confirm_pick(
            order, command.fulfilment_id, command.line, command.quantity, command.codes, known
        )

    return decided(command, streams, now, "picked", decide)


def report_short(
    command: ReportShort, streams: Streams, context: Context, now: datetime
) -> Receipt:
    """The missing units leave the location's books of what can be sold, and look elsewhere."""

    def decide(order: Order) -> list[object]:
        return fulfilling.report_short(order, command.fulfilment_id, command.line, command.quantity)

    def elsewhere(order: Order) -> list[object]:
        missing = Demand(command.line, order.lines[command.line].sku, command.quantity)
        location = order.fulfilment_orders[command.fulfilment_id].location
        shortage = waiting_policy(order)
        return [sourced_again(streams, order, [missing], (location,), shortage, now).decided]

    return decided(command, streams, now, "short", decide, elsewhere)


def pack(command: Pack, streams: Streams, context: Context, now: datetime) -> Receipt:
    """The receipt names the shipment."""

    def decide(order: Order) -> list[object]:
        packer = command.packer or context.actor
        return fulfilling.pack(order, command.fulfilment_id, command.parcels, packer)

    receipt = decided(command, streams, now, "packed", decide)
    shipments = streams.state(ORDER, receipt.stream_id).shipments.items()
    (receipt.details["shipment_id"],) = [
        key for key, shipment in shipments if shipment.fulfilment_id == command.fulfilment_id
    ]
    return receipt


def verify_pack(command: VerifyPack, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(order: Order) -> list[object]:
        return fulfilling.verify(order, command.shipment_id, command.verifier or context.actor)

    return decided(command, streams, now, "verified", decide)


def _shelf(command: ConfirmPick | ReportShort, order: Order) -> list[str]:
    """The stock item that the picker stands before, if there is one."""
    work = order.fulfilment_orders.get(command.fulfilment_id)
    if work is None or command.line not in work.lines:
        return []
    return [stock_stream(work.location, order.lines[command.line].sku)]


def _needs_places(command: OpenFulfilmentOrders, streams: Known) -> Rounds:
    yield SOURCING_STREAM, stream_of(command)


def _needs_shelf(command: ConfirmPick, streams: Known) -> Rounds:
    stream = stream_of(command)
    yield (stream,)
    yield _shelf(command, streams.state(ORDER, stream))


def _needs_sources(command: ReportShort, streams: Known) -> Rounds:
    stream = stream_of(command)
    yield (stream,)
    order = streams.state(ORDER, stream)
    line = order.lines.get(command.line)
    yield _shelf(command, order)
    yield from candidates(streams, order.channel, order.country, [line.sku] if line else [])


HANDLERS: Handlers = {
    OpenFulfilmentOrders: Handling(open_fulfilment_orders, _needs_places, stream_of),
    CancelFulfilmentOrder: Handling(cancel_fulfilment_order, needs_order, stream_of),
    StartPick: Handling(start_pick, needs_order, stream_of),
    ConfirmPick: Handling(confirm_pick, _needs_shelf, stream_of),
    ReportShort: Handling(report_short, _needs_sources, stream_of),
    Pack: Handling(pack, needs_order, stream_of),
    VerifyPack: Handling(verify_pack, needs_order, stream_of),
}
