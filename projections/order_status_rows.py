"""The tables of order_status: the order, its lines, the work given to locations, its shipments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from projections.projection import Reachable, Table
from projections.rows import documented


@dataclass(slots=True, kw_only=True)
class OrderStatusRow:
    order_id: Annotated[str, "The order; its stream is order-<order_id>"]
    channel: Annotated[str, "Where the order came from"]
    reference: Annotated[str | None, "The channel's own number of the order"]
    customer_id: Annotated[str | None, "The customer's number, no personal data"]
    country: Annotated[str, "Country it goes to, ISO 3166 alpha-2"]
    postal_area: Annotated[str | None, "Coarse part of the postal code it goes to"]
    currency: Annotated[str, "ISO 4217 currency of every amount of this order"]
    payment_mode: Annotated[str, "prepaid, on_account or cash_on_delivery"]
    ship_method: Annotated[str | None, "How the customer wants it shipped"]
    status: Annotated[str, "placed, confirmed, completed, rejected, expired or cancelled"] = (
        "placed"
    )
    fulfilment_status: Annotated[
        str,
        "Folded from the units: unfulfilled, backordered, on_hold, in_progress (a location picks "
        "or packs), partially_shipped, shipped, partially_delivered, delivered (also when there "
        "are no goods) or cancelled",
    ] = "unfulfilled"
    payment_status: Annotated[
        str,
        "Folded from the money: none, on_account, partially_paid, paid, overpaid, "
        "partially_refunded or refunded",
    ] = "none"
    on_hold: Annotated[bool, "Whether a hold is open, so that nothing may leave"] = False
    holds: Annotated[int, "Open holds"] = 0
    hold_reasons: Annotated[dict[str, str], "Open holds: hold id -> why"] = field(
        default_factory=dict
    )
    lines: Annotated[int, "Lines, charges included"] = 0
    units_ordered: Annotated[int, "Units of goods ordered; charges count nowhere as units"] = 0
    units_cancelled: Annotated[int, "Units cancelled"] = 0
    units_unsourced: Annotated[int, "Units that no location has promised or waits for"] = 0
    units_allocated: Annotated[int, "Units that a location has promised and not yet sent"] = 0
    units_backordered: Annotated[int, "Units that wait for stock to arrive"] = 0
    units_picked: Annotated[int, "Units picked, in work that was not taken back"] = 0
    units_packed: Annotated[int, "Units packed"] = 0
    units_shipped: Annotated[int, "Units dispatched"] = 0
    units_delivered: Annotated[int, "Units delivered"] = 0
    units_lost: Annotated[int, "Units lost on the way or returned to sender"] = 0
    work_in_progress: Annotated[int, "Fulfilment orders being picked or packed now"] = 0
    total: Annotated[int, "Agreed total with tax and charges, minor units of currency"]
    cancelled_amount: Annotated[int, "The total's part that was cancelled, minor units"] = 0
    captured: Annotated[int, "Money received, minor units of currency"] = 0
    refunded: Annotated[int, "Money given back, minor units of currency"] = 0
    promised_by: Annotated[datetime | None, "When the customer was promised the goods, UTC"]
    placed_at: Annotated[datetime, "When the order was placed, business time, UTC"]
    confirmed_at: Annotated[datetime | None, "When it was confirmed, UTC"] = None
    dispatched_at: Annotated[datetime | None, "When its first shipment left, UTC"] = None
    delivered_at: Annotated[datetime | None, "When its last shipment so far arrived, UTC"] = None
    completed_at: Annotated[datetime | None, "When it was completed, UTC"] = None
    cancelled_at: Annotated[datetime | None, "When it was cancelled, rejected or expired"] = None
    updated_at: Annotated[datetime, "When its last event was recorded, UTC"]
    version: Annotated[int, "Events of the order so far; If-Match compares with it"]
    position: Annotated[int, "Log position of its last event"]
    open_exceptions: Annotated[int, "What went against the plan and nobody has closed yet"] = 0
    exceptions: Annotated[
        dict[str, Any], "The same by exception id: its kind, its shipment_id or null, and since"
    ] = field(default_factory=dict)
    late: Annotated[
        bool, "Whether promised_by has passed, now, and goods have still to be dispatched"
    ] = False
    unsourced: Annotated[bool, "Whether units have no source, so that somebody must act"] = False
    has_exceptions: Annotated[bool, "Whether an exception is open"] = False


@dataclass(slots=True, kw_only=True)
class OrderLineRow:
    order_id: Annotated[str, "The order"]
    line: Annotated[int, "Number of the line within the order"]
    sku: Annotated[str, "What was ordered"]
    title: Annotated[str, "Its name when it was ordered"]
    kind: Annotated[str, "stock (goods) or charge (postage, fee, discount: money without stock)"]
    ordered: Annotated[int, "Units ordered"]
    cancelled: Annotated[int, "Units cancelled"] = 0
    unsourced: Annotated[int, "Units that no location has promised or waits for"] = 0
    allocated: Annotated[int, "Units that a location has promised and not yet sent"] = 0
    allocated_at: Annotated[dict[str, int], "The same by location: location -> units"] = field(
        default_factory=dict
    )
    backordered: Annotated[int, "Units that wait for stock to arrive"] = 0
    picked: Annotated[int, "Units picked, in work that was not taken back"] = 0
    packed: Annotated[int, "Units packed"] = 0
    shipped: Annotated[int, "Units dispatched"] = 0
    delivered: Annotated[int, "Units delivered"] = 0
    lost: Annotated[int, "Units lost on the way or returned to sender"] = 0
    unit_price: Annotated[int, "Price of one unit before discount and tax, minor units"]
    total: Annotated[int, "Worth of the line with discount and tax, minor units"]
    currency: Annotated[str, "ISO 4217 currency of the amounts"]


@dataclass(slots=True, kw_only=True)
class FulfilmentRow:
    order_id: Annotated[str, "The order"]
    fulfilment_id: Annotated[str, "The fulfilment order"]
    location: Annotated[str, "The location that was given the work"]
    status: Annotated[str, "open, picking, packed, dispatched, closed or cancelled"] = "open"
    pending: Annotated[bool, "Whether the location still has something to do"] = True
    picker: Annotated[str | None, "Who picks"] = None
    lines: Annotated[
        dict[str, Any],
        "Line number -> sku, title and its units: quantity (to be sent, without those whose "
        "promise was lost before the pick), picked, packed, short (not found)",
    ]
    fulfil_by: Annotated[datetime | None, "When it has to be done, UTC"]
    opened_at: Annotated[datetime, "When the work was given, UTC"]
    updated_at: Annotated[datetime, "When something last happened to it, business time, UTC"]


@dataclass(slots=True, kw_only=True)
class ShipmentRow:
    order_id: Annotated[str, "The order"]
    shipment_id: Annotated[str, "The shipment"]
    fulfilment_id: Annotated[str, "The fulfilment order it was packed for"]
    location: Annotated[str, "Where it leaves from"]
    status: Annotated[str, "packed, dispatched, delivered, returned_to_sender or lost"] = "packed"
    lines: Annotated[dict[str, int], "Line number -> units inside"]
    parcels: Annotated[int, "Parcels it consists of"]
    packer: Annotated[str, "Who packed it"]
    verifier: Annotated[str | None, "Who checked it; never the packer"] = None
    carrier: Annotated[str | None, "Who carries it"] = None
    tracking: Annotated[str | None, "The carrier's number for it"] = None
    tracking_status: Annotated[str | None, "The carrier's latest word, by its own clock"] = None
    tracked_at: Annotated[datetime | None, "When the carrier said so, UTC"] = None
    forced: Annotated[bool, "Whether it left although the books had too few units"] = False
    packed_at: Annotated[datetime, "When it was packed, UTC"]
    dispatched_at: Annotated[datetime | None, "When it left, UTC"] = None
    delivered_at: Annotated[datetime | None, "When it reached the customer, UTC"] = None


@dataclass(slots=True, kw_only=True)
class PaymentRow:
    order_id: Annotated[str, "The order"]
    payment_id: Annotated[str, "The payment; refunds name it"]
    channel: Annotated[str, "Where the order came from"]
    country: Annotated[str, "Country the order goes to, ISO 3166 alpha-2"]
    customer_id: Annotated[str | None, "The customer's number, no personal data"]
    currency: Annotated[str, "ISO 4217 currency of the amounts"]
    provider: Annotated[str, "Who told us of it"]
    provider_ref: Annotated[str, "The provider's own reference of the first capture"]
    captured: Annotated[int, "Money received, minor units of currency"] = 0
    refunded: Annotated[int, "Money given back, minor units of currency"] = 0
    captures: Annotated[list[Any], "Each time that money came: provider_ref, amount, at"] = field(
        default_factory=list
    )
    refunds: Annotated[
        list[Any], "Each time that money went back: refund_id, provider_ref, amount, cause, at"
    ] = field(default_factory=list)
    captured_at: Annotated[datetime, "When money first came, business time, UTC"]
    updated_at: Annotated[datetime, "When money last came or went back, business time, UTC"]


TO_BE_SENT = "units_ordered - units_cancelled > units_shipped"
TABLES = (
    Table(
        name="order_status",
        row=OrderStatusRow,
        key=("order_id",),
        about="Every order as it stands, one row each.",
        columns=documented(OrderStatusRow),
        indexes=(
            ("placed_at", "order_id"),
            ("status", "placed_at", "order_id"),
            ("customer_id", "placed_at", "order_id"),
            ("channel", "reference"),
            ("fulfilment_status", "placed_at", "order_id"),
            ("payment_status", "placed_at", "order_id"),
        ),
        # Of what somebody must look at there is little at a time.
        partial={
            ("on_hold", "placed_at"): "on_hold",
            ("units_unsourced", "placed_at"): "units_unsourced > 0",
            ("open_exceptions", "placed_at"): "open_exceptions > 0",
            ("promised_by",): TO_BE_SENT,
        },
        computed={
            "late": f"promised_by IS NOT NULL AND promised_by < now() AND {TO_BE_SENT}",
            "unsourced": "units_unsourced > 0",
            "has_exceptions": "open_exceptions > 0",
        },
    ),
    Table(
        name="order_status_line",
        row=OrderLineRow,
        key=("order_id", "line"),
        about="Every line of every order as it stands.",
        columns=documented(OrderLineRow),
        indexes=(("sku",),),
    ),
    Table(
        name="order_fulfilment",
        row=FulfilmentRow,
        key=("order_id", "fulfilment_id"),
        about="The work that locations were given, one row for each fulfilment order.",
        columns=documented(FulfilmentRow),
        indexes=(("pending", "location", "opened_at", "order_id", "fulfilment_id"),),
    ),
    Table(
        name="order_shipment",
        row=ShipmentRow,
        key=("order_id", "shipment_id"),
        about="Every packed shipment of every order.",
        columns=documented(ShipmentRow),
        indexes=(("tracking",),),
    ),
    Table(
        name="order_payment",
        row=PaymentRow,
        key=("order_id", "payment_id"),
        about="Every payment that reached an order, and what went back of it.",
        columns=documented(PaymentRow),
        indexes=(("captured_at", "order_id", "payment_id"), ("provider_ref",)),
    ),
)

REACH: Mapping[type, Reachable] = {
    OrderStatusRow: Reachable(
        columns={
            "channel": "channel",
            "country": "country",
            "currency": "currency",
            "customer": "customer_id",
        }
    ),
    OrderLineRow: Reachable(owner="order_id", like=OrderStatusRow),
    FulfilmentRow: Reachable(
        columns={"location": "location"}, owner="order_id", like=OrderStatusRow
    ),
    ShipmentRow: Reachable(columns={"location": "location"}, owner="order_id", like=OrderStatusRow),
    PaymentRow: Reachable(
        columns={
            "channel": "channel",
            "country": "country",
            "currency": "currency",
            "customer": "customer_id",
        }
    ),
}
