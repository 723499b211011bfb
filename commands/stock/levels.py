"""Units that arrive, go missing or spoil, and the order lines that this serves or displaces."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.serving import needs_in_turn
from commands.stock.on_item import Decision, decided, needs_item, stream_of
from domain.order.state import ORDER
from domain.stock import levels
from domain.stock.displacement import OrderFacts, missing, youngest
from domain.stock.events import State
from domain.stock.guards import check_registered
from domain.stock.promising import due_releases
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import order_stream


@dataclass(slots=True, kw_only=True)
class ExpectStock:
    """A document states how many units come under it in all; 0 withdraws what is still to come."""

    location: str
    sku: str
    document: str
    quantity: int
    eta: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ReceiveStock:
    """Units arrived; the first lines that wait for them are served in the same append."""

    location: str
    sku: str
    quantity: int
    document: str
    unit_cost: int | None = None
    currency: str | None = None
    lot: str | None = None


@dataclass(slots=True, kw_only=True)
class FillBackorders:
    """Serve the next 100 waiting order lines from what is available."""

    location: str
    sku: str


@dataclass(slots=True, kw_only=True)
class AdjustStock:
    """Correct the books by a number of units, for a reason.

    With `opens_balance` the units that it takes beyond those on hand were there before the books
    knew of any, and are recorded first: nobody is served from what the correction takes away.
    """

    location: str
    sku: str
    delta: int
    reason: str
    reference: str | None = None
    opens_balance: bool = False


@dataclass(slots=True, kw_only=True)
class CountStock:
    """Somebody counted; stale when stock moved since version `counted_at_version`."""

    location: str
    sku: str
    counted: int
    counted_at_version: int | None = None


@dataclass(slots=True, kw_only=True)
class MoveStockState:
    """Move units between sellable and one of the states that cannot be sold."""

    location: str
    sku: str
    from_state: State
    to_state: State
    quantity: int
    reason: str


def expect_stock(
    command: ExpectStock, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.expect(
            item, document=command.document, quantity=command.quantity, eta=command.eta
        )

    return decided(command, streams, now, "expected", decide)


def receive_stock(
    command: ReceiveStock, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.receive(
            item,
            quantity=command.quantity,
            document=command.document,
            unit_cost=command.unit_cost,
            currency=command.currency,
            lot=command.lot,
        )

    return _filling(command, streams, now, "received", decide)


def fill_next_backorders(
    command: FillBackorders, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        check_registered(item)
        return []

    return _filling(command, streams, now, "filled", decide)


def _filling(
    command: ReceiveStock | FillBackorders,
    streams: Streams,
    now: datetime,
    outcome: str,
    decide: Decision,
) -> Receipt:
    """The receipt says how many lines wait on."""
    due: Decision = lambda item: due_releases(item, now)  # noqa: E731
    gain = _gain(command, streams)
    receipt = decided(command, streams, now, outcome, decide, due, gain=gain)
    receipt.details["waiting"] = len(streams.state(STOCK_ITEM, receipt.stream_id).backorders)
    return receipt


def adjust_stock(
    command: AdjustStock, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.adjust(
            item,
            delta=command.delta,
            reason=command.reason,
            reference=command.reference,
            orders=_orders(streams, now),
        )

    def opened(item: StockItem) -> list[object]:
        return levels.open_balance(item, _opening(command, item))

    gain = _gain(command, streams)
    return decided(command, streams, now, "adjusted", opened, decide, gain=gain)


def count_stock(command: CountStock, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.count(
            item,
            counted=command.counted,
            version=streams.version(stream_of(command)),
            counted_at_version=command.counted_at_version,
            orders=_orders(streams, now),
        )

    gain = _gain(command, streams)
    return decided(command, streams, now, "counted", decide, gain=gain)


def move_stock_state(
    command: MoveStockState, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.move_state(
            item,
            from_state=command.from_state,
            to_state=command.to_state,
            quantity=command.quantity,
            reason=command.reason,
            orders=_orders(streams, now),
        )

    return decided(command, streams, now, "moved", decide, gain=_gain(command, streams))


def _opening(command: AdjustStock, item: StockItem) -> int:
    """Units that must have been there before."""
    return max(0, -item.on_hand - command.delta) if command.opens_balance else 0


def _orders(streams: Streams, now: datetime) -> OrderFacts:
    def facts(order_id: str) -> tuple[datetime, int]:
        order = streams.state(ORDER, order_stream(order_id))
        return order.placed_at or now, order.priority

    return facts


Moving = ReceiveStock | FillBackorders | AdjustStock | CountStock | MoveStockState


def _gain(command: Moving, streams: Known) -> int:
    """Units that become free at most."""
    match command:
        case ReceiveStock(quantity=quantity):
            return quantity
        case AdjustStock(delta=delta):
            return delta + _opening(command, streams.state(STOCK_ITEM, stream_of(command)))
        case CountStock(counted=counted):
            return counted - streams.state(STOCK_ITEM, stream_of(command)).on_hand
        case MoveStockState(to_state="sellable", quantity=quantity):
            return quantity
        case _:
            return 0


def _needs_served(command: Moving, streams: Known) -> Rounds:
    stream = stream_of(command)
    yield (stream,)
    yield from needs_in_turn(streams, {stream: _gain(command, streams)})


def _needs_displaced(command: AdjustStock | CountStock | MoveStockState, streams: Known) -> Rounds:
    """The orders whose promises would give way, besides those that may be served."""
    yield from _needs_served(command, streams)
    item = streams.state(STOCK_ITEM, stream_of(command))
    match command:
        case AdjustStock(delta=delta):
            on_hand = item.on_hand + _opening(command, item) + min(0, delta)
            lacking = missing(item, on_hand=on_hand)
        case CountStock(counted=counted):
            lacking = missing(item, on_hand=counted)
        case MoveStockState(quantity=quantity):
            lacking = missing(item, on_hand=item.on_hand, set_aside=quantity)
    yield list(dict.fromkeys(order_stream(each) for each, _, _ in youngest(item, lacking)))


HANDLERS: Handlers = {
    ExpectStock: Handling(expect_stock, needs_item, stream_of),
    ReceiveStock: Handling(receive_stock, _needs_served, stream_of),
    FillBackorders: Handling(fill_next_backorders, _needs_served, stream_of),
    AdjustStock: Handling(adjust_stock, _needs_displaced, stream_of),
    CountStock: Handling(count_stock, _needs_displaced, stream_of),
    MoveStockState: Handling(move_stock_state, _needs_displaced, stream_of),
}
