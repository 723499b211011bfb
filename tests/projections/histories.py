"""Random days of trade: real commands, so that every history is one that can happen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from commands import HANDLERS
from commands import fulfilment as f
from commands import order as o
from commands import payment as p
from commands import stock as s
from commands.location import RegisterLocation, SetSourcingPolicy
from commands.policy import SetOrderPolicy
from commands.resourcing import SourceOrder
from domain.decider import Recorded
from domain.errors import OrdinalError
from domain.order.state import ORDER, Order
from domain.sourcing_policy import RULES
from domain.stock.events import State
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import LineQuantity, order_stream, stock_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.projections.memory import MINUTE, START, recorded

T = TypeVar("T")
LOCATIONS = ("LEEDS", "YORK")
SKUS = ("A-1", "B")
STATES: tuple[State, ...] = ("sellable", "damaged", "other")


class Dice:
    """Drawn numbers, one after another, 0 when they are used up."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = iter(numbers)

    def up_to(self, most: int) -> int:
        """1 to `most`."""
        return 1 + next(self._numbers, 0) % most

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.up_to(len(choices)) - 1]


@dataclass(slots=True)
class Trade:
    """A log that is being written, and everything in it with its envelope."""

    dice: Dice
    log: MemoryLog = field(default_factory=lambda: MemoryLog(HANDLERS))
    recorded: list[Recorded] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    placed: int = 0

    @property
    def now(self) -> datetime:
        return START + self.asked * 10 * MINUTE

    def ask(self, command: object) -> None:
        """A refusal leaves no trace, as ever."""
        self.asked += 1
        before = len(self.log.recorded)
        try:
            self.log.handle(command, CONTEXT, self.now)
        except OrdinalError:
            return
        for stream_id, event in self.log.recorded[before:]:
            self._record(stream_id, event)

    def _record(self, stream_id: str, event: object) -> None:
        version = self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
        command_id = f"command-{self.asked}"
        known = recorded(stream_id, version, event, at=self.now, command_id=command_id)
        self.recorded.append(known)

    def item(self) -> tuple[str, str, StockItem]:
        location, sku = self.dice.of(LOCATIONS), self.dice.of(SKUS)
        return location, sku, self.log.state(STOCK_ITEM, stock_stream(location, sku))

    def order(self) -> tuple[str, Order]:
        order_id = str(self.dice.up_to(max(self.placed, 1)))
        return order_id, self.log.state(ORDER, order_stream(order_id))


def _place(trade: Trade) -> None:
    dice = trade.dice
    lines = tuple(
        o.RequestedLine(
            sku=dice.of(SKUS),
            quantity=dice.up_to(7),
            unit_price=dice.up_to(200),
            tax=dice.up_to(50),
            discount=dice.up_to(9),
            kind="charge" if dice.up_to(4) == 4 else "stock",
        )
        for _ in range(dice.up_to(3))
    )
    trade.placed += 1
    trade.ask(
        o.PlaceOrder(
            order_id=str(trade.placed),
            channel=dice.of(("web", "shop")),
            lines=lines,
            currency="GBP",
            country=dice.of(("GB", "DE")),
            payment_mode=dice.of(("prepaid", "on_account")),
            shortage_policy=dice.of(("backorder", "partial")),
        )
    )


def _advance(trade: Trade) -> None:
    """What would come next for an order if all went well."""
    order_id, order = trade.order()
    trade.ask(o.ConfirmOrder(order_id=order_id))
    trade.ask(f.OpenFulfilmentOrders(order_id=order_id))
    for command in (*_work(trade, order_id, order), *_shipping(trade, order_id, order)):
        trade.ask(command)


def _work(trade: Trade, order_id: str, order: Order) -> Iterator[object]:
    for key, work in order.fulfilment_orders.items():
        yield f.StartPick(order_id=order_id, fulfilment_id=key, picker="grace")
        if trade.dice.up_to(3) > 1:
            for line, part in work.lines.items():
                yield f.ConfirmPick(
                    order_id=order_id,
                    fulfilment_id=key,
                    line=line,
                    quantity=trade.dice.up_to(max(part.unpicked, 1)),
                )
        yield f.Pack(order_id=order_id, fulfilment_id=key, packer="grace")


def _shipping(trade: Trade, order_id: str, order: Order) -> Iterator[object]:
    for key in order.shipments:
        yield f.VerifyPack(order_id=order_id, shipment_id=key, verifier="alan")
        yield f.Dispatch(order_id=order_id, shipment_id=key, carrier="DHL", forced=True)
        at = START + timedelta(hours=trade.dice.up_to(99))
        yield f.RecordTracking(order_id=order_id, shipment_id=key, status="scanned", at=at)
        yield trade.dice.of(
            (
                f.ConfirmDelivery(order_id=order_id, shipment_id=key, at=at),
                f.ConfirmDelivery(order_id=order_id, shipment_id=key),
                f.RecordTracking(order_id=order_id, shipment_id=key, status="lost?", at=at),
                f.ReportLost(order_id=order_id, shipment_id=key, reason="test"),
                f.ReportLost(order_id=order_id, shipment_id=key, reason="test"),
                f.ReportReturnedToSender(order_id=order_id, shipment_id=key, reason="test"),
            )
        )


def _trouble(trade: Trade) -> None:
    order_id, order = trade.order()
    work = trade.dice.of([*order.fulfilment_orders, "F0"])
    line, units = trade.dice.up_to(3), trade.dice.up_to(3)
    trade.ask(
        trade.dice.of(
            (
                f.ReportShort(order_id=order_id, fulfilment_id=work, line=line, quantity=1),
                f.CancelFulfilmentOrder(order_id=order_id, fulfilment_id=work, reason="test"),
                o.CancelLines(
                    order_id=order_id,
                    lines=(LineQuantity(line=line, quantity=units),),
                    reason="forced-dispatch",
                ),
                SourceOrder(order_id=order_id),
                SourceOrder(order_id=order_id, excluded=("LEEDS",)),
                f.DispatchCancelled(
                    order_id=order_id,
                    location=trade.dice.of(LOCATIONS),
                    lines=(LineQuantity(line=line, quantity=units),),
                    carrier="DHL",
                ),
            )
        )
    )


def _decide(trade: Trade) -> None:
    order_id, order = trade.order()
    hold = trade.dice.of([*order.holds, "H0"])
    trade.ask(
        trade.dice.of(
            (
                o.PlaceHold(order_id=order_id, hold_id=str(trade.asked), reason="test"),
                o.ReleaseHold(order_id=order_id, hold_id=hold),
                o.ReleaseHold(order_id=order_id, hold_id=hold),
                o.CompleteOrder(order_id=order_id),
                o.CancelOrder(order_id=order_id, reason="test"),
                o.RejectOrder(order_id=order_id, reason="test"),
                o.ExpireOrder(order_id=order_id),
                SetOrderPolicy(expire_unpaid_after=60),
            )
        )
    )


def _pay(trade: Trade) -> None:
    order_id, order = trade.order()
    amount = trade.dice.of((order.owed, trade.dice.up_to(900)))
    money: dict[str, Any] = {
        "order_id": order_id,
        "payment_id": "P",
        "provider": "stripe",
        "currency": "GBP",
    }
    ref = str(trade.asked)
    trade.ask(p.RecordPayment(provider_ref=ref, amount=amount, **money))
    if trade.dice.up_to(2) == 2:
        back = trade.dice.up_to(max(amount, 1))
        trade.ask(
            p.RecordRefund(refund_id=ref, provider_ref=ref, amount=back, cause="test", **money)
        )


def _supply(trade: Trade) -> None:
    location, sku, _ = trade.item()
    units, document = trade.dice.up_to(12), trade.dice.of(("PO-1", "PO-2"))
    here: dict[str, Any] = {"location": location, "sku": sku}
    trade.ask(
        trade.dice.of(
            (
                s.ReceiveStock(quantity=units, document=document, **here),
                s.ExpectStock(quantity=units, document=document, **here),
                s.FillBackorders(**here),
            )
        )
    )


def _shrink(trade: Trade) -> None:
    location, sku, item = trade.item()
    units = trade.dice.up_to(max(item.on_hand, 1))
    here: dict[str, Any] = {"location": location, "sku": sku}
    trade.ask(
        trade.dice.of(
            (
                s.CountStock(counted=units - 1, **here),
                s.AdjustStock(delta=-units, reason="test", **here),
                s.AdjustStock(delta=1, reason="test", reference="A", **here),
                s.MoveStockState(
                    from_state=trade.dice.of(STATES),
                    to_state=trade.dice.of(STATES),
                    quantity=units,
                    reason="test",
                    **here,
                ),
            )
        )
    )


def _reserve(trade: Trade) -> None:
    location, sku, item = trade.item()
    here: dict[str, Any] = {"location": location, "sku": sku}
    held = trade.dice.of([*item.reservations, "R0"])
    until = trade.now + trade.dice.up_to(200) * MINUTE
    trade.ask(
        trade.dice.of(
            (
                s.ReserveStock(
                    reservation_id=str(trade.asked),
                    owner="cart",
                    quantity=trade.dice.up_to(3),
                    expires_at=until,
                    **here,
                ),
                s.ExtendReservation(reservation_id=held, expires_at=until, **here),
                s.ReleaseReservation(reservation_id=held, reason="test", **here),
            )
        )
    )


def _govern(trade: Trade) -> None:
    location, sku, _ = trade.item()
    here: dict[str, Any] = {"location": location, "sku": sku}
    trade.ask(
        trade.dice.of(
            (
                s.SetStockPolicy(
                    backorder_limit=None,
                    safety_stock=trade.dice.up_to(3) - 1,
                    reorder_point=trade.dice.up_to(9),
                    reorder_quantity=5,
                    **here,
                ),
                s.SuspendStockItem(reason="test", **here),
                s.ResumeStockItem(**here),
                s.ResumeStockItem(**here),
            )
        )
    )


STEPS: tuple[Callable[[Trade], None], ...] = (
    _advance,
    _supply,
    _place,
    _shrink,
    _advance,
    _trouble,
    _pay,
    _advance,
    _reserve,
    _decide,
    _advance,
    _govern,
)


def _opened(trade: Trade) -> None:
    for location in LOCATIONS:
        trade.ask(RegisterLocation(location=location, country="GB"))
        for sku in SKUS:
            here: dict[str, Any] = {"location": location, "sku": sku}
            trade.ask(s.RegisterStockItem(title=sku.lower(), **here))
            trade.ask(s.SetStockPolicy(backorder_limit=None, **here))
            trade.ask(s.ReceiveStock(quantity=trade.dice.up_to(9), document="PO-0", **here))
    trade.ask(SetSourcingPolicy(rules=RULES, max_splits=10))
    trade.ask(SetOrderPolicy(expire_unpaid_after=60))


def trade_of(numbers: Sequence[int], path: Sequence[int]) -> list[Recorded]:
    trade = Trade(Dice(numbers))
    _opened(trade)
    for step in (_place, _place, *(STEPS[choice % len(STEPS)] for choice in path)):
        step(trade)
    return trade.recorded


# Bytes of a fixed length: lists would nearly always be short, and histories with them.
TRADES = st.builds(
    trade_of, st.binary(min_size=250, max_size=250), st.binary(min_size=40, max_size=40)
)


def by_stream(events: Sequence[Recorded], category: str = "") -> dict[str, list[Recorded]]:
    """The histories of the streams of a category, or of all."""
    found: dict[str, list[Recorded]] = {}
    for event in events:
        if event.stream_id.startswith(category):
            found.setdefault(event.stream_id, []).append(event)
    return found
