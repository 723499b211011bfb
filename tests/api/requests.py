"""One sound request for every command route, and the command that it must become."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from commands import fulfilment, location, order, payment, policy, stock
from commands.handling import Contact
from commands.resourcing import SourceOrder
from domain.values import LineQuantity, order_id_of

ID = "7d0c9f5e-2f5b-5b7a-9d6e-0b6a4f4b9c11"
ORDER = f"/v1/orders/{ID}"
WORK = f"{ORDER}/fulfilment-orders/F1"
SHIPMENT = f"{ORDER}/shipments/S1"
MOMENT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
STATED = "2024-05-01T14:00:00+02:00"
ITEM: dict[str, Any] = {"location": "BER", "sku": "TEA/GREEN 100%"}
WHY: dict[str, Any] = {"reason": "asked for it"}
MONEY: dict[str, Any] = {
    "provider": "stripe",
    "provider_ref": "ch_1",
    "amount": 1999,
    "currency": "EUR",
}
LINE = {"sku": "TEA/GREEN 100%", "quantity": 2, "unit_price": 1999}
PLACE: dict[str, Any] = {
    "reference": "web-1",
    "country": "DE",
    "currency": "EUR",
    "lines": [LINE],
}
# The first id that the house gives out names the request, the second the command.
DERIVED_FROM = UUID(int=2)


@dataclass(frozen=True)
class Sound:
    operation: str
    path: str
    body: dict[str, Any] | None
    command: object


def _derived(what: str) -> str:
    return str(uuid5(DERIVED_FROM, what))


COMMANDS = [
    Sound(
        "place_order",
        "/v1/orders",
        PLACE
        | {
            "contacts": {"shipping": {"name": "Ada"}},
            "reservations": ["cart-7"],
            "promised_by": STATED,
        },
        order.PlaceOrder(
            order_id=order_id_of("web", "web-1"),
            channel="web",
            reference="web-1",
            country="DE",
            currency="EUR",
            lines=(order.RequestedLine(sku="TEA/GREEN 100%", quantity=2, unit_price=1999),),
            contacts={"shipping": Contact(contact_id="", name="Ada")},
            promised_by=MOMENT,
            reservations=("cart-7",),
        ),
    ),
    Sound("confirm_order", f"{ORDER}/confirm", None, order.ConfirmOrder(order_id=ID)),
    Sound(
        "reject_order",
        f"{ORDER}/reject",
        WHY,
        order.RejectOrder(order_id=ID, reason="asked for it"),
    ),
    Sound(
        "cancel_order",
        f"{ORDER}/cancel",
        WHY,
        order.CancelOrder(order_id=ID, reason="asked for it"),
    ),
    Sound(
        "cancel_lines",
        f"{ORDER}/cancel-lines",
        WHY | {"lines": [{"line": 1, "quantity": 2}]},
        order.CancelLines(
            order_id=ID, lines=(LineQuantity(line=1, quantity=2),), reason="asked for it"
        ),
    ),
    Sound(
        "place_hold",
        f"{ORDER}/holds",
        WHY,
        order.PlaceHold(order_id=ID, reason="asked for it"),
    ),
    Sound(
        "release_hold",
        f"{ORDER}/holds/H1/release",
        None,
        order.ReleaseHold(order_id=ID, hold_id="H1"),
    ),
    Sound(
        "source_order",
        f"{ORDER}/source",
        {"excluded": ["BER"]},
        SourceOrder(order_id=ID, excluded=("BER",)),
    ),
    Sound("complete_order", f"{ORDER}/complete", None, order.CompleteOrder(order_id=ID)),
    Sound(
        "open_fulfilment_orders",
        f"{ORDER}/fulfilment-orders",
        {"fulfil_by": STATED},
        fulfilment.OpenFulfilmentOrders(order_id=ID, fulfil_by=MOMENT),
    ),
    Sound(
        "cancel_fulfilment_order",
        f"{WORK}/cancel",
        WHY,
        fulfilment.CancelFulfilmentOrder(order_id=ID, fulfilment_id="F1", reason="asked for it"),
    ),
    Sound(
        "start_pick",
        f"{WORK}/start-pick",
        {"picker": "ada"},
        fulfilment.StartPick(order_id=ID, fulfilment_id="F1", picker="ada"),
    ),
    Sound(
        "confirm_pick",
        f"{WORK}/pick",
        {"line": 1, "quantity": 2, "codes": ["4006381333931"]},
        fulfilment.ConfirmPick(
            order_id=ID, fulfilment_id="F1", line=1, quantity=2, codes=("4006381333931",)
        ),
    ),
    Sound(
        "report_short",
        f"{WORK}/short",
        {"line": 1, "quantity": 1},
        fulfilment.ReportShort(order_id=ID, fulfilment_id="F1", line=1, quantity=1),
    ),
    Sound(
        "pack",
        f"{WORK}/pack",
        {"parcels": 2},
        fulfilment.Pack(order_id=ID, fulfilment_id="F1", parcels=2),
    ),
    Sound(
        "verify_pack",
        f"{SHIPMENT}/verify",
        {"verifier": "bob"},
        fulfilment.VerifyPack(order_id=ID, shipment_id="S1", verifier="bob"),
    ),
    Sound(
        "dispatch_shipment",
        f"{SHIPMENT}/dispatch",
        {"carrier": "DHL", "tracking": "00340"},
        fulfilment.Dispatch(order_id=ID, shipment_id="S1", carrier="DHL", tracking="00340"),
    ),
    Sound(
        "record_tracking",
        f"{SHIPMENT}/tracking",
        {"status": "in transit", "at": STATED},
        fulfilment.RecordTracking(order_id=ID, shipment_id="S1", status="in transit", at=MOMENT),
    ),
    Sound(
        "confirm_delivery",
        f"{SHIPMENT}/deliver",
        {"at": STATED, "proof": "signed"},
        fulfilment.ConfirmDelivery(order_id=ID, shipment_id="S1", at=MOMENT, proof="signed"),
    ),
    Sound(
        "report_returned",
        f"{SHIPMENT}/returned-to-sender",
        WHY,
        fulfilment.ReportReturnedToSender(order_id=ID, shipment_id="S1", reason="asked for it"),
    ),
    Sound(
        "report_lost",
        f"{SHIPMENT}/lost",
        WHY,
        fulfilment.ReportLost(order_id=ID, shipment_id="S1", reason="asked for it"),
    ),
    Sound(
        "record_payment",
        f"{ORDER}/payments",
        MONEY,
        payment.RecordPayment(order_id=ID, **MONEY),
    ),
    Sound(
        "record_refund",
        f"{ORDER}/refunds",
        MONEY | {"payment_id": "P1", "refund_id": "R1", "cause": "damaged"},
        payment.RecordRefund(
            order_id=ID, payment_id="P1", refund_id="R1", cause="damaged", **MONEY
        ),
    ),
    Sound(
        "register_stock_item",
        "/v1/stock/register",
        ITEM | {"codes": ["4006381333931"]},
        stock.RegisterStockItem(**ITEM, codes=("4006381333931",)),
    ),
    Sound(
        "set_stock_title",
        "/v1/stock/title",
        ITEM | {"title": "Lantern"},
        stock.SetStockTitle(**ITEM, title="Lantern"),
    ),
    Sound(
        "set_stock_codes",
        "/v1/stock/codes",
        ITEM | {"codes": ["4006381333931"]},
        stock.SetStockCodes(**ITEM, codes=("4006381333931",)),
    ),
    Sound(
        "set_stock_policy",
        "/v1/stock/policy",
        ITEM | {"backorder_limit": None, "safety_stock": 3},
        stock.SetStockPolicy(**ITEM, backorder_limit=None, safety_stock=3),
    ),
    Sound(
        "suspend_stock_item",
        "/v1/stock/suspend",
        ITEM | WHY,
        stock.SuspendStockItem(**ITEM, **WHY),
    ),
    Sound("resume_stock_item", "/v1/stock/resume", ITEM, stock.ResumeStockItem(**ITEM)),
    Sound(
        "discontinue_stock_item",
        "/v1/stock/discontinue",
        ITEM | WHY,
        stock.DiscontinueStockItem(**ITEM, **WHY),
    ),
    Sound(
        "expect_stock",
        "/v1/stock/expect",
        ITEM | {"document": "PO-1", "quantity": 5, "eta": STATED},
        stock.ExpectStock(**ITEM, document="PO-1", quantity=5, eta=MOMENT),
    ),
    Sound(
        "receive_stock",
        "/v1/stock/receive",
        ITEM | {"document": "PO-1", "quantity": 5, "unit_cost": 700, "currency": "EUR"},
        stock.ReceiveStock(**ITEM, document="PO-1", quantity=5, unit_cost=700, currency="EUR"),
    ),
    Sound(
        "adjust_stock",
        "/v1/stock/adjust",
        ITEM | WHY | {"delta": -2},
        stock.AdjustStock(**ITEM, **WHY, delta=-2),
    ),
    Sound(
        "count_stock",
        "/v1/stock/count",
        ITEM | {"counted": 7, "counted_at_version": 4},
        stock.CountStock(**ITEM, counted=7, counted_at_version=4),
    ),
    Sound(
        "move_stock_state",
        "/v1/stock/move-state",
        ITEM | WHY | {"from_state": "sellable", "to_state": "damaged", "quantity": 1},
        stock.MoveStockState(**ITEM, **WHY, from_state="sellable", to_state="damaged", quantity=1),
    ),
    Sound("fill_backorders", "/v1/stock/fill-backorders", ITEM, stock.FillBackorders(**ITEM)),
    Sound(
        "reserve_stock",
        "/v1/stock/reserve",
        ITEM | {"owner": "cart-1", "quantity": 1, "expires_at": STATED},
        stock.ReserveStock(
            **ITEM,
            owner="cart-1",
            quantity=1,
            expires_at=MOMENT,
        ),
    ),
    Sound(
        "extend_reservation",
        "/v1/stock/extend-reservation",
        ITEM | {"reservation_id": "R1", "expires_at": STATED},
        stock.ExtendReservation(**ITEM, reservation_id="R1", expires_at=MOMENT),
    ),
    Sound(
        "release_reservation",
        "/v1/stock/release-reservation",
        ITEM | {"reservation_id": "R1"},
        stock.ReleaseReservation(**ITEM, reservation_id="R1"),
    ),
    Sound(
        "register_location",
        "/v1/locations",
        {"location": "BER", "country": "DE", "zones": ["DE", "AT"], "priority": 1},
        location.RegisterLocation(location="BER", country="DE", zones=("DE", "AT"), priority=1),
    ),
    Sound(
        "change_location",
        "/v1/locations/BER/change",
        {"country": "DE", "channels": ["web"]},
        location.ChangeLocation(location="BER", country="DE", channels=("web",)),
    ),
    Sound(
        "close_location",
        "/v1/locations/BER/close",
        WHY,
        location.CloseLocation(location="BER", reason="asked for it"),
    ),
    Sound(
        "set_order_policy",
        "/v1/order-policy",
        {"expire_unpaid_after": 3_600, "dispatch_needs_payment": True},
        policy.SetOrderPolicy(expire_unpaid_after=3_600, dispatch_needs_payment=True),
    ),
    Sound("expire_order", f"{ORDER}/expire", None, order.ExpireOrder(order_id=ID)),
    Sound(
        "close_order_exception",
        f"{ORDER}/exceptions/X1/close",
        WHY,
        order.CloseOrderException(order_id=ID, exception_id="X1", reason="asked for it"),
    ),
    Sound(
        "dispatch_cancelled",
        f"{ORDER}/dispatch-cancelled",
        {"location": "BER", "lines": [{"line": 1, "quantity": 2}], "carrier": "dhl"},
        fulfilment.DispatchCancelled(
            order_id=ID,
            location="BER",
            lines=(LineQuantity(line=1, quantity=2),),
            carrier="dhl",
        ),
    ),
    Sound(
        "set_sourcing_policy",
        "/v1/sourcing-policy",
        {"rules": ["zone", "priority"], "max_splits": 2},
        location.SetSourcingPolicy(rules=("zone", "priority"), max_splits=2),
    ),
]
