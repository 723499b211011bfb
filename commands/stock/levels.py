"""Units that arrive, go missing or spoil, and the order lines that this serves or displaces."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Receipt, Streams
from commands.stock.on_item import Decision, OnItem, decided, needs_item, stream_of
from domain.order.state import ORDER
from domain.stock import levels
from domain.stock.displacement import OrderFacts, missing, youngest
from domain.stock.events import State
from domain.stock.guards import check_registered
from domain.stock.promising import due_releases, fill_backorders, fills
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import order_stream


@dataclass(slots=True, kw_only=True)
class ExpectStock:
    """A document announces units; the same document again replaces what it said."""

    location: str
    sku: str
    document: str
    quantity: int
    eta: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ReceiveStock:
    """Units arrived; up to 100 waiting order lines are filled in the same append."""

    location: str
    sku: str
    quantity: int
    document: str
    unit_cost: int | None = None
    currency: str | None = None
    lot: str | None = None


@dataclass(slots=True, kw_only=True)
class FillBackorders:
    """Fill the next 100 waiting order lines from what is available."""

    location: str
    sku: str


@dataclass(slots=True, kw_only=True)
class AdjustStock:
    """Correct the books by a number of units, for a reason."""

    location: str
    sku: str
    delta: int
    reason: str
    reference: str | None = None


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
    command: OnItem, streams: Streams, now: datetime, outcome: str, decide: Decision
) -> Receipt:
    """Serves the next lines in the queue; the receipt says how many of them wait on."""
    receipt = decided(
        command,
        streams,
        now,
        outcome,
        decide,
        lambda item: due_releases(item, now),
        lambda item: fill_backorders(item, now),
    )
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

    return decided(command, streams, now, "adjusted", decide)


def count_stock(command: CountStock, streams: Streams, context: Context, now: datetime) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return levels.count(
            item,
            counted=command.counted,
            version=streams.version(stream_of(command)),
            counted_at_version=command.counted_at_version,
            orders=_orders(streams, now),
        )

    return decided(command, streams, now, "counted", decide)


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

    return decided(command, streams, now, "moved", decide)


def _orders(streams: Streams, now: datetime) -> OrderFacts:
    def facts(order_id: str) -> tuple[datetime, int]:
        order = streams.state(ORDER, order_stream(order_id))
        return order.placed_at or now, order.priority

    return facts


def _needs_served(command: ReceiveStock | FillBackorders, streams: Streams) -> list[str]:
    """The orders next in turn, as if no reservation took any unit before them."""
    stream = stream_of(command)
    item = streams.state(STOCK_ITEM, stream)
    arriving = command.quantity if isinstance(command, ReceiveStock) else 0
    free = item.on_hand - item.allocated - sum(item.unavailable.values()) - item.safety_stock
    return _with_orders(stream, (event.order_id for event in fills(item, free + arriving)))


def _needs_displaced(
    command: AdjustStock | CountStock | MoveStockState, streams: Streams
) -> list[str]:
    """The orders whose promises would give way."""
    stream = stream_of(command)
    item = streams.state(STOCK_ITEM, stream)
    match command:
        case AdjustStock(delta=delta):
            lacking = missing(item, on_hand=item.on_hand + min(0, delta))
        case CountStock(counted=counted):
            lacking = missing(item, on_hand=counted)
        case MoveStockState(quantity=quantity):
            lacking = missing(item, on_hand=item.on_hand, set_aside=quantity)
    return _with_orders(stream, (order_id for order_id, _, _ in youngest(item, lacking)))


def _with_orders(stream: str, order_ids: Iterable[str]) -> list[str]:
    return [stream, *dict.fromkeys(order_stream(order_id) for order_id in order_ids)]


HANDLERS: Handlers = {
    ExpectStock: Handling(expect_stock, needs_item, stream_of),
    ReceiveStock: Handling(receive_stock, _needs_served, stream_of),
    FillBackorders: Handling(fill_next_backorders, _needs_served, stream_of),
    AdjustStock: Handling(adjust_stock, _needs_displaced, stream_of),
    CountStock: Handling(count_stock, _needs_displaced, stream_of),
    MoveStockState: Handling(move_stock_state, _needs_displaced, stream_of),
}
