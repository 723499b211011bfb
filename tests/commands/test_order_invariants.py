"""Several orders, two locations, whatever happens in whatever order: O1-O4, O6, S1-S7."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commands import HANDLERS
from commands.fulfilment import (
    CancelFulfilmentOrder,
    ConfirmDelivery,
    ConfirmPick,
    Dispatch,
    DispatchCancelled,
    OpenFulfilmentOrders,
    Pack,
    ReportLost,
    ReportReturnedToSender,
    ReportShort,
    StartPick,
    VerifyPack,
)
from commands.location import (
    ChangeLocation,
    CloseLocation,
    RegisterLocation,
    SetSourcingPolicy,
)
from commands.order import (
    CancelLines,
    CancelOrder,
    CompleteOrder,
    ConfirmOrder,
    ExpireOrder,
    PlaceHold,
    PlaceOrder,
    RejectOrder,
    ReleaseHold,
    RequestedLine,
)
from commands.policy import SetOrderPolicy
from commands.resourcing import SourceOrder, SourceWaiting
from commands.stock import (
    AdjustStock,
    CountStock,
    ExpireReservations,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    RegisterStockItem,
    ReserveStock,
    ResumeStockItem,
    SetStockPolicy,
    SuspendStockItem,
)
from domain.categories import decider_of
from domain.errors import DomainError
from domain.history import version_of
from domain.order.events import LineReinstated, ShipmentDispatched
from domain.order.state import Line, Order, Work
from domain.sourcing_policy import RULES, SourcingPolicy
from domain.stock.alerts import alerts
from domain.stock.events import (
    BackorderFilled,
    ReservationReleased,
    StockAdjusted,
    StockAllocated,
    StockBackordered,
    StockCounted,
    StockReceived,
    StockReserved,
    StockShipped,
)
from domain.stock.state import StockItem, owner_key
from domain.values import SOURCING_STREAM, LineQuantity, ShortagePolicy, stock_stream
from infra.store.codec import decode_data, encode_data
from tests.commands.memory import CONTEXT, MemoryLog
from tests.domain.stock.histories import LATER, NOW, SOON

LOCATIONS = ("LEEDS", "YORK")
SKUS = ("A", "B")
PLACES = st.sampled_from(LOCATIONS)
GOODS = st.sampled_from(SKUS)
FEW = st.integers(1, 5)
LINE = st.integers(1, 3)
PICK = st.integers(0, 9)
POLICIES: st.SearchStrategy[ShortagePolicy] = st.sampled_from(["reject", "partial", "backorder"])


RESERVATIONS = st.sampled_from(["r1", "r2", "r3", "r4", "r5"])
ITEM = {"location": PLACES, "sku": GOODS}
ORDER = {"order_id": st.just("")}

STOCK_COMMANDS = st.one_of(
    st.builds(ReceiveStock, **ITEM, quantity=st.integers(1, 8), document=st.just("po")),
    st.builds(FillBackorders, **ITEM),
    st.builds(CountStock, **ITEM, counted=st.integers(0, 8)),
    st.builds(AdjustStock, **ITEM, delta=st.integers(-4, 4), reason=st.just("seen")),
    st.builds(
        MoveStockState,
        **ITEM,
        from_state=st.sampled_from(["sellable", "other"]),
        to_state=st.sampled_from(["sellable", "damaged"]),
        quantity=FEW,
        reason=st.just("seen"),
    ),
    st.builds(
        ReserveStock,
        **ITEM,
        reservation_id=RESERVATIONS,
        owner=st.just("cart"),
        quantity=FEW,
        expires_at=st.sampled_from([SOON, LATER]),
    ),
    st.builds(ExpireReservations, **ITEM),
    st.builds(SetOrderPolicy, expire_unpaid_after=st.sampled_from([None, 60])),
    st.builds(SuspendStockItem, **ITEM, reason=st.just("recall")),
    *2 * (st.builds(ResumeStockItem, **ITEM),),
    st.builds(CloseLocation, location=PLACES, reason=st.just("flood")),
    st.builds(ChangeLocation, location=PLACES, country=st.just("GB")),
    st.builds(ChangeLocation, location=PLACES, country=st.just("FR")),
)
SERVING = (
    *(ReceiveStock, FillBackorders, CountStock, AdjustStock, MoveStockState, ExpireReservations),
    *(ResumeStockItem, SetStockPolicy, CancelOrder, RejectOrder, CancelLines, ExpireOrder),
)
"""Commands that may free units: each leaves nobody in turn at the items that it touched."""
PARTS = st.lists(st.builds(LineQuantity, line=LINE, quantity=FEW), min_size=1, max_size=2)
ORDER_COMMANDS = st.one_of(
    st.builds(CancelOrder, **ORDER, reason=st.just("no more")),
    st.builds(RejectOrder, **ORDER, reason=st.just("no more")),
    st.builds(CancelLines, **ORDER, lines=PARTS.map(tuple), reason=st.just("less")),
    st.builds(CancelLines, **ORDER, lines=PARTS.map(tuple), reason=st.just("less")),
    st.builds(SourceOrder, **ORDER, excluded=st.sampled_from([(), ("LEEDS",)])),
    st.builds(SourceWaiting, **ORDER, sku=GOODS),
    st.builds(PlaceHold, **ORDER, hold_id=st.just("fraud"), reason=st.just("odd")),
    st.builds(ReleaseHold, **ORDER, hold_id=st.just("fraud")),
    st.builds(
        CancelFulfilmentOrder,
        **ORDER,
        fulfilment_id=st.sampled_from(["F1", "F2"]),
        reason=st.just("busy"),
    ),
    st.builds(CompleteOrder, **ORDER),
    st.builds(ExpireOrder, **ORDER),
)
SHIPMENT = {**ORDER, "shipment_id": st.sampled_from(["S1", "S2", "S3"])}
CARRIER_COMMANDS = st.one_of(
    st.builds(ConfirmDelivery, **SHIPMENT),
    st.builds(ConfirmDelivery, **SHIPMENT),
    st.builds(ReportLost, **SHIPMENT, reason=st.just("sea")),
    st.builds(
        DispatchCancelled,
        **ORDER,
        location=PLACES,
        lines=PARTS.map(tuple),
        carrier=st.just("post"),
    ),
    st.builds(ReportReturnedToSender, **SHIPMENT, reason=st.just("moved")),
)
CHARGE = RequestedLine(sku="POST", quantity=1, unit_price=300, kind="charge")
GOODS_LINE = st.builds(RequestedLine, sku=GOODS, quantity=FEW, unit_price=st.just(100))
LINES = st.lists(
    st.one_of(GOODS_LINE, GOODS_LINE, GOODS_LINE, st.just(CHARGE)), min_size=1, max_size=3
).map(tuple)


@dataclass(slots=True)
class Books:
    """What the invariants are checked against: each state as it was folded live, and the sums."""

    states: dict[str, Any] = field(default_factory=dict)
    on_hand: Counter[str] = field(default_factory=Counter)
    owed: Counter[str] = field(default_factory=Counter)
    reinstated: Counter[str] = field(default_factory=Counter)
    converted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def read(self, stream: str, event: object, now: datetime) -> None:
        decider = decider_of(stream)
        state = self.states.get(stream) or decider.initial()
        self._check_before(stream, state, event)
        self._check_turn(state, event, now)
        self.states[stream] = decider.evolve(state, event)

    def _check_before(self, stream: str, state: Any, event: object) -> None:
        match event:
            case LineReinstated():
                self.reinstated[owner_key(stream.removeprefix("order-"), event.line)] += 1
            case ShipmentDispatched():
                # Nobody has verified what left although it was cancelled.
                verified = state.shipments[event.shipment_id].verifier is not None
                assert not (state.holds and verified), "O6"
            case StockReceived(quantity=quantity):
                self.on_hand[stream] += quantity
            case StockAdjusted(delta=delta):
                self.on_hand[stream] += delta
            case StockCounted(counted=counted):
                self.on_hand[stream] = counted
                self.owed[stream] = 0
            case StockShipped():
                self.on_hand[stream] -= event.quantity
                held = state.allocations.get(owner_key(event.order_id, event.line), 0)
                assert event.forced or event.quantity <= held, "S4"
                key = owner_key(event.order_id, event.line)
                anyway = event.forced and self.reinstated.pop(key, 0)
                self.owed[stream] += event.quantity if anyway else max(0, event.quantity - held)
            case StockBackordered(quantity=quantity):
                limit = state.backorder_limit
                assert limit is None or state.backordered + quantity <= limit, "S6"

    def _check_turn(self, item: Any, event: object, now: datetime) -> None:
        """At every moment, new demand takes at most what is free minus what waits."""
        match event:
            case StockAllocated() if self.reinstated[owner_key(event.order_id, event.line)]:
                pass
            case ReservationReleased(reason="converted", quantity=quantity):
                self.converted[item.location, item.sku] += quantity
            case StockAllocated(quantity=quantity) | StockReserved(quantity=quantity):
                ahead = self.converted[item.location, item.sku]
                assert quantity <= ahead + max(0, item.unpromised(now) - ahead - item.backordered)
                self.converted[item.location, item.sku] = max(0, ahead - quantity)
                assert item.status == "active", "S0"
                assert self.is_open(item), "S0"
            case BackorderFilled():
                assert item.status == "active", "S0"
                assert self.is_open(item), "S0"

    def is_open(self, item: StockItem) -> bool:
        policy: SourcingPolicy = self.states[SOURCING_STREAM]
        return policy.is_open(item.location)

    def items(self) -> dict[str, StockItem]:
        return {k: v for k, v in self.states.items() if isinstance(v, StockItem)}

    def orders(self) -> dict[str, Order]:
        return {k: v for k, v in self.states.items() if isinstance(v, Order)}


class Trade(RuleBasedStateMachine):
    """Two locations, two skus, several orders."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog(HANDLERS)
        self.books = Books()
        self.seen = 0
        self.numbers = 0
        self.now = NOW

    @initialize(limit=st.none() | st.integers(0, 6), max_splits=st.integers(1, 2))
    def open(self, limit: int | None, max_splits: int) -> None:
        self.ask(SetSourcingPolicy(rules=RULES, max_splits=max_splits))
        for location in LOCATIONS:
            self.ask(RegisterLocation(location=location, country="GB"))
            for sku in SKUS:
                self.ask(RegisterStockItem(location=location, sku=sku))
                self.ask(
                    SetStockPolicy(
                        location=location, sku=sku, backorder_limit=limit, reorder_point=2
                    )
                )
                self.ask(ReceiveStock(location=location, sku=sku, quantity=4, document="po"))

    def ask(self, command: object) -> bool:
        """Whether it changed anything; a refusal must not."""
        before = len(self.log.recorded)
        try:
            changed = self.log.handle(command, CONTEXT, self.now).changed
        except DomainError:
            assert len(self.log.recorded) == before
            return False
        self.read()
        if isinstance(command, SERVING):
            for stream in {stream for stream, _ in self.log.recorded[before:]}:
                assert not self.in_turn(self.books.states[stream]), "S0"
        return changed

    def in_turn(self, item: object) -> bool:
        """Whether it could serve anybody."""
        if not isinstance(item, StockItem) or item.status != "active":
            return False
        waiting = item.unpromised(self.now) > 0 and item.backorders
        return bool(waiting and self.books.is_open(item))

    def an_order(self, pick: int, *statuses: str) -> str | None:
        """One of the orders in these statuses."""
        found = [
            name.removeprefix("order-")
            for name, order in self.books.orders().items()
            if order.status in (statuses or ("placed", "confirmed"))
        ]
        return found[pick % len(found)] if found else None

    def order(self, order_id: str) -> Order:
        found = self.books.states[f"order-{order_id}"]
        assert isinstance(found, Order)
        return found

    @rule(
        lines=LINES,
        shortage=POLICIES,
        preferred=st.none() | PLACES,
        steps=st.integers(0, 6),
        reservations=st.lists(RESERVATIONS, max_size=2).map(tuple),
    )
    def place(
        self,
        lines: tuple[RequestedLine, ...],
        shortage: ShortagePolicy,
        preferred: str | None,
        steps: int,
        reservations: tuple[str, ...],
    ) -> None:
        self.numbers += 1
        placed = PlaceOrder(
            order_id=f"o{self.numbers}",
            channel="web",
            country="GB",
            currency="GBP",
            lines=lines,
            shortage_policy=shortage,
            preferred_location=preferred,
            payment_mode="on_account",
            reservations=reservations,
        )
        self.ask(placed)
        assert not any(self.books.converted.values()), "S9: converted units are promised"
        if self.log.events(f"order-{placed.order_id}"):
            self.go_on(placed.order_id, steps, 0)

    @rule(command=STOCK_COMMANDS, time=st.sampled_from([NOW, SOON]))
    def stock(self, command: object, time: datetime) -> None:
        self.now = max(self.now, time)
        self.ask(command)

    @rule(pick=PICK, command=ORDER_COMMANDS | CARRIER_COMMANDS)
    def change(self, pick: int, command: CancelOrder) -> None:
        order_id = self.an_order(pick)
        if order_id:
            self.ask(replace(command, order_id=order_id))

    @rule(pick=PICK, steps=st.integers(1, 8))
    def advance(self, pick: int, steps: int) -> None:
        """Do with an order what comes next, several times."""
        order_id = self.an_order(pick)
        if order_id:
            self.go_on(order_id, steps, pick)

    @rule(pick=PICK, quantity=st.integers(1, 2))
    def short(self, pick: int, quantity: int) -> None:
        order_id = self.an_order(pick)
        works = self.order(order_id).fulfilment_orders.items() if order_id else ()
        for key, work in works:
            if order_id and work.status == "picking":
                line = next(iter(work.lines))
                self.ask(
                    ReportShort(order_id=order_id, fulfilment_id=key, line=line, quantity=quantity)
                )
                return

    @rule(pick=PICK, counted=st.integers(0, 3))
    def lose(self, pick: int, counted: int) -> None:
        """What was picked is not in the books any more, and leaves nevertheless."""
        order_id = self.an_order(pick, "confirmed")
        works = self.order(order_id).fulfilment_orders.values() if order_id else ()
        for work in works:
            if order_id and work.pending and work.begun:
                sku = self.order(order_id).lines[next(iter(work.lines))].sku
                self.ask(CountStock(location=work.location, sku=sku, counted=counted))
                self.go_on(order_id, 4, 8)
                return

    def go_on(self, order_id: str, steps: int, pick: int) -> None:
        for _ in range(steps):
            self.read()
            if not self.ask(self.next_step(order_id, pick)):
                break

    def next_step(self, order_id: str, pick: int) -> object:
        order = self.order(order_id)
        if order.status == "placed":
            return ConfirmOrder(order_id=order_id)
        pending = [(k, w) for k, w in order.fulfilment_orders.items() if w.pending]
        if not pending or pick == 9:
            return OpenFulfilmentOrders(order_id=order_id)
        key, work = pending[pick % len(pending)]
        match work.status:
            case "open":
                return StartPick(order_id=order_id, fulfilment_id=key)
            case "picking":
                for line, part in work.lines.items():
                    if part.unpicked:
                        return ConfirmPick(
                            order_id=order_id,
                            fulfilment_id=key,
                            line=line,
                            quantity=max(1, part.unpicked - pick % 2),
                        )
                return Pack(order_id=order_id, fulfilment_id=key)
            case _:
                return self.next_of_packed(order, order_id, key, forced=pick > 6)

    def next_of_packed(self, order: Order, order_id: str, key: str, *, forced: bool) -> object:
        shipment_id = next(k for k, s in order.shipments.items() if s.fulfilment_id == key)
        if order.shipments[shipment_id].verifier is None:
            return VerifyPack(order_id=order_id, shipment_id=shipment_id, verifier="bob")
        return Dispatch(order_id=order_id, shipment_id=shipment_id, carrier="post", forced=forced)

    def read(self) -> None:
        for stream, event in self.log.recorded[self.seen :]:
            self.books.read(stream, event, self.now)
        self.seen = len(self.log.recorded)

    @invariant()
    def books_hold(self) -> None:
        self.read()
        for stream, item in self.books.items().items():
            check_item(item, self.books.on_hand[stream], self.books.owed[stream])
            assert item.reservations or alerts(item, self.now) == []
        for order in self.books.orders().values():
            check_order(order)
        check_both_sides(self.books)

    def teardown(self) -> None:
        """Replay is what was live, and every event survives the codec."""
        for stream, state in self.books.states.items():
            events = self.log.events(stream)
            assert decider_of(stream).fold(events) == state
            for event in events:
                name = type(event).__name__
                assert decode_data(name, version_of(name), encode_data(event)) == event


def check_item(item: StockItem, on_hand: int, owed: int) -> None:
    assert item.on_hand == on_hand, "S5"
    assert item.on_hand >= -owed, "S1"
    taken = item.allocated + sum(item.unavailable.values())
    assert taken <= max(0, item.on_hand), "S2"
    assert item.allocated == sum(item.allocations.values()), "S3"
    assert item.backordered == sum(b.quantity for b in item.backorders.values()), "S3"
    assert item.reserved == sum(r.quantity for r in item.reservations.values()), "S3"


def check_order(order: Order) -> None:
    for line in order.lines.values():
        check_line(line)
        if order.status in ("cancelled", "rejected"):
            assert line.demand == 0
    held: dict[tuple[int, str], list[Work]] = {}
    for work in order.fulfilment_orders.values():
        if work.pending:
            assert order.status == "confirmed"
            for number, part in work.lines.items():
                held.setdefault((number, work.location), []).append(part)
    for (number, location), parts in held.items():
        check_work(order.lines[number], location, parts)


def check_work(line: Line, location: str, parts: list[Work]) -> None:
    promised = line.allocated.get(location, 0)
    picked = sum(part.picked for part in parts)
    assert all(0 <= part.unpicked <= part.quantity for part in parts)
    assert picked <= promised + line.backordered.get(location, 0), "it belongs to the line"
    assert sum(part.held for part in parts) <= max(picked, promised), "nobody looks for more"


def check_line(line: Line) -> None:
    counters = (line.cancelled, line.unsourced, line.shipped, line.delivered, line.lost)
    assert all(units >= 0 for units in counters)
    assert line.cancelled <= line.ordered - line.shipped, "O1"
    assert line.delivered + line.lost <= line.shipped <= line.demand, "O3 and O4"
    if line.kind == "stock":
        promised = sum(line.allocated.values()) + sum(line.backordered.values())
        assert promised + line.unsourced + line.shipped == line.demand, "O2"
        assert all(units > 0 for units in (*line.allocated.values(), *line.backordered.values()))


def check_both_sides(books: Books) -> None:
    """What the orders say of each item is what the item says of the orders."""
    allocated: dict[str, Counter[str]] = {name: Counter() for name in books.items()}
    waiting: dict[str, Counter[str]] = {name: Counter() for name in books.items()}
    for name, order in books.orders().items():
        for line in order.lines.values():
            key = owner_key(name.removeprefix("order-"), line.line)
            for location, units in line.allocated.items():
                allocated[stock_stream(location, line.sku)][key] += units
            for location, units in line.backordered.items():
                waiting[stock_stream(location, line.sku)][key] += units
    for name, item in books.items().items():
        assert dict(allocated[name]) == item.allocations, f"S7 {name}"
        assert dict(waiting[name]) == {k: b.quantity for k, b in item.backorders.items()}, "S7"


TestTrade = Trade.TestCase
TestTrade.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)
