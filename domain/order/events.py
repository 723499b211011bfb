"""What can happen to an order. Amounts are minor units of the order's currency."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.values import LineKind, LineQuantity, LineShare, PaymentMode, ShortagePolicy

ExceptionKind = Literal[
    "delivered-after-loss",
    "delivered-after-return",
    "returned-after-loss",
    "dispatched-after-cancellation",
    "forced-dispatch",
    "paid-after-end",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """What was agreed for one line, frozen when the order is placed.

    `unit_price` is per unit; `tax` and `discount` are for the whole line, so a line is worth
    quantity x unit_price - discount + tax.
    """

    line: int
    sku: str
    quantity: int
    unit_price: int
    title: str = ""
    tax: int = 0
    discount: int = 0
    kind: LineKind = "stock"

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price - self.discount + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums that were agreed: goods and charges before discount and tax."""

    goods: int
    charges: int
    discount: int
    tax: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteredOut:
    """A location that could not serve the order, and why."""

    location: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    """A customer ordered these lines at these prices.

    `placed_at` is the place in the queue of those that wait: the business time of the event, said
    again where the fold can see it.
    """

    channel: str
    reference: str | None
    customer_id: str | None
    country: str
    postal_area: str | None
    currency: str
    lines: tuple[OrderLine, ...]
    totals: Totals
    payment_mode: PaymentMode
    shortage_policy: ShortagePolicy
    fingerprint: str
    placed_at: datetime | None = None
    priority: int = 0
    ship_method: str | None = None
    promised_by: datetime | None = None
    contacts: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcingDecided:
    """These locations serve these lines; their stock was promised in the same append."""

    allocations: tuple[LineShare, ...]
    backorders: tuple[LineShare, ...]
    candidates: tuple[str, ...]
    filtered_out: tuple[FilteredOut, ...]
    trace: tuple[str, ...]
    policy_version: int
    splits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAllocated:
    """Stock at a location is now promised to units of the line that waited for it."""

    line: int
    location: str
    quantity: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBackordered:
    """Units of the line lost their promise or found none, and wait at a location."""

    line: int
    location: str
    quantity: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnsourced:
    """Units of the line are not to come from a location any more, and have no source.

    `promise` says how it held them: allocated, or as backordered units that waited there.
    """

    line: int
    location: str
    quantity: int
    promise: Literal["allocated", "backordered"]
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuantityCancelled:
    """Units of the line will not be fulfilled; what was promised to them is free again."""

    line: int
    quantity: int
    reason: str
    allocated: tuple[LineShare, ...] = ()
    backordered: tuple[LineShare, ...] = ()
    unsourced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReinstated:
    """Units of the line that were cancelled are wanted after all, and promised by a location."""

    line: int
    location: str
    quantity: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed:
    """The order is accepted and may be fulfilled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The shop will not take the order."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired:
    """The order was to be paid in advance, and was not for too long; it will not be fulfilled."""

    unpaid_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """The order will not be fulfilled; stock promised to it is free again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCompleted:
    """Every line has come to its end and nothing is owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """Something must be cleared before the order may leave."""

    hold_id: str
    reason: str
    scope: str = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """The matter of the hold is cleared."""

    hold_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentOrderOpened:
    """A location was given these lines to pick and pack."""

    fulfilment_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    fulfil_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentOrderCancelled:
    """The location will not do this work; its lines are free to be given elsewhere."""

    fulfilment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickStarted:
    """A picker took on the fulfilment order."""

    fulfilment_id: str
    picker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsPicked:
    """Units of a line were taken from the shelf and their codes scanned."""

    fulfilment_id: str
    line: int
    quantity: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PickShort:
    """The shelf held fewer units than promised; the missing ones have no source any more."""

    fulfilment_id: str
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentPacked:
    """Picked units were packed as one shipment."""

    shipment_id: str
    fulfilment_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    parcels: int
    packer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackVerified:
    """A second person checked the packed shipment."""

    shipment_id: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDispatched:
    """The shipment left the location.

    `at` is the business time of the event, said again where the fold can see it.
    """

    shipment_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    carrier: str
    tracking: str | None = None
    forced: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingUpdated:
    """The carrier said something about the shipment; it may be late or out of order."""

    shipment_id: str
    status: str
    at: datetime
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDelivered:
    """The shipment reached the customer."""

    shipment_id: str
    at: datetime
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentReturnedToSender:
    """The carrier brought the shipment back."""

    shipment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentLost:
    """The carrier lost the shipment."""

    shipment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured:
    """Money of the customer reached the shop."""

    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSucceeded:
    """Money went back to the customer; this never moves stock."""

    refund_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExceptionFlagged:
    """Something happened against the plan. It is listed until a person closes it."""

    exception_id: str
    kind: ExceptionKind
    shipment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExceptionClosed:
    """A person looked at the exception and did what was needed."""

    exception_id: str
    reason: str


EVENTS: tuple[type, ...] = (
    OrderPlaced,
    SourcingDecided,
    LineAllocated,
    LineBackordered,
    LineUnsourced,
    LineQuantityCancelled,
    LineReinstated,
    OrderConfirmed,
    OrderRejected,
    OrderExpired,
    OrderCancelled,
    OrderCompleted,
    HoldPlaced,
    HoldReleased,
    FulfilmentOrderOpened,
    FulfilmentOrderCancelled,
    PickStarted,
    ItemsPicked,
    PickShort,
    ShipmentPacked,
    PackVerified,
    ShipmentDispatched,
    TrackingUpdated,
    ShipmentDelivered,
    ShipmentReturnedToSender,
    ShipmentLost,
    PaymentCaptured,
    RefundSucceeded,
    OrderExceptionFlagged,
    OrderExceptionClosed,
)
