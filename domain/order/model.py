"""An order as it stands: its lines, its work, its shipments and its money."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.values import LineQuantity, PaymentMode, ShortagePolicy

Status = Literal[
    "none", "placed", "confirmed", "completed", "rejected", "cancelled", "draft", "expired"
]
OVER: tuple[Status, ...] = ("cancelled", "rejected", "expired")


@dataclass(slots=True)
class Line:
    """Counters of one line. `allocated` and `backordered` are by location."""

    line: int
    sku: str
    kind: str
    ordered: int
    total: int
    cancelled: int = 0
    unsourced: int = 0
    shipped: int = 0
    delivered: int = 0
    lost: int = 0
    allocated: dict[str, int] = field(default_factory=dict)
    backordered: dict[str, int] = field(default_factory=dict)

    @property
    def demand(self) -> int:
        return self.ordered - self.cancelled

    @property
    def settled(self) -> bool:
        """No more units of it will move; a charge has none."""
        return self.kind == "charge" or self.demand == self.delivered + self.lost

    def value_without(self, units: int) -> int:
        """What the line is worth without so many of its units, in minor units."""
        return self.total - self.total * units // self.ordered


@dataclass(slots=True)
class Work:
    """One line of a fulfilment order. Units that lose their promise leave it before the pick."""

    quantity: int
    picked: int = 0
    packed: int = 0
    short: int = 0

    @property
    def held(self) -> int:
        """Units that are picked or to be picked."""
        return self.quantity - self.short

    @property
    def unpicked(self) -> int:
        return self.quantity - self.short - self.picked


@dataclass(slots=True)
class FulfilmentOrder:
    """Work that one location was given."""

    location: str
    status: str
    lines: dict[int, Work]
    picker: str | None = None

    @property
    def pending(self) -> bool:
        """Its units have not left the location, and still may."""
        return self.status in ("open", "picking", "packed")

    @property
    def begun(self) -> bool:
        """Units of it are off their shelf."""
        return any(part.picked for part in self.lines.values())


@dataclass(slots=True)
class Shipment:
    """One packed consignment. `status` never goes back; `tracking` is the carrier's last word.

    `heard` holds all that the carrier said, so that it is not written down twice.
    """

    fulfilment_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    packer: str
    verifier: str | None = None
    status: str = "packed"
    dispatched_at: datetime | None = None
    tracking: str | None = None
    tracked_at: datetime | None = None
    heard: set[tuple[str, datetime]] = field(default_factory=set)

    @property
    def gone(self) -> bool:
        """Given up: the customer does not have it, as far as is known."""
        return self.status in ("lost", "returned_to_sender")


@dataclass(slots=True)
class OrderException:
    """Something that happened against the plan, open until a person closed it."""

    kind: str
    shipment_id: str | None
    open: bool = True


@dataclass(slots=True)
class MoneyFact:
    """What a provider said under one reference: of which payment, and how much."""

    payment_id: str
    amount: int
    refund_id: str | None = None


@dataclass(slots=True)
class Order:
    """The whole order: quantities and money."""

    status: Status = "none"
    channel: str = ""
    reference: str | None = None
    customer_id: str | None = None
    country: str = ""
    currency: str = ""
    total: int = 0
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    fingerprint: str = ""
    priority: int = 0
    placed_at: datetime | None = None
    contacts: dict[str, str] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)
    fulfilment_orders: dict[str, FulfilmentOrder] = field(default_factory=dict)
    shipments: dict[str, Shipment] = field(default_factory=dict)
    payments: dict[str, int] = field(default_factory=dict)
    refunds: dict[str, int] = field(default_factory=dict)
    exceptions: dict[str, OrderException] = field(default_factory=dict)
    money_facts: dict[str, MoneyFact] = field(default_factory=dict)

    @property
    def owed(self) -> int:
        """What is not cancelled is worth this much."""
        return sum(line.value_without(line.cancelled) for line in self.lines.values())

    @property
    def kept(self) -> int:
        """What the customer has is worth this much: neither cancelled nor lost on the way."""
        return sum(line.value_without(line.cancelled + line.lost) for line in self.lines.values())

    @property
    def captured(self) -> int:
        return sum(self.payments.values())

    @property
    def paid(self) -> int:
        return self.captured - sum(self.refunds.values())


def money_key(kind: str, provider: str, provider_ref: str) -> str:
    """One fact of a payment provider; quoted, so that no two can be spelled alike."""
    return f"{kind} {provider!r} {provider_ref!r}"
