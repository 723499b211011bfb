"""The tables of inventory: what each location holds of each sku, and what moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any

from projections.projection import Reachable, Table
from projections.rows import documented


@dataclass(slots=True, kw_only=True)
class InventoryRow:
    stock_item: Annotated[str, "Location and sku as LOCATION-sku; the stream is stock-<this>"]
    location: Annotated[str, "Where the units are"]
    sku: Annotated[str, "What they are"]
    title: Annotated[str, "Name of the sku"]
    status: Annotated[str, "active, suspended (no new demand) or discontinued"] = "active"
    on_hand: Annotated[int, "Units physically there; below 0 only after a forced dispatch"] = 0
    reserved: Annotated[int, "Units softly promised now: a promise ends when its time is over"] = 0
    allocated: Annotated[int, "Units firmly promised to order lines and not yet shipped"] = 0
    unavailable: Annotated[int, "Units on hand that cannot be sold"] = 0
    unavailable_by_state: Annotated[
        dict[str, int], "The same by state: damaged, quality_control or other -> units"
    ] = field(default_factory=dict)
    backordered: Annotated[int, "Units that order lines wait for here"] = 0
    incoming: Annotated[int, "Units announced and not yet received"] = 0
    incoming_documents: Annotated[
        dict[str, Any], "The same by document: document -> quantity and eta (UTC, or null)"
    ] = field(default_factory=dict)
    safety_stock: Annotated[int, "Units that are never promised to anyone"] = 0
    available: Annotated[
        int, "Now: on_hand - allocated - reserved - unavailable - safety_stock, 0 when below"
    ] = 0
    backorder_limit: Annotated[int | None, "Units that may wait here; null is without limit"] = 0
    preorder: Annotated[bool, "Whether it may be ordered before it ever arrived"] = False
    reorder_point: Annotated[int | None, "Available units at which to buy; null is never"] = None
    reorder_quantity: Annotated[int, "How many to buy then; 0 is no suggestion"] = 0
    out_of_stock: Annotated[bool, "Whether the last alert said that nothing is available"] = True
    low_stock: Annotated[bool, "Whether the last alert said that it is time to buy"] = False
    updated_at: Annotated[datetime, "When its last event was recorded, UTC"]
    version: Annotated[int, "Events of the stock item so far; If-Match compares with it"]
    position: Annotated[int, "Log position of its last event"]
    reservations: Annotated[
        dict[str, Any],
        "Soft promises whose end is not recorded: reservation id -> owner, quantity, expires_at",
    ] = field(default_factory=dict)
    reserved_until: Annotated[
        datetime | None, "When the last of them ends, UTC; null when there is none"
    ] = None


@dataclass(slots=True, kw_only=True)
class MovementRow:
    stock_item: Annotated[str, "Location and sku as LOCATION-sku"]
    stream_version: Annotated[int, "Number of the event within the stock item"]
    position: Annotated[int, "Log position of the event"]
    location: Annotated[str, "Where it moved"]
    sku: Annotated[str, "What moved"]
    day: Annotated[date, "UTC day on which it happened"]
    at: Annotated[datetime, "When it happened, business time, UTC"]
    kind: Annotated[str, "received, adjusted, counted or shipped"]
    units: Annotated[int, "By how many units on_hand changed; a good count changes nothing"]
    on_hand: Annotated[int, "Units on hand after it"]
    document: Annotated[str | None, "Document or reference of a receipt or adjustment"] = None
    order_id: Annotated[str | None, "The order that was shipped"] = None
    line: Annotated[int | None, "Its line"] = None
    shipment_id: Annotated[str | None, "Its shipment"] = None
    unit_cost: Annotated[int | None, "Cost of one received unit, minor units of currency"] = None
    currency: Annotated[str | None, "ISO 4217 currency of unit_cost"] = None
    lot: Annotated[str | None, "Lot of a receipt"] = None
    reason: Annotated[str | None, "Why an adjustment was made"] = None
    actor: Annotated[str, "Who did it"]


@dataclass(slots=True, kw_only=True)
class EndedWaitRow:
    stock_item: Annotated[str, "Location and sku as LOCATION-sku"]
    command_id: Annotated[str, "The last command that let order lines wait no more"]
    units: Annotated[dict[str, int], "Those lines: order/line -> units"]


# A promise that is over counts no more, whether or not somebody has recorded its end.
RESERVED = """CASE WHEN reserved_until > now() THEN (
    SELECT coalesce(sum((promise ->> 'quantity')::bigint), 0)
    FROM jsonb_path_query(reservations, '$.*') AS promise
    WHERE (promise ->> 'expires_at')::timestamptz > now()
) ELSE 0 END"""

TABLES = (
    Table(
        name="inventory",
        row=InventoryRow,
        key=("stock_item",),
        about="What each location holds, has promised and expects of each sku. Units, not money.",
        columns=documented(InventoryRow),
        indexes=(("sku", "location"), ("location", "sku")),
        partial={("reserved_until",): "reserved_until IS NOT NULL"},
        computed={
            "reserved": RESERVED,
            "available": "greatest(on_hand - allocated - unavailable - safety_stock"
            f" - {RESERVED}, 0)",
        },
    ),
    Table(
        name="stock_movement",
        row=MovementRow,
        key=("stock_item", "stream_version"),
        about="The ledger of stock: every event that changed on_hand, and every count.",
        columns=documented(MovementRow),
        indexes=(("sku", "day"), ("day",)),
        append_only=True,
    ),
    Table(
        name="stock_wait_ended",
        row=EndedWaitRow,
        key=("stock_item",),
        about="Which order lines the last command let wait no more: when it dispatched them by "
        "force, these units left without a promise.",
        columns=documented(EndedWaitRow),
    ),
)


# What a place holds is nothing that a channel, a country or a currency owns.
@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    stock_item: Annotated[str, "Location and sku as LOCATION-sku"]
    location: Annotated[str, "Where the units are"]
    sku: Annotated[str, "What they are"]
    reservation_id: Annotated[str, "The reservation; orders name it"]
    owner: Annotated[str, "For whom: a cart, a draft, a quote"]
    quantity: Annotated[int, "Units softly promised"]
    expires_at: Annotated[datetime, "When the promise ends, UTC"]


REACH: Mapping[type, Reachable] = {
    InventoryRow: Reachable(
        columns={"location": "location"}, open=frozenset({"channel", "country", "currency"})
    ),
    MovementRow: Reachable(columns={"location": "location"}),
    ReservationRow: Reachable(columns={"location": "location"}),
}

BY_SKU = """
SELECT sku, max(title) AS title, count(*) AS locations,
       sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved,
       sum(allocated)::bigint AS allocated, sum(unavailable)::bigint AS unavailable,
       sum(backordered)::bigint AS backordered, sum(incoming)::bigint AS incoming,
       coalesce(sum(available) FILTER (WHERE status = 'active'), 0)::bigint AS available
FROM {inventory} GROUP BY sku
"""

RESERVATIONS = """
SELECT item.stock_item, item.location, item.sku, promise.key AS reservation_id,
       promise.value ->> 'owner' AS owner, (promise.value ->> 'quantity')::bigint AS quantity,
       (promise.value ->> 'expires_at')::timestamptz AS expires_at
FROM {inventory} AS item, LATERAL jsonb_each(item.reservations) AS promise
WHERE item.reserved_until > now() AND (promise.value ->> 'expires_at')::timestamptz > now()
"""

VIEWS: Mapping[str, tuple[str, str]] = {
    "inventory_by_sku": (
        BY_SKU,
        "Each sku over all its locations; available counts active stock items only.",
    ),
    "stock_reservation": (RESERVATIONS, "The soft promises that hold now, one row each."),
}


VIEW_COLUMNS: Mapping[str, str] = {
    **documented(ReservationRow),
    "locations": "Locations that carry the sku",
}
VIEW_ROWS: Mapping[type, str] = {ReservationRow: "stock_reservation"}
