"""What may be asked of one sku at one location, and of the locations."""

from dataclasses import dataclass
from datetime import datetime

from domain.stock.events import State


@dataclass(slots=True, kw_only=True)
class RegisterLocation:
    """Keep stock at a place from now on."""

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(slots=True, kw_only=True)
class ChangeLocation:
    """Let a place serve other zones or channels."""

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(slots=True, kw_only=True)
class CloseLocation:
    """Let a place serve no new demand."""

    location: str
    reason: str


@dataclass(slots=True, kw_only=True)
class SetSourcingPolicy:
    """Say how locations are chosen."""

    rules: tuple[str, ...]
    max_splits: int = 3


@dataclass(slots=True, kw_only=True)
class RegisterStockItem:
    """Let a location carry a sku."""

    location: str
    sku: str
    title: str = ""
    codes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class SetStockPolicy:
    """Say how far an item may be promised and when to buy it again."""

    location: str
    sku: str
    backorder_limit: int | None = 0
    preorder: bool = False
    safety_stock: int = 0
    reorder_point: int | None = None
    reorder_quantity: int = 0


@dataclass(slots=True, kw_only=True)
class SuspendStockItem:
    """Promise nothing more from here for a while."""

    location: str
    sku: str
    reason: str


@dataclass(slots=True, kw_only=True)
class ResumeStockItem:
    """Promise from here again."""

    location: str
    sku: str


@dataclass(slots=True, kw_only=True)
class DiscontinueStockItem:
    """Never promise this from here again."""

    location: str
    sku: str
    reason: str


@dataclass(slots=True, kw_only=True)
class ExpectStock:
    """A document announces units; the same document again replaces what it said."""

    location: str
    sku: str
    document: str
    quantity: int
    eta: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ReceiveStock:
    """Units arrived; up to 100 waiting order lines are filled in the same append."""

    location: str
    sku: str
    quantity: int
    document: str
    unit_cost: int | None = None
    currency: str | None = None
    lot: str | None = None


@dataclass(slots=True, kw_only=True)
class FillBackorders:
    """Fill the next 100 waiting order lines from what is available."""

    location: str
    sku: str


@dataclass(slots=True, kw_only=True)
class AdjustStock:
    """Correct the books by a number of units, for a reason."""

    location: str
    sku: str
    delta: int
    reason: str
    reference: str | None = None


@dataclass(slots=True, kw_only=True)
class CountStock:
    """Somebody counted; stale when stock moved since version `counted_at_version`."""

    location: str
    sku: str
    counted: int
    counted_at_version: int | None = None


@dataclass(slots=True, kw_only=True)
class ReserveStock:
    """Promise units softly until a moment."""

    location: str
    sku: str
    reservation_id: str
    owner: str
    quantity: int
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class ExtendReservation:
    """Let a soft promise last longer."""

    location: str
    sku: str
    reservation_id: str
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class ReleaseReservation:
    """End a soft promise."""

    location: str
    sku: str
    reservation_id: str
    reason: str = "cancelled"


@dataclass(slots=True, kw_only=True)
class MoveStockState:
    """Move units between sellable and one of the states that cannot be sold."""

    location: str
    sku: str
    from_state: State
    to_state: State
    quantity: int
    reason: str
