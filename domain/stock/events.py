"""What can happen to one sku at one location. Quantities are units."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["sellable", "damaged", "quality_control", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemRegistered:
    """The location carries this sku from now on. `codes` are further codes a scanner may read."""

    sku: str
    location: str
    title: str = ""
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemCodesChanged:
    """These are the further codes from now on that a scanner may read for the item."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemTitleChanged:
    """The item is called this from now on."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockPolicyChanged:
    """How far the item may be promised and when it is to be bought again.

    `backorder_limit` None means without limit; with `preorder` as many units may wait as are to
    arrive, whatever the limit. `reorder_point` None means no alerts.
    """

    backorder_limit: int | None = 0
    preorder: bool = False
    safety_stock: int = 0
    reorder_point: int | None = None
    reorder_quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemSuspended:
    """No new demand may be promised from here for a while."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemResumed:
    """The item may be promised again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItemDiscontinued:
    """The item will not be promised any more."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockExpected:
    """So many units are still to arrive under a document, whatever it announced before."""

    document: str
    quantity: int
    eta: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived:
    """Units arrived at the location under a document. `unit_cost` is in minor units."""

    quantity: int
    document: str
    unit_cost: int | None = None
    currency: str | None = None
    lot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted:
    """The books were corrected by this many units, for a reason."""

    delta: int
    reason: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted:
    """Somebody counted the shelf; on hand is what they found."""

    counted: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved:
    """Units are softly promised until a moment."""

    reservation_id: str
    owner: str
    quantity: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExtended:
    """The soft promise lasts longer."""

    reservation_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased:
    """The soft promise is over: cancelled, expired, replaced or converted."""

    reservation_id: str
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAllocated:
    """Units are firmly promised to an order line."""

    order_id: str
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockBackordered:
    """An order line waits here for units that are not there yet."""

    order_id: str
    line: int
    quantity: int
    placed_at: datetime
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackorderFilled:
    """Units that arrived are firmly promised to an order line that waited for them."""

    order_id: str
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackorderCancelled:
    """The order line waits no more."""

    order_id: str
    line: int
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAllocationReleased:
    """Units that were promised to an order line are free again."""

    order_id: str
    line: int
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAllocationDisplaced:
    """The units promised to an order line are not there; the line waits again."""

    order_id: str
    line: int
    quantity: int
    reason: str
    placed_at: datetime
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StockShipped:
    """Promised units left the location. `forced` says the books did not have them."""

    order_id: str
    line: int
    quantity: int
    shipment_id: str
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StockStateMoved:
    """Units changed between sellable and one of the states that cannot be sold."""

    from_state: State
    to_state: State
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfStock:
    """Nothing is available any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackInStock:
    """Something is available again."""

    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LowStockReached:
    """Available units fell to the reorder point."""

    threshold: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LowStockCleared:
    """Available units rose above the reorder point again."""

    threshold: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderSuggested:
    """It is time to buy this many units."""

    quantity: int


EVENTS: tuple[type, ...] = (
    StockItemRegistered,
    StockItemCodesChanged,
    StockItemTitleChanged,
    StockPolicyChanged,
    StockItemSuspended,
    StockItemResumed,
    StockItemDiscontinued,
    StockExpected,
    StockReceived,
    StockAdjusted,
    StockCounted,
    StockReserved,
    ReservationExtended,
    ReservationReleased,
    StockAllocated,
    StockBackordered,
    BackorderFilled,
    BackorderCancelled,
    StockAllocationReleased,
    StockAllocationDisplaced,
    StockShipped,
    StockStateMoved,
    OutOfStock,
    BackInStock,
    LowStockReached,
    LowStockCleared,
    ReorderSuggested,
)
