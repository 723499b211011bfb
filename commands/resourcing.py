"""Choosing again where an order's units come from."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.on_order import candidates, decided, sourced_again, stream_of
from domain.order import resourcing
from domain.order.events import LineUnsourced
from domain.order.guards import check_known
from domain.order.state import ORDER, Order
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock.state import STOCK_ITEM
from domain.values import SOURCING_STREAM, stock_stream


@dataclass(slots=True, kw_only=True)
class SourceOrder:
    """Choose locations again: for units that have no source, and for those that wait where they
    shall not be served, at excluded places, closed ones and where the sku is discontinued.
    """

    order_id: str
    excluded: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class SourceWaiting:
    """Give the order what is free anywhere of a sku that it waits for; what is not there waits on.

    Right at any time: nobody is passed over who waits at that place.
    """

    order_id: str
    sku: str


def source_order(
    command: SourceOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        check_known(order)
        taken = _taken_back(command, streams, order)
        demands = resourcing.demands(order, taken)
        if not demands:
            return []
        shortage = resourcing.waiting_policy(order)
        sourcing = sourced_again(streams, order, demands, command.excluded, shortage, now)
        return resourcing.source_again(order, sourcing, taken)

    return decided(command, streams, now, "sourced", decide)


def source_waiting(
    command: SourceWaiting, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        check_known(order)
        demands = resourcing.waiting(order, command.sku)
        if not demands:
            return []
        return resourcing.offered(order, sourced_again(streams, order, demands, (), "partial", now))

    return decided(command, streams, now, "sourced", decide)


def _taken_back(command: SourceOrder, streams: Known, order: Order) -> list[LineUnsourced]:
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)

    def ended(location: str, sku: str) -> bool:
        return streams.state(STOCK_ITEM, stock_stream(location, sku)).status == "discontinued"

    return resourcing.taken_back(
        order,
        excluded=command.excluded,
        closed=lambda location: not policy.is_open(location),
        ended=ended,
    )


def _needs_order(command: SourceOrder, streams: Known) -> Rounds:
    """The places that hold what may be taken back, and all that may serve it instead."""
    stream = stream_of(command)
    yield stream, SOURCING_STREAM
    order = streams.state(ORDER, stream)
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    yield [
        stock_stream(place, line.sku)
        for line in order.lines.values()
        for place in (*line.backordered, *line.allocated)
        if place in line.backordered or not policy.is_open(place)
    ]
    demands = resourcing.demands(order, _taken_back(command, streams, order))
    skus = [demand.sku for demand in demands]
    yield from candidates(streams, order.channel, order.country, skus, command.excluded)


def _needs_waiting(command: SourceWaiting, streams: Known) -> Rounds:
    stream = stream_of(command)
    yield stream, SOURCING_STREAM
    order = streams.state(ORDER, stream)
    demands = resourcing.waiting(order, command.sku)
    lines = [order.lines[demand.line] for demand in demands]
    yield [stock_stream(place, line.sku) for line in lines for place in line.backordered]
    skus = [line.sku for line in lines]
    yield from candidates(streams, order.channel, order.country, skus)


HANDLERS: Handlers = {
    SourceOrder: Handling(source_order, _needs_order, stream_of),
    SourceWaiting: Handling(source_waiting, _needs_waiting, stream_of),
}
