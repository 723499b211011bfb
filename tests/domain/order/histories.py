"""Small histories of one order, for tests to begin with."""

from typing import Any

from domain.order.events import (
    FulfilmentOrderOpened,
    HoldPlaced,
    ItemsPicked,
    LineBackordered,
    LineQuantityCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    PackVerified,
    PaymentCaptured,
    PickStarted,
    ShipmentDispatched,
    ShipmentPacked,
    SourcingDecided,
    Totals,
)
from domain.values import LineQuantity, LineShare
from tests.domain.stock.histories import NOW

CONFIRMED = OrderConfirmed()
HELD = HoldPlaced(hold_id="h1", reason="fraud")
PICKING = PickStarted(fulfilment_id="F1", picker="ada")
VERIFIED = PackVerified(shipment_id="S1", verifier="bob")


def line(number: int, quantity: int, **more: Any) -> OrderLine:
    return OrderLine(line=number, sku=f"SKU{number}", quantity=quantity, unit_price=100, **more)


def placed(*lines: OrderLine, **more: Any) -> OrderPlaced:
    """An order over these lines; one line of four units unless told otherwise."""
    lines = lines or (line(1, 4),)
    total = sum(line.total for line in lines)
    facts: dict[str, Any] = {
        "channel": "web",
        "reference": "R1",
        "customer_id": None,
        "country": "GB",
        "postal_area": None,
        "currency": "GBP",
        "totals": Totals(goods=total, charges=0, discount=0, tax=0, total=total),
        "payment_mode": "prepaid",
        "shortage_policy": "reject",
        "fingerprint": "f",
        "placed_at": NOW,
    }
    return OrderPlaced(lines=lines, **(facts | more))


def share(number: int, quantity: int, location: str = "LEEDS") -> LineShare:
    return LineShare(line=number, location=location, quantity=quantity)


def part(number: int, quantity: int) -> LineQuantity:
    return LineQuantity(line=number, quantity=quantity)


def sourced(*allocations: LineShare, backorders: tuple[LineShare, ...] = ()) -> SourcingDecided:
    return SourcingDecided(
        allocations=allocations,
        backorders=backorders,
        candidates=("LEEDS",),
        filtered_out=(),
        trace=(),
        policy_version=1,
        splits=1,
    )


def cancelled(number: int, quantity: int, reason: str = "less", **more: Any) -> object:
    return LineQuantityCancelled(line=number, quantity=quantity, reason=reason, **more)


def opened(*parts: LineQuantity, key: str = "F1", location: str = "LEEDS") -> FulfilmentOrderOpened:
    return FulfilmentOrderOpened(fulfilment_id=key, location=location, lines=parts)


def picked(number: int, quantity: int, *codes: str) -> ItemsPicked:
    return ItemsPicked(fulfilment_id="F1", line=number, quantity=quantity, codes=codes)


def packed(*parts: LineQuantity, key: str = "S1") -> ShipmentPacked:
    return ShipmentPacked(
        shipment_id=key,
        fulfilment_id="F1",
        location="LEEDS",
        lines=parts,
        parcels=1,
        packer="ada",
    )


def dispatched(*parts: LineQuantity, forced: bool = False) -> ShipmentDispatched:
    return ShipmentDispatched(
        shipment_id="S1", location="LEEDS", lines=parts, carrier="post", forced=forced, at=NOW
    )


def displaced(number: int, quantity: int) -> LineBackordered:
    return LineBackordered(line=number, location="LEEDS", quantity=quantity, cause="displaced")


def captured(amount: int, payment_id: str = "p1", ref: str = "r1") -> PaymentCaptured:
    return PaymentCaptured(
        payment_id=payment_id, provider="bank", provider_ref=ref, amount=amount, currency="GBP"
    )


PROMISED = [placed(), sourced(share(1, 4)), CONFIRMED]
IN_WORK = [*PROMISED, opened(part(1, 4))]
IN_PICK = [*IN_WORK, PICKING]
PACKED = [*IN_PICK, picked(1, 4), packed(part(1, 4))]
ON_ITS_WAY = [*PACKED, VERIFIED, dispatched(part(1, 4))]
