"""What may be asked of an order."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Contact
from domain.values import LineKind, LineQuantity, PaymentMode, ShortagePolicy


@dataclass(slots=True, kw_only=True)
class RequestedLine:
    """One line as the channel asks for it; amounts are minor units."""

    sku: str
    quantity: int
    unit_price: int
    title: str = ""
    tax: int = 0
    discount: int = 0
    kind: LineKind = "stock"
    currency: str | None = None


@dataclass(slots=True, kw_only=True)
class PlaceOrder:
    """Place an order and promise its stock, in one append.

    `order_id` is derived from (channel, reference) where there is a reference. `total`, when
    given, must be the sum of the lines. `contacts` maps a role (billing, shipping) to personal
    data that goes to the vault.
    """

    order_id: str
    channel: str
    lines: tuple[RequestedLine, ...]
    currency: str
    country: str
    reference: str | None = None
    customer_id: str | None = None
    postal_area: str | None = None
    total: int | None = None
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    priority: int = 0
    ship_method: str | None = None
    promised_by: datetime | None = None
    preferred_location: str | None = None
    contacts: dict[str, Contact] | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmOrder:
    """Accept the order for fulfilment."""

    order_id: str


@dataclass(slots=True, kw_only=True)
class RejectOrder:
    """Refuse the order; its stock is free again."""

    order_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CancelLines:
    """Cancel units of some lines."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    reason: str


@dataclass(slots=True, kw_only=True)
class CancelOrder:
    """Cancel everything that has not been shipped."""

    order_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class PlaceHold:
    """Block the order until a matter is cleared."""

    order_id: str
    hold_id: str
    reason: str
    scope: str = "order"


@dataclass(slots=True, kw_only=True)
class ReleaseHold:
    """Clear the matter of a hold."""

    order_id: str
    hold_id: str


@dataclass(slots=True, kw_only=True)
class SourceOrder:
    """Choose locations again for the units that have no source."""

    order_id: str
    excluded: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class OpenFulfilmentOrders:
    """Give each location that holds allocated units of the order its work."""

    order_id: str
    fulfil_by: datetime | None = None


@dataclass(slots=True, kw_only=True)
class CancelFulfilmentOrder:
    """Take work back from a location before it is packed."""

    order_id: str
    fulfilment_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class StartPick:
    """Begin to pick; the picker is the caller unless named."""

    order_id: str
    fulfilment_id: str
    picker: str | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmPick:
    """Units were taken from the shelf; every scanned code must belong to the line's sku."""

    order_id: str
    fulfilment_id: str
    line: int
    quantity: int
    codes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ReportShort:
    """The shelf holds fewer units than promised; the rest is sourced again elsewhere."""

    order_id: str
    fulfilment_id: str
    line: int
    quantity: int


@dataclass(slots=True, kw_only=True)
class Pack:
    """Pack what was picked of a fulfilment order as one shipment."""

    order_id: str
    fulfilment_id: str
    parcels: int = 1
    packer: str | None = None


@dataclass(slots=True, kw_only=True)
class VerifyPack:
    """A second person checks the packed shipment."""

    order_id: str
    shipment_id: str
    verifier: str | None = None


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """The shipment leaves the location; its stock leaves the books."""

    order_id: str
    shipment_id: str
    carrier: str
    tracking: str | None = None
    forced: bool = False


@dataclass(slots=True, kw_only=True)
class RecordTracking:
    """Note what the carrier says."""

    order_id: str
    shipment_id: str
    status: str
    at: datetime
    location: str | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmDelivery:
    """The shipment reached the customer."""

    order_id: str
    shipment_id: str
    at: datetime | None = None
    proof: str | None = None


@dataclass(slots=True, kw_only=True)
class ReportReturnedToSender:
    """The carrier brought the shipment back."""

    order_id: str
    shipment_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class ReportLost:
    """The carrier lost the shipment."""

    order_id: str
    shipment_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CompleteOrder:
    """Close an order whose every line has come to its end."""

    order_id: str


@dataclass(slots=True, kw_only=True)
class RecordPayment:
    """Money of the customer reached the shop; the same (provider, ref) twice is a repeat."""

    order_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str


@dataclass(slots=True, kw_only=True)
class RecordRefund:
    """Money went back to the customer."""

    order_id: str
    refund_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    cause: str
