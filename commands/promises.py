"""The stock side of what an order decided, written in the same append.

An order says what it promised, cancelled, missed and shipped; whatever it says, the stock items say
too, so that the promises of both always agree.
"""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from datetime import datetime

from commands.handling import Streams
from commands.serving import serve, tell_orders
from domain.order.events import (
    LineAllocated,
    LineQuantityCancelled,
    LineReinstated,
    LineUnsourced,
    PickShort,
    ShipmentDispatched,
    SourcingDecided,
)
from domain.order.shipping import FORCED
from domain.order.state import ORDER, Order
from domain.stock.alerts import alerts
from domain.stock.displacement import displaced
from domain.stock.events import StockAllocated, StockShipped, StockStateMoved
from domain.stock.promising import (
    allocate,
    backorder,
    cancel_backorder,
    convert,
    due_releases,
    release,
    ship,
)
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import LineShare, order_stream, stock_stream

SHORT_PICK = "short-pick"


class StockAt:
    """What the stock items of a command's streams can promise to new demand at this moment."""

    __slots__ = ("_now", "_reservations", "_state")

    def __init__(self, streams: Streams, now: datetime, reservations: Sequence[str] = ()) -> None:
        self._state, self._now = streams.state, now
        self._reservations = frozenset(reservations)

    def available(self, location: str, sku: str) -> int | None:
        item = self._state(STOCK_ITEM, f"stock-{location}-{sku}")
        if item.status != "active":
            return None
        unclaimed = item.unclaimed(self._now)
        return unclaimed + self.reserved(location, sku) if self._reservations else unclaimed

    def reserved(self, location: str, sku: str) -> int:
        item = self._state(STOCK_ITEM, f"stock-{location}-{sku}")
        return item.convertible(self._reservations, self._now)

    def backorderable(self, location: str, sku: str) -> int | None:
        return self._state(STOCK_ITEM, f"stock-{location}-{sku}").backorderable()


class StockSide:
    """Writes to the stock items what an order's events mean for them."""

    __slots__ = ("_ahead", "_gone", "_items", "_now", "_order", "_order_id", "_streams")

    def __init__(self, streams: Streams, order_id: str, order: Order, now: datetime) -> None:
        self._streams, self._order_id, self._order, self._now = streams, order_id, order, now
        self._items: dict[str, StockItem] = {}
        self._gone: set[int] = set()
        self._ahead: dict[str, int] = {}

    def convert(self, reservations: Sequence[str], decided: SourcingDecided) -> None:
        """Wherever these reservations could have served the order, they are over now."""
        wanted = self._wanted(decided)
        for location, sku in self._candidates(decided):
            held = self._streams.state(STOCK_ITEM, stock_stream(location, sku)).reservations
            if held.keys().isdisjoint(reservations):
                continue
            name, item = self._item_at(location, sku)
            ahead = item.convertible(reservations, self._now)
            units = min(ahead, wanted.get(name, 0))
            self._streams.append(name, convert(item, reservations, units, self._now))
            self._ahead[name] = ahead

    def _candidates(self, decided: SourcingDecided) -> list[tuple[str, str]]:
        goods = [line for line in self._order.lines.values() if line.kind == "stock"]
        skus = dict.fromkeys(line.sku for line in goods)
        return [(location, sku) for location in decided.candidates for sku in skus]

    def _wanted(self, decided: SourcingDecided) -> dict[str, int]:
        wanted: dict[str, int] = {}
        for share in decided.allocations:
            name = stock_stream(share.location, self._order.lines[share.line].sku)
            wanted[name] = wanted.get(name, 0) + share.quantity
        return wanted

    def follow(self, events: Iterable[object]) -> None:
        for event in events:
            match event:
                case SourcingDecided():
                    self._promised(event)
                case LineUnsourced():
                    self._unsourced(event)
                case LineQuantityCancelled():
                    self._cancelled(event)
                case PickShort():
                    self._short(event)
                case LineAllocated(cause=cause) if cause == FORCED:
                    self._forced(event)
                case LineReinstated():
                    self._reinstated(event)
                case ShipmentDispatched():
                    self._shipped(event)
                case _:
                    pass

    def finish(self, queued: Mapping[str, Sized]) -> None:
        """At the end of a command: serve who is next in turn, then say what was crossed."""
        for name, in_turn in queued.items():
            if name in self._items:
                serve(self._streams, name, len(in_turn), self._now)
        for name, item in self._items.items():
            crossed = alerts(item, self._now)
            if crossed:
                self._streams.append(name, crossed)

    def _promised(self, event: SourcingDecided) -> None:
        for share in event.allocations:
            name, item = self._item(share.line, share.location)
            ahead = self._ahead.get(name, 0)
            promised = allocate(item, self._order_id, share.line, share.quantity, self._now, ahead)
            self._streams.append(name, promised)
            if ahead:
                self._ahead[name] = max(0, ahead - share.quantity)
        for share in event.backorders:
            self._waits(share)

    def _waits(self, share: LineShare) -> None:
        name, item = self._item(share.line, share.location)
        placed_at, priority = self._order.placed_at or self._now, self._order.priority
        waits = backorder(item, self._order_id, share.line, share.quantity, placed_at, priority)
        self._streams.append(name, waits)

    def _cancelled(self, event: LineQuantityCancelled) -> None:
        for share in event.allocated:
            name, item = self._item(share.line, share.location)
            freed = release(item, self._order_id, share.line, share.quantity, event.reason)
            self._streams.append(name, freed)
        for share in event.backordered:
            self._waits_no_more(share, event.reason)

    def _unsourced(self, event: LineUnsourced) -> None:
        if event.promise == "backordered":
            self._waits_no_more(event, event.cause)
            return
        name, item = self._item(event.line, event.location)
        freed = release(item, self._order_id, event.line, event.quantity, event.cause)
        self._streams.append(name, freed)

    def _waits_no_more(self, share: LineShare | LineAllocated | LineUnsourced, reason: str) -> None:
        name, item = self._item(share.line, share.location)
        gone = cancel_backorder(item, self._order_id, share.line, share.quantity, reason)
        self._streams.append(name, gone)

    def _short(self, event: PickShort) -> None:
        """Units that a picker did not find are free of this order, but not for the next one."""
        location = self._order.fulfilment_orders[event.fulfilment_id].location
        name, item = self._item(event.line, location)
        moved = StockStateMoved(
            from_state="sellable", to_state="other", quantity=event.quantity, reason=SHORT_PICK
        )
        freed = release(item, self._order_id, event.line, event.quantity, SHORT_PICK)
        self._streams.append(name, [*freed, moved])

    def _forced(self, event: LineAllocated) -> None:
        self._waits_no_more(event, FORCED)

    def _reinstated(self, event: LineReinstated) -> None:
        """Units that are gone already: the promise is made whatever the books have, and kept."""
        name, _ = self._item(event.line, event.location)
        units = StockAllocated(order_id=self._order_id, line=event.line, quantity=event.quantity)
        self._streams.append(name, [units])
        self._gone.add(event.line)

    def _shipped(self, event: ShipmentDispatched) -> None:
        shipment_id, forced = event.shipment_id, event.forced
        for part in event.lines:
            name, item = self._item(part.line, event.location)
            gone = ship(item, self._order_id, part.line, part.quantity, shipment_id, forced)
            if part.line in self._gone:
                gone = [replace(x, forced=True) for x in gone if isinstance(x, StockShipped)]
            self._streams.append(name, gone, at=event.at)
            if forced:
                self._displace(name, item, event.location)

    def _displace(self, name: str, item: StockItem, location: str) -> None:
        """Units that left without a promise were promised to others, who wait again."""
        lost = displaced(item, self._facts, on_hand=item.on_hand, reason=FORCED)
        self._streams.append(name, lost)
        tell_orders(self._streams, location, lost)

    def _facts(self, order_id: str) -> tuple[datetime, int]:
        order = self._streams.state(ORDER, order_stream(order_id))
        return order.placed_at or self._now, order.priority

    def _item(self, line: int, location: str) -> tuple[str, StockItem]:
        return self._item_at(location, self._order.lines[line].sku)

    def _item_at(self, location: str, sku: str) -> tuple[str, StockItem]:
        """The item, once its expired reservations are released."""
        name = stock_stream(location, sku)
        item = self._items.get(name)
        if item is None:
            item = self._items[name] = self._streams.state(STOCK_ITEM, name)
            if item.reservations:
                self._streams.append(name, due_releases(item, self._now))
        return name, item
