"""Facts for examples: an order of three lines and what may happen to it."""

from datetime import timedelta

from domain.order import events as e
from domain.values import LineQuantity, LineShare
from tests.projections.memory import START

LINES = (
    e.OrderLine(line=1, sku="85123A", quantity=3, unit_price=255, title="T-light holder", tax=1),
    e.OrderLine(line=2, sku="71053", quantity=5, unit_price=339, title="Lantern", discount=5),
    e.OrderLine(line=3, sku="POST", quantity=1, unit_price=1800, title="Postage", kind="charge"),
)
TOTALS = e.Totals(goods=2460, charges=1800, discount=5, tax=1, total=4256)


def placed(
    *,
    lines: tuple[e.OrderLine, ...] = LINES,
    totals: e.Totals = TOTALS,
    channel: str = "web",
    reference: str | None = "536365",
    currency: str = "GBP",
    country: str = "GB",
    on_account: bool = False,
) -> e.OrderPlaced:
    return e.OrderPlaced(
        channel=channel,
        reference=reference,
        customer_id="17850",
        country=country,
        postal_area="EC1",
        currency=currency,
        lines=lines,
        totals=totals,
        payment_mode="on_account" if on_account else "prepaid",
        shortage_policy="backorder",
        fingerprint="f",
        ship_method="standard",
        promised_by=START + timedelta(days=2),
    )


def share(line: int, quantity: int, location: str = "LEEDS") -> LineShare:
    return LineShare(line=line, location=location, quantity=quantity)


def part(line: int, quantity: int) -> LineQuantity:
    return LineQuantity(line=line, quantity=quantity)


def sourced(*allocations: LineShare, backorders: tuple[LineShare, ...] = ()) -> e.SourcingDecided:
    return e.SourcingDecided(
        allocations=allocations,
        backorders=backorders,
        candidates=("LEEDS",),
        filtered_out=(),
        trace=(),
        policy_version=1,
        splits=1,
    )


def cancelled(
    line: int,
    quantity: int,
    *,
    allocated: tuple[LineShare, ...] = (),
    backordered: tuple[LineShare, ...] = (),
    unsourced: int = 0,
) -> e.LineQuantityCancelled:
    return e.LineQuantityCancelled(
        line=line,
        quantity=quantity,
        reason="changed their mind",
        allocated=allocated,
        backordered=backordered,
        unsourced=unsourced,
    )


def opened(*parts: LineQuantity, fulfilment_id: str = "F1") -> e.FulfilmentOrderOpened:
    return e.FulfilmentOrderOpened(fulfilment_id=fulfilment_id, location="LEEDS", lines=parts)


def picking(fulfilment_id: str = "F1") -> e.PickStarted:
    return e.PickStarted(fulfilment_id=fulfilment_id, picker="grace")


def picked(line: int, quantity: int, fulfilment_id: str = "F1") -> e.ItemsPicked:
    return e.ItemsPicked(fulfilment_id=fulfilment_id, line=line, quantity=quantity)


def short(line: int, quantity: int, fulfilment_id: str = "F1") -> e.PickShort:
    return e.PickShort(fulfilment_id=fulfilment_id, line=line, quantity=quantity)


def packed(*parts: LineQuantity, shipment_id: str = "S1") -> e.ShipmentPacked:
    return e.ShipmentPacked(
        shipment_id=shipment_id,
        fulfilment_id="F1",
        location="LEEDS",
        lines=parts,
        parcels=2,
        packer="grace",
    )


def dispatched(*parts: LineQuantity, shipment_id: str = "S1") -> e.ShipmentDispatched:
    return e.ShipmentDispatched(
        shipment_id=shipment_id, location="LEEDS", lines=parts, carrier="DHL", tracking="JD01"
    )


def delivered(shipment_id: str = "S1") -> e.ShipmentDelivered:
    return e.ShipmentDelivered(shipment_id=shipment_id, at=START + timedelta(days=1))


def captured(amount: int) -> e.PaymentCaptured:
    return e.PaymentCaptured(
        payment_id="P1", provider="stripe", provider_ref="ch_1", amount=amount, currency="GBP"
    )


def refunded(amount: int) -> e.RefundSucceeded:
    return e.RefundSucceeded(
        refund_id="R1",
        payment_id="P1",
        provider="stripe",
        provider_ref="re_1",
        amount=amount,
        currency="GBP",
        cause="goodwill",
    )


ALL_SOURCED = (placed(), sourced(share(1, 3), share(2, 5)))
ALL_PICKED = (
    *ALL_SOURCED,
    e.OrderConfirmed(),
    opened(part(1, 3), part(2, 5)),
    picking(),
    picked(1, 3),
    picked(2, 5),
)
ALL_PACKED = (*ALL_PICKED, packed(part(1, 3), part(2, 5)))
ALL_DISPATCHED = (*ALL_PACKED, dispatched(part(1, 3), part(2, 5)))
ALL_DELIVERED = (*ALL_DISPATCHED, delivered())
