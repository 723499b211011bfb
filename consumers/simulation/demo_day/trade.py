"""The orders of the day, until the warehouse takes over."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid5

from commands.order import (
    CancelLines,
    CancelOrder,
    ConfirmOrder,
    PlaceHold,
    PlaceOrder,
    RejectOrder,
    ReleaseHold,
)
from commands.payment import RecordPayment, RecordRefund
from consumers.channels.orders import OrderMessage, OrderMessageLine, place_order
from consumers.simulation.demo_day.floor import Floor
from consumers.simulation.demo_day.goods import Article
from consumers.simulation.demo_day.people import TOWNS, Town, person
from consumers.simulation.demo_day.stage import DAY, NAME, Stage
from domain.values import ORDINAL_NAMESPACE, LineQuantity, PaymentMode, ShortagePolicy

TAX_PERCENT = {"GB": 20, "DE": 19, "FR": 20, "IE": 23, "AT": 20, "PL": 23, "BE": 21, "ES": 21}
OTHER_TAX = 21
POSTAGE = 490


@dataclass(frozen=True, slots=True)
class Channel:
    """How a channel buys."""

    name: str
    actor: str
    reference: str
    lines: tuple[int, int]
    units: tuple[int, int]
    shortage: Sequence[tuple[int, ShortagePolicy]]
    payment: PaymentMode = "prepaid"
    people: bool = True
    postage: int = POSTAGE
    discount: int = 0


WEB = Channel(
    "web", "web-shop", "W-{}", (1, 4), (1, 3), ((5, "reject"), (3, "partial"), (2, "backorder"))
)
MARKETPLACE = Channel("marketplace", "marketplace", "302-{}-7", (1, 2), (1, 2), ((1, "reject"),))
PHONE = Channel(
    *("phone", "phone-desk", "", (1, 5), (1, 4)),
    ((1, "partial"), (2, "backorder")),
    payment="cash_on_delivery",
)
WHOLESALE = Channel(
    *("wholesale", "sales-desk", "PO-{}", (4, 14), (6, 30)),
    ((1, "partial"), (3, "backorder")),
    payment="on_account",
    people=False,
    postage=0,
    discount=20,
)
EDI = Channel(
    *("edi", "edi-gateway", "EDI-{}", (5, 18), (6, 36)),
    ((1, "backorder"),),
    payment="on_account",
    people=False,
    postage=0,
    discount=30,
)
CHANNELS = ((55, WEB), (25, MARKETPLACE), (8, PHONE), (7, WHOLESALE), (5, EDI))


class Trade:
    """Customers, and what becomes of their orders at the desk."""

    def __init__(self, stage: Stage, floor: Floor, articles: Sequence[Article]) -> None:
        self._stage = stage
        self._dice = stage.dice
        self._floor = floor
        self._articles = articles
        self._placed = 0

    def plan(self, orders: int) -> None:
        """More customers around noon than early and late."""
        last = DAY - 300
        for _ in range(orders):
            first, second = self._dice.between(300, last), self._dice.between(300, last)
            self._stage.at((first + second) // 2, self._order)

    def _order(self) -> None:
        self._placed += 1
        channel = self._dice.weighted(CHANNELS)
        command = self._command(channel)
        deal = Deal(self._stage, self._floor, channel, command)
        if deal.ask(command) is not None:
            deal.go_on()

    def _command(self, channel: Channel) -> PlaceOrder:
        town = self._dice.weighted(TOWNS)
        lines = self._lines(channel, town)
        total = sum(line.quantity * line.unit_price - line.discount + line.tax for line in lines)
        express = channel.people and self._dice.chance(20)
        message = OrderMessage(
            reference=channel.reference.format(100_000 + self._placed) or f"call {self._placed}",
            currency="GBP" if town.country in ("GB", "IE") else "EUR",
            country=town.country,
            lines=tuple(lines),
            customer_id=f"c-{self._dice.below(900) + 1}" if self._dice.chance(85) else None,
            postal_area=town.area,
            total=total,
            payment_mode=channel.payment,
            shortage_policy=self._dice.weighted(channel.shortage),
            priority=1 if express else 0,
            ship_method="same-day" if express else "standard",
            promised_by=self._stage.moment_at(DAY) if express else None,
            shipping=person(self._dice, town) if channel.people else None,
        )
        return self._named(channel, place_order(message, channel.name))

    def _named(self, channel: Channel, command: PlaceOrder) -> PlaceOrder:
        """Who calls by phone brings no number of their own."""
        if not channel.reference:
            command.order_id = str(uuid5(ORDINAL_NAMESPACE, f"{NAME}/{command.reference}"))
            command.reference = None
        return command

    def _lines(self, channel: Channel, town: Town) -> list[OrderMessageLine]:
        lines = [
            self._line(channel, town, self._wanted())
            for _ in range(self._dice.between(*channel.lines))
        ]
        if channel.postage:
            tax = _tax(channel.postage, town)
            lines.append(
                OrderMessageLine(
                    sku="POSTAGE",
                    quantity=1,
                    unit_price=channel.postage,
                    title="Postage and packing",
                    tax=tax,
                    kind="charge",
                )
            )
        return lines

    def _wanted(self) -> Article:
        """Best sellers are wanted most."""
        count = len(self._articles)
        return self._articles[self._dice.below(count) * self._dice.below(count) // count]

    def _line(self, channel: Channel, town: Town, article: Article) -> OrderMessageLine:
        quantity = self._dice.between(*channel.units)
        if article.scarce:
            quantity = min(quantity, 6)
        worth = quantity * article.price
        loyal = 10 if channel.people and self._dice.chance(10) else 0
        discount = worth * (channel.discount + loyal) // 100
        return OrderMessageLine(
            sku=article.sku,
            quantity=quantity,
            unit_price=article.price,
            title=article.title,
            tax=_tax(worth - discount, town),
            discount=discount,
        )


def _tax(worth: int, town: Town) -> int:
    return worth * TAX_PERCENT.get(town.country, OTHER_TAX) // 100


class Deal:
    """One order at the desk: paid, checked, confirmed or given up."""

    def __init__(self, stage: Stage, floor: Floor, channel: Channel, command: PlaceOrder) -> None:
        self._stage = stage
        self._dice = stage.dice
        self._floor = floor
        self._channel = channel
        self._command = command
        self._id = command.order_id

    def go_on(self) -> None:
        if self._channel.payment == "prepaid":
            self._stage.after(self._dice.between(5, 90), self._pay)
        if self._dice.chance(4):
            self._stage.after(self._dice.between(10, 60), self._hold)
        if self._dice.chance(3):
            self._stage.after(self._dice.between(400, 1_100), self._cancel)
        elif self._dice.chance(4) and len(self._command.lines) > 2:
            self._stage.after(self._dice.between(200, 900), self._cancel_line)
        self._stage.after(self._dice.between(120, 600), self._confirm)

    def ask(self, command: object, actor: str | None = None) -> object:
        return self._stage.do(
            command,
            actor=actor or self._channel.actor,
            about=self._command.reference or self._id,
            channel=self._channel.name,
        )

    def _pay(self) -> None:
        order = self._stage.rehearsal.order(self._id)
        if order.status in ("placed", "confirmed"):
            payment = RecordPayment(
                order_id=self._id,
                payment_id="P1",
                provider="paybridge",
                provider_ref=f"pb-{self._id[:13]}",
                amount=order.owed,
                currency=order.currency,
            )
            if order.owed:
                self.ask(payment, "payments")

    def _refund(self) -> None:
        order = self._stage.rehearsal.order(self._id)
        surplus = order.payments.get("P1", 0) - order.owed
        if surplus > 0:
            refund = RecordRefund(
                order_id=self._id,
                refund_id="R1",
                payment_id="P1",
                provider="paybridge",
                provider_ref=f"pb-r-{self._id[:13]}",
                amount=surplus,
                currency=order.currency,
                cause="cancelled",
            )
            self.ask(refund, "payments")

    def _hold(self) -> None:
        reason = self._dice.pick(("fraud", "address"))
        self.ask(PlaceHold(order_id=self._id, hold_id="H1", reason=reason), "risk-desk")
        cleared = self._dice.weighted([(8, self._clear), (1, self._reject), (1, self._leave)])
        self._stage.after(self._dice.between(70, 5_400), cleared)

    def _clear(self) -> None:
        if self._stage.rehearsal.order(self._id).holds:
            self.ask(ReleaseHold(order_id=self._id, hold_id="H1"), "risk-desk")

    def _reject(self) -> None:
        """Not every doubt comes in time."""
        if self._stage.rehearsal.order(self._id).status == "placed":
            self.ask(RejectOrder(order_id=self._id, reason="fraud"), "risk-desk")
            self._refund()

    def _leave(self) -> None:
        """Somebody will look at it tomorrow."""

    def _cancel(self) -> None:
        if self._stage.rehearsal.order(self._id).status in ("placed", "confirmed"):
            self.ask(CancelOrder(order_id=self._id, reason="changed my mind"))
            self._stage.after(self._dice.between(300, 1_800), self._refund)

    def _cancel_line(self) -> None:
        order = self._stage.rehearsal.order(self._id)
        if order.status in ("placed", "confirmed") and order.lines[1].demand:
            parts = (LineQuantity(line=1, quantity=1),)
            self.ask(CancelLines(order_id=self._id, lines=parts, reason="one too many"))
            self._stage.after(self._dice.between(300, 1_800), self._refund)

    def _confirm(self) -> None:
        if self._stage.rehearsal.order(self._id).status == "placed":
            self.ask(ConfirmOrder(order_id=self._id), "order-desk")
            wait = self._dice.between(1_200, 4_500)
            self._stage.after(wait, lambda: self._floor.release(self._id))
