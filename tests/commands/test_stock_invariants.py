"""Whatever is asked in whatever order: the invariants S1 to S7 of one item and its orders.

Orders come through two commands of this test's own, which promise and free stock on both sides as
placing, cancelling and dispatching an order do.
"""

from collections import Counter
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commands import location
from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.location import ChangeLocation, CloseLocation
from commands.serving import queues, serve, tell_orders
from commands.stock import (
    HANDLERS,
    AdjustStock,
    CountStock,
    ExpireReservations,
    ExtendReservation,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    ReleaseReservation,
    ReserveStock,
    ResumeStockItem,
    SetStockPolicy,
    SuspendStockItem,
)
from domain.errors import DomainError
from domain.order.events import (
    FulfilmentOrderOpened,
    LineQuantityCancelled,
    ShipmentDispatched,
    ShipmentPacked,
)
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock import promising
from domain.stock.alerts import alerts
from domain.stock.displacement import displaced
from domain.stock.events import (
    BackorderCancelled,
    BackorderFilled,
    State,
    StockAdjusted,
    StockAllocated,
    StockAllocationDisplaced,
    StockAllocationReleased,
    StockBackordered,
    StockCounted,
    StockReceived,
    StockReserved,
    StockShipped,
)
from domain.stock.state import STOCK_ITEM, Backorder, StockItem, owner_key, owner_of
from domain.values import SOURCING_STREAM, LineQuantity, LineShare, order_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.stockroom import (
    LOCATION,
    SKU,
    STOCK,
    item_of,
    opened,
    order_of,
    placed,
    sourced,
)
from tests.domain.stock.histories import NOW


@dataclass(slots=True, kw_only=True)
class Demand:
    """A new order of one line, promised what is available or made to wait."""

    order_id: str
    quantity: int
    priority: int
    waits: bool


@dataclass(slots=True, kw_only=True)
class Settle:
    """Units of an order are freed, wait no more, or leave."""

    order_id: str
    quantity: int
    how: Literal["release", "cancel_backorder", "ship", "force"]


def demand(command: Demand, streams: Streams, context: Context, now: datetime) -> Receipt:
    item = streams.state(STOCK_ITEM, STOCK)
    streams.append(STOCK, promising.due_releases(item, now))
    order_id, quantity = command.order_id, command.quantity
    if command.waits:
        events = promising.backorder(item, order_id, 1, quantity, now, command.priority)
    else:
        events = promising.allocate(item, order_id, 1, quantity, now)
    streams.append(STOCK, events)
    streams.append(STOCK, alerts(item, now))
    order = placed(order_id, quantity, now, command.priority)
    shares = (0, quantity) if command.waits else (quantity, 0)
    streams.append(order_stream(order_id), [order, sourced(*shares)])
    return Receipt(id=order_id, stream_id=order_stream(order_id), outcome="placed")


def settle(command: Settle, streams: Streams, context: Context, now: datetime) -> Receipt:
    item = streams.state(STOCK_ITEM, STOCK)
    queued = queues(streams, {STOCK: item.allocated}, command.order_id)
    events = _settled(item, command)
    streams.append(STOCK, events)
    stream = order_stream(command.order_id)
    for event in events:
        streams.append(stream, _other_side(event, streams.version(stream)))
    lost = displaced(item, lambda _: (now, 0), on_hand=item.on_hand, reason="forced")
    streams.append(STOCK, lost)
    tell_orders(streams, LOCATION, lost)
    for name, in_turn in queued.items():
        serve(streams, name, len(in_turn), now)
    streams.append(STOCK, alerts(item, now))
    return Receipt(id=command.order_id, stream_id=stream, outcome=command.how)


def _settled(item: StockItem, command: Settle) -> list[object]:
    order_id, quantity = command.order_id, command.quantity
    match command.how:
        case "release":
            return promising.release(item, order_id, 1, quantity, "cancelled")
        case "cancel_backorder":
            return promising.cancel_backorder(item, order_id, 1, quantity, "cancelled")
        case _:
            forced = command.how == "force"
            return promising.ship(item, order_id, 1, quantity, "s", forced)


def _other_side(event: object, number: int) -> list[object]:
    match event:
        case StockAllocationReleased(quantity=quantity, reason=reason):
            share = (LineShare(line=1, location=LOCATION, quantity=quantity),)
            return [
                LineQuantityCancelled(line=1, quantity=quantity, reason=reason, allocated=share)
            ]
        case BackorderCancelled(quantity=quantity, reason=reason):
            share = (LineShare(line=1, location=LOCATION, quantity=quantity),)
            return [
                LineQuantityCancelled(line=1, quantity=quantity, reason=reason, backordered=share)
            ]
        case StockShipped(quantity=quantity):
            return _shipped(f"f{number}", (LineQuantity(line=1, quantity=quantity),))
        case _:
            return []


def _shipped(number: str, lines: tuple[LineQuantity, ...]) -> list[object]:
    return [
        FulfilmentOrderOpened(fulfilment_id=number, location=LOCATION, lines=lines),
        ShipmentPacked(
            shipment_id=number,
            fulfilment_id=number,
            location=LOCATION,
            lines=lines,
            parcels=1,
            packer="ada",
        ),
        ShipmentDispatched(shipment_id=number, location=LOCATION, lines=lines, carrier="post"),
    ]


def _both_sides(command: Demand | Settle, streams: Known) -> Rounds:
    """With force, units may leave that were promised to others."""
    yield SOURCING_STREAM, STOCK
    item = streams.state(STOCK_ITEM, STOCK)
    others = [owner_of(key)[0] for key in (*item.allocations, *item.backorders)]
    yield map(order_stream, {command.order_id, *others})


ALL_HANDLERS: Handlers = {
    **HANDLERS,
    **location.HANDLERS,
    Demand: Handling(demand, _both_sides, lambda command: STOCK),
    Settle: Handling(settle, _both_sides, lambda command: STOCK),
}

SERVING = (
    ReceiveStock,
    FillBackorders,
    AdjustStock,
    CountStock,
    MoveStockState,
    ExtendReservation,
    ReleaseReservation,
    ExpireReservations,
    SetStockPolicy,
    ResumeStockItem,
    Settle,
)
"""Commands that may free units: each leaves nobody in turn."""

SMALL = st.integers(1, 6)
STATES = st.sampled_from(["sellable", "damaged", "quality_control", "other"])
ORDERS = st.integers(1, 12).map("o{}".format)
RESERVATIONS = st.sampled_from(["r1", "r2", "r3"])
MINUTES = st.integers(1, 30).map(lambda minutes: timedelta(minutes=minutes))


class Stockroom(RuleBasedStateMachine):
    """One item, its orders, and time that passes."""

    @initialize(limit=st.none() | st.integers(0, 8), safety=st.integers(0, 2))
    def open(self, limit: int | None, safety: int) -> None:
        self.log = opened(MemoryLog(ALL_HANDLERS))
        self.now = NOW
        self.placed = 0
        self.item = STOCK_ITEM.initial()
        self.checked = self.on_hand = self.debt = 0
        self.set_policy(limit, safety, 3)

    def ask(self, command: object) -> None:
        """Refused or not, every invariant must hold after it."""
        before = len(self.log.recorded)
        with suppress(DomainError):
            self.log.handle(command, CONTEXT, self.now)
            item = item_of(self.log)
            assert alerts(item, self.now) == []
            if len(self.log.recorded) > before and isinstance(command, SERVING):
                assert not self.in_turn(item), "S0"
            return
        assert len(self.log.recorded) == before

    def in_turn(self, item: StockItem) -> bool:
        """Whether anybody could be served."""
        promised = item.unpromised(self.now) > 0 and item.status == "active"
        return bool(promised and item.backorders and self.is_open())

    def is_open(self) -> bool:
        return self.log.state(SOURCING_POLICY, SOURCING_STREAM).is_open(LOCATION)

    @rule(duration=MINUTES)
    def wait(self, duration: timedelta) -> None:
        self.now += duration

    @rule(limit=st.none() | st.integers(0, 8), safety=st.integers(0, 3), point=st.integers(0, 5))
    def set_policy(self, limit: int | None, safety: int, point: int) -> None:
        self.ask(
            SetStockPolicy(
                location=LOCATION,
                sku=SKU,
                backorder_limit=limit,
                safety_stock=safety,
                reorder_point=point,
            )
        )

    @rule(command=st.sampled_from([SuspendStockItem, ResumeStockItem]))
    def suspend_or_resume(self, command: type) -> None:
        reason = {"reason": "recall"} if command is SuspendStockItem else {}
        self.ask(command(location=LOCATION, sku=SKU, **reason))

    @rule(quantity=st.integers(1, 10))
    def receive(self, quantity: int) -> None:
        self.ask(ReceiveStock(location=LOCATION, sku=SKU, quantity=quantity, document="po"))

    @rule()
    def fill(self) -> None:
        self.ask(FillBackorders(location=LOCATION, sku=SKU))

    @rule(delta=st.integers(-6, 6))
    def adjust(self, delta: int) -> None:
        self.ask(AdjustStock(location=LOCATION, sku=SKU, delta=delta, reason="found"))

    @rule(counted=st.integers(0, 12), stale=st.booleans())
    def count(self, counted: int, stale: bool) -> None:
        seen = len(self.log.events(STOCK)) - stale
        self.ask(CountStock(location=LOCATION, sku=SKU, counted=counted, counted_at_version=seen))

    @rule(from_state=STATES, to_state=STATES, quantity=SMALL)
    def move(self, from_state: State, to_state: State, quantity: int) -> None:
        self.ask(
            MoveStockState(
                location=LOCATION,
                sku=SKU,
                from_state=from_state,
                to_state=to_state,
                quantity=quantity,
                reason="seen",
            )
        )

    @rule(reservation_id=RESERVATIONS, quantity=SMALL, lasts=MINUTES)
    def reserve(self, reservation_id: str, quantity: int, lasts: timedelta) -> None:
        self.ask(
            ReserveStock(
                location=LOCATION,
                sku=SKU,
                reservation_id=reservation_id,
                owner="cart",
                quantity=quantity,
                expires_at=self.now + lasts,
            )
        )

    @rule(reservation_id=RESERVATIONS, lasts=MINUTES)
    def extend(self, reservation_id: str, lasts: timedelta) -> None:
        self.ask(
            ExtendReservation(
                location=LOCATION,
                sku=SKU,
                reservation_id=reservation_id,
                expires_at=self.now + lasts,
            )
        )

    @rule(reservation_id=RESERVATIONS)
    def release_reservation(self, reservation_id: str) -> None:
        self.ask(ReleaseReservation(location=LOCATION, sku=SKU, reservation_id=reservation_id))

    @rule()
    def expire(self) -> None:
        self.ask(ExpireReservations(location=LOCATION, sku=SKU))
        assert not any(r.expires_at <= self.now for r in item_of(self.log).reservations.values())

    @rule(closed=st.booleans())
    def close_or_open(self, closed: bool) -> None:
        close = CloseLocation(location=LOCATION, reason="flood")
        command = close if closed else ChangeLocation(location=LOCATION, country="GB")
        self.log.handle(command, CONTEXT, self.now)

    @rule(quantity=SMALL, priority=st.integers(0, 2), waits=st.booleans())
    def demand(self, quantity: int, priority: int, waits: bool) -> None:
        self.placed += 1
        self.ask(
            Demand(order_id=f"o{self.placed}", quantity=quantity, priority=priority, waits=waits)
        )

    @rule(
        order_id=ORDERS,
        quantity=SMALL,
        how=st.sampled_from(["release", "cancel_backorder", "ship", "force"]),
    )
    def settle(
        self,
        order_id: str,
        quantity: int,
        how: Literal["release", "cancel_backorder", "ship", "force"],
    ) -> None:
        if not self.log.events(order_stream(order_id)):
            return
        before = len(self.log.recorded)
        self.ask(Settle(order_id=order_id, quantity=quantity, how=how))
        left = [event for _, event in self.log.recorded[before:] if isinstance(event, StockShipped)]
        assert how == "force" or not any(event.forced for event in left), "S4"

    @invariant()
    def books_hold(self) -> None:
        events = self.log.events(STOCK)
        for event in events[self.checked :]:
            before = deepcopy(self.item)
            self.item = STOCK_ITEM.evolve(self.item, event)
            self._check(event, before)
        self.checked = len(events)
        assert self.item == item_of(self.log), "replay = live"
        taken = self.item.allocated + sum(self.item.unavailable.values())
        assert taken <= max(0, self.item.on_hand), "S2"

    def _check(self, event: object, before: StockItem) -> None:
        """What holds after each single event; S2 may pause within one append."""
        self.on_hand += _moved(event, before)
        self.debt = 0 if isinstance(event, StockCounted) else self.debt + _debt(event, before)
        assert self.item.on_hand == self.on_hand, "S5"
        assert self.item.on_hand >= -self.debt, "S1"
        _check_counters(self.item)
        _check_promise(event, self.item, before)
        self._check_turn(event, before)

    def _check_turn(self, event: object, before: StockItem) -> None:
        """At every moment, new demand takes at most what is free minus what waits."""
        match event:
            case StockAllocated(quantity=quantity) | StockReserved(quantity=quantity):
                assert quantity <= before.unpromised(self.now) - before.backordered, "S0"
                assert before.status == "active", "S0"
            case BackorderFilled():
                assert before.status == "active", "S0"
                assert self.is_open(), "S0"

    @invariant()
    def orders_agree(self) -> None:
        item = item_of(self.log)
        allocated: Counter[str] = Counter()
        backordered: Counter[str] = Counter()
        for number in range(1, self.placed + 1):
            for line in order_of(self.log, f"o{number}").lines.values():
                key = owner_key(f"o{number}", line.line)
                allocated[key] = line.allocated.get(LOCATION, 0)
                backordered[key] = line.backordered.get(LOCATION, 0)
        assert +allocated == Counter(item.allocations), "S7"
        assert +backordered == {k: b.quantity for k, b in item.backorders.items()}, "S7"


def _moved(event: object, before: StockItem) -> int:
    match event:
        case StockReceived(quantity=quantity):
            return quantity
        case StockShipped(quantity=quantity):
            return -quantity
        case StockAdjusted(delta=delta):
            return delta
        case StockCounted(counted=counted, expected=expected):
            assert expected == before.on_hand, "S5"
            return counted - expected
        case _:
            return 0


def _debt(event: object, before: StockItem) -> int:
    """What a flagged forced dispatch took beyond its promise."""
    if isinstance(event, StockShipped) and event.forced:
        return event.quantity - before.allocations.get(owner_key(event.order_id, event.line), 0)
    return 0


def _check_counters(item: StockItem) -> None:
    assert item.allocated == sum(item.allocations.values()), "S3"
    assert item.backordered == sum(b.quantity for b in item.backorders.values()), "S3"
    assert item.reserved == sum(r.quantity for r in item.reservations.values()), "S3"
    owned = [
        *item.allocations.values(),
        *item.unavailable.values(),
        *(b.quantity for b in item.backorders.values()),
        *(r.quantity for r in item.reservations.values()),
    ]
    assert all(quantity > 0 for quantity in owned), "S3"


def _check_promise(event: object, item: StockItem, before: StockItem) -> None:
    match event:
        case StockAllocated() | BackorderFilled():
            free = before.on_hand - before.allocated - sum(before.unavailable.values())
            assert event.quantity <= free - before.safety_stock, "S2"
        case StockBackordered():
            assert item.backorder_limit is None or item.backordered <= item.backorder_limit, "S6"
        case StockAllocationDisplaced():
            key = owner_key(event.order_id, event.line)
            assert key == list(before.allocations)[-1], "S2: the youngest gives way"
        case StockAllocationReleased() | StockShipped(forced=False):
            held = before.allocations.get(owner_key(event.order_id, event.line), 0)
            assert 0 < event.quantity <= held, "S4"
        case BackorderCancelled():
            waited = before.backorders[owner_key(event.order_id, event.line)].quantity
            assert 0 < event.quantity <= waited, "S4"
        case _:
            pass
    if isinstance(event, BackorderFilled):
        key = owner_key(event.order_id, event.line)
        assert key == min(before.backorders.items(), key=_turn)[0], "first in, first out"


def _turn(waiting: tuple[str, Backorder]) -> tuple[int, datetime, str, int]:
    key, known = waiting
    order_id, line = owner_of(key)
    return -known.priority, known.placed_at, order_id, line


TestStockroom = Stockroom.TestCase
TestStockroom.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
