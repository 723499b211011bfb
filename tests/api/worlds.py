"""Two owners of the same kinds of things, and one who has none."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from api.reach import reach_of
from commands import HANDLERS
from commands.fulfilment import ConfirmPick, OpenFulfilmentOrders, Pack, StartPick
from commands.handling import Contact
from commands.location import RegisterLocation
from commands.order import ConfirmOrder, PlaceHold, PlaceOrder, RequestedLine
from commands.stock import ReceiveStock, RegisterStockItem, ReserveStock
from domain.order.state import ORDER
from domain.values import order_id_of, order_stream
from projections.inventory_rows import ReservationRow
from projections.order_status_rows import PaymentRow
from tests.api.house import NOW, House, MemoryBus
from tests.api.test_reads import START, fact, item, line, order, payment, place, work
from tests.commands.memory import CONTEXT, MemoryLog

LATE = NOW.replace(year=2099)


@dataclass(frozen=True)
class World:
    """The names of one owner's things."""

    channel: str
    customer: str
    country: str
    currency: str
    location: str
    sku: str
    reference: str
    work: str = "F1"
    shipment: str = "S1"
    order_id: str = field(default="")

    def __post_init__(self) -> None:
        made = order_id_of(self.channel, self.reference)
        object.__setattr__(self, "order_id", self.order_id or made)


OWN = World("web", "c1", "DE", "EUR", "BER", "TEA", "web-1")
FOREIGN = World("shop", "c2", "AT", "CHF", "VIE", "WINE", "shop-1")
MISSING = World("none", "c9", "SE", "SEK", "OSL", "RUM", "none-1")
BY: dict[str, str] = {
    "channel": "web", "customer": "c1", "country": "DE", "currency": "EUR", "location": "BER",
}  # fmt: skip


@cache
def histories() -> tuple[list[tuple[str, object]], dict[str, World]]:
    """Two owners with an order each, packed and on hold, and with a reservation."""
    log, worlds = MemoryLog(HANDLERS), {}
    for world in (OWN, FOREIGN):
        for command in _shop(world):
            log.handle(command, CONTEXT, NOW)
        state = log.state(ORDER, order_stream(world.order_id))
        (work_id,) = state.fulfilment_orders
        for command in _packing(world, work_id):
            log.handle(command, CONTEXT, NOW)
        (shipment,) = log.state(ORDER, order_stream(world.order_id)).shipments
        named = {name: getattr(world, name) for name in World.__dataclass_fields__}
        worlds[world.channel] = World(**named | {"work": work_id, "shipment": shipment})
    return log.recorded, worlds


def _shop(world: World) -> list[object]:
    item: dict[str, Any] = {"location": world.location, "sku": world.sku}
    return [
        RegisterLocation(location=world.location, country=world.country),
        RegisterStockItem(**item),
        ReceiveStock(**item, quantity=9, document="d"),
        ReserveStock(
            **item,
            owner="cart",
            quantity=1,
            expires_at=LATE,
            reservation_id="R1",
        ),
        PlaceOrder(
            order_id=world.order_id,
            channel=world.channel,
            reference=world.reference,
            country=world.country,
            currency=world.currency,
            customer_id=world.customer,
            lines=(RequestedLine(sku=world.sku, quantity=2, unit_price=100),),
        ),
        ConfirmOrder(order_id=world.order_id),
        OpenFulfilmentOrders(order_id=world.order_id),
    ]


def _packing(world: World, work_id: str) -> list[object]:
    names: dict[str, Any] = {"order_id": world.order_id, "fulfilment_id": work_id}
    return [
        StartPick(**names, picker="ada"),
        ConfirmPick(**names, line=1, quantity=2, codes=()),
        Pack(**names, packer="ada"),
        PlaceHold(order_id=world.order_id, reason="r", hold_id="H1"),
    ]


def paid(world: World) -> PaymentRow:
    made = payment(1, currency=world.currency)
    made.channel, made.customer_id, made.country = world.channel, world.customer, world.country
    made.provider_ref = world.reference
    return made


def promise(world: World) -> ReservationRow:
    return ReservationRow(
        stock_item=f"{world.location}-{world.sku}",
        location=world.location,
        sku=world.sku,
        reservation_id="R1",
        owner="cart",
        quantity=1,
        expires_at=START,
    )


def house_of(by: str) -> tuple[House, dict[str, World]]:
    recorded, worlds = histories()
    bus = MemoryBus()
    for stream, event in recorded:
        bus.log.given(stream, event)
    house = House(bus, channel="web", reach=reach_of({by: [BY[by]]}))
    for number, world in enumerate((OWN, FOREIGN), start=1):
        rows: list[Any] = [
            order(
                number,
                channel=world.channel,
                customer_id=world.customer,
                country=world.country,
                currency=world.currency,
                reference=world.reference,
            ),
            line(1),
            work(1, world.location),
            fact(1),
            paid(world),
        ]
        for row in rows:
            row.order_id = world.order_id
        house.rows.rows += [*rows, item(world.location, world.sku, 3), promise(world)]
        house.rows.rows.append(place(world.location, country=world.country))
        house.vault.orders[world.order_id] = {"shipping": Contact(contact_id="c", name="Ada")}
    return house, worlds
