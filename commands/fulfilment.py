"""What may be asked of an order on its way out of the door."""

from dataclasses import dataclass
from datetime import datetime


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
