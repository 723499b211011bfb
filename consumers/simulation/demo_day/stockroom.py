"""The shelves on the day: opened in the morning, filled in the afternoon, then counted."""

from collections.abc import Sequence
from datetime import timedelta

from commands.location import RegisterLocation
from commands.stock import (
    AdjustStock,
    CountStock,
    ExpectStock,
    ExtendReservation,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    RegisterStockItem,
    ReleaseReservation,
    ReserveStock,
    SetStockPolicy,
)
from consumers.simulation.demo_day.goods import PLACES, Article, Place, carried_at
from consumers.simulation.demo_day.stage import Stage

LORRY = 6 * 60 * 60
AFTER_LORRY = LORRY + 45 * 60
CLERK = "stockroom"


class Stockroom:
    """All places and what they carry."""

    def __init__(self, stage: Stage, articles: Sequence[Article]) -> None:
        self._stage = stage
        self._articles = articles
        self._shelves = [
            (place, article)
            for place in PLACES
            for article in articles
            if carried_at(article, place)
        ]
        self._carts = 0

    def plan(self) -> None:
        self._stage.at(0, self._open)
        self._stage.at(LORRY, self._unload)
        for hour in (2, 4, 5, 7, 8):
            self._stage.at(hour * 3_600 + 90, self._damage)
        for part in range(12):
            self._stage.at(7 * 3_600 + 300 * part, self._count)
        for _ in range(70):
            self._stage.at(self._stage.dice.between(900, 9 * 3_600), self._fill_cart)

    def _open(self) -> None:
        for place in PLACES:
            self._register(place)
        for place, article in self._shelves:
            self._carry(place, article)

    def _register(self, place: Place) -> None:
        command = RegisterLocation(
            location=place.location,
            country=place.country,
            zones=place.zones,
            channels=place.channels,
            priority=place.priority,
        )
        self._do(command, place.location)

    def _carry(self, place: Place, article: Article) -> None:
        at = {"location": place.location, "sku": article.sku}
        about = f"{place.location}/{article.sku}"
        self._do(RegisterStockItem(**at, title=article.title, codes=(article.code,)), about)
        self._do(_policy(place, article), about)
        units = self._opening_units(article)
        cost, currency = article.price * 2 // 5, "GBP" if place.country == "GB" else "EUR"
        received = ReceiveStock(
            **at, quantity=units, document="OPENING-STOCK", unit_cost=cost, currency=currency
        )
        self._do(received, about)
        if article.scarce:
            eta = self._stage.moment_at(LORRY)
            coming = ExpectStock(**at, document=_document(place), quantity=units * 12, eta=eta)
            self._do(coming, about)

    def _opening_units(self, article: Article) -> int:
        if article.scarce:
            return self._stage.dice.between(3, 14)
        return 2_400 // (article.popularity + 4) + self._stage.dice.between(110, 260)

    def _unload(self) -> None:
        """The lorry brings what was announced, now and then a little less."""
        for number, (place, article) in enumerate(self._shelves):
            coming = self._stage.rehearsal.item(place.location, article.sku).incoming
            expected = coming.get(_document(place))
            if expected is not None:
                units = expected.quantity - (self._stage.dice.below(4) == 0)
                self._stage.after(number * 5, self._receiving(place, article, units))

    def _receiving(self, place: Place, article: Article, units: int) -> "Receiving":
        return Receiving(self._stage, place.location, article.sku, units, _document(place))

    def _damage(self) -> None:
        place, article = self._stage.dice.pick(self._shelves)
        if self._stage.rehearsal.item(place.location, article.sku).available(self._stage.moment):
            command = MoveStockState(
                location=place.location,
                sku=article.sku,
                from_state="sellable",
                to_state="damaged",
                quantity=1,
                reason="dropped",
            )
            self._do(command, place.location)

    def _count(self) -> None:
        place, article = self._stage.dice.pick(self._shelves)
        on_hand = self._stage.rehearsal.item(place.location, article.sku).on_hand
        if self._stage.dice.chance(30):
            command: object = AdjustStock(
                location=place.location, sku=article.sku, delta=2, reason="found behind the shelf"
            )
        else:
            counted = max(0, on_hand - self._stage.dice.below(3))
            command = CountStock(location=place.location, sku=article.sku, counted=counted)
        self._do(command, place.location)

    def _fill_cart(self) -> None:
        self._carts += 1
        place, article = self._stage.dice.pick(self._shelves)
        Cart(self._stage, place.location, article.sku, f"CART-{self._carts}").fill()

    def _do(self, command: object, about: str) -> None:
        self._stage.do(command, actor=CLERK, about=about)


def _document(place: Place) -> str:
    return f"PO-{place.location}-1"


def _policy(place: Place, article: Article) -> SetStockPolicy:
    return SetStockPolicy(
        location=place.location,
        sku=article.sku,
        backorder_limit=150 if article.scarce else 40,
        safety_stock=0 if article.scarce else 2,
        reorder_point=None if article.scarce else 105,
        reorder_quantity=0 if article.scarce else 240,
    )


class Receiving:
    """A delivery is received, and then those are served who wait for it."""

    def __init__(self, stage: Stage, location: str, sku: str, units: int, document: str) -> None:
        self._stage = stage
        self._location, self._sku = location, sku
        self._units, self._document = units, document

    def __call__(self) -> None:
        command = ReceiveStock(
            location=self._location,
            sku=self._sku,
            quantity=self._units,
            document=self._document,
        )
        self._ask(command)
        self._fill()

    def _fill(self) -> None:
        item = self._stage.rehearsal.item(self._location, self._sku)
        if item.backorders and item.available(self._stage.moment):
            self._ask(FillBackorders(location=self._location, sku=self._sku))

    def _ask(self, command: object) -> None:
        self._stage.do(command, actor="goods-in", about=f"{self._location}/{self._sku}")


class Cart:
    """Units in a shopper's cart: kept for a while, kept longer, given back or forgotten."""

    def __init__(self, stage: Stage, location: str, sku: str, cart: str) -> None:
        self._stage = stage
        self._location, self._sku, self._cart = location, sku, cart

    def fill(self) -> None:
        command = ReserveStock(
            location=self._location,
            sku=self._sku,
            reservation_id=self._cart,
            owner=self._cart,
            quantity=self._stage.dice.between(1, 2),
            expires_at=self._stage.moment + timedelta(minutes=30),
        )
        if self._ask(command):
            act = self._stage.dice.weighted(
                [(4, self._extend), (3, self._give_back), (3, self._forget)]
            )
            self._stage.after(self._stage.dice.between(120, 1_500), act)

    def _extend(self) -> None:
        until = self._stage.moment + timedelta(minutes=45)
        command = ExtendReservation(
            location=self._location, sku=self._sku, reservation_id=self._cart, expires_at=until
        )
        self._ask(command)

    def _give_back(self) -> None:
        command = ReleaseReservation(
            location=self._location, sku=self._sku, reservation_id=self._cart
        )
        self._ask(command)

    def _forget(self) -> None:
        """Nothing happens; the reservation runs out."""

    def _ask(self, command: object) -> bool:
        return (
            self._stage.do(command, actor="web-shop", about=self._cart, channel="web") is not None
        )
