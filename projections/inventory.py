"""What is on hand, promised, incoming and available, for each sku and location?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from domain.decider import Recorded
from domain.stock import events as e
from domain.stock.state import owner_key
from projections.inventory_folds import FOLDS
from projections.inventory_ledger import MOVEMENTS, movement
from projections.inventory_rows import (
    REACH,
    TABLES,
    VIEW_COLUMNS,
    VIEW_ROWS,
    VIEWS,
    EndedWaitRow,
    InventoryRow,
    MovementRow,
    ReservationRow,
)
from projections.projection import Projection, Query, StreamRows
from projections.rows import owner


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    event = recorded.event
    item = rows.get(InventoryRow)
    if item is None:
        if not isinstance(event, e.StockItemRegistered):
            return
        item = _registered(recorded, event)
    fold = FOLDS.get(type(event))
    if fold is not None:
        before = item.on_hand
        fold(item, event)
        if isinstance(event, e.BackorderCancelled):
            _note_ended_wait(rows, recorded, event)
        elif isinstance(event, e.StockShipped) and event.forced:
            item.allocated += _unpromised(rows, recorded, event)
        if type(event) in MOVEMENTS:
            rows.put(movement(item, recorded, item.on_hand - before))
    item.updated_at = recorded.recorded_at
    item.version, item.position = recorded.stream_version, recorded.position
    rows.put(item)


def _note_ended_wait(rows: StreamRows, recorded: Recorded, event: e.BackorderCancelled) -> None:
    ended = rows.get(EndedWaitRow)
    if ended is None:
        ended = EndedWaitRow(stock_item=owner(recorded), command_id="", units={})
    if ended.command_id != recorded.command_id:
        ended.command_id, ended.units = recorded.command_id, {}
    ended.units[owner_key(event.order_id, event.line)] = event.quantity
    rows.put(ended)


def _unpromised(rows: StreamRows, recorded: Recorded, event: e.StockShipped) -> int:
    """Units that left without a promise: the same command said that they wait no more."""
    ended = rows.get(EndedWaitRow)
    if ended is None or ended.command_id != recorded.command_id:
        return 0
    return ended.units.get(owner_key(event.order_id, event.line), 0)


def _registered(recorded: Recorded, event: e.StockItemRegistered) -> InventoryRow:
    return InventoryRow(
        stock_item=owner(recorded),
        location=event.location,
        sku=event.sku,
        title=event.title,
        updated_at=recorded.recorded_at,
        version=recorded.stream_version,
        position=recorded.position,
    )


INVENTORY = Projection(
    name="inventory",
    version=2,
    categories=frozenset({"stock"}),
    folds={e.StockItemRegistered, *FOLDS},
    ignores=(e.StockItemCodesChanged, e.ReorderSuggested),
    tables=TABLES,
    evolve=evolve,
    reach=REACH,
    views=VIEWS,
    view_columns=VIEW_COLUMNS,
    view_rows=VIEW_ROWS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuInventory:
    """One sku over all its locations; `available` counts active stock items only."""

    sku: Annotated[str, "The sku"]
    locations: Annotated[int, "Locations that carry it"]
    on_hand: Annotated[int, "Units physically there"]
    reserved: Annotated[int, "Units softly promised now"]
    allocated: Annotated[int, "Units firmly promised to order lines and not yet shipped"]
    unavailable: Annotated[int, "Units on hand that cannot be sold"]
    backordered: Annotated[int, "Units that order lines wait for"]
    incoming: Annotated[int, "Units announced and not yet received"]
    available: Annotated[int, "Units that can be promised now, at active stock items"]


def over_locations(sku: str, items: Sequence[InventoryRow]) -> SkuInventory:
    """The sums of one sku, as the view inventory_by_sku has them."""
    return SkuInventory(
        sku=sku,
        locations=len(items),
        on_hand=sum(item.on_hand for item in items),
        reserved=sum(item.reserved for item in items),
        allocated=sum(item.allocated for item in items),
        unavailable=sum(item.unavailable for item in items),
        backordered=sum(item.backordered for item in items),
        incoming=sum(item.incoming for item in items),
        available=sum(item.available for item in items if item.status == "active"),
    )


def stock_item(location: str, sku: str) -> Query:
    return Query(
        row=InventoryRow,
        where={"stock_item": f"{location}-{sku}"},
        order=("stock_item",),
        limit=1,
    )


def inventory_page(
    *,
    sku: str | None = None,
    location: str | None = None,
    status: str | None = None,
    out_of_stock: bool | None = None,
    low_stock: bool | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> Query:
    """Stock items that fit all of what is given, by sku and location."""
    wanted = {
        "sku": sku,
        "location": location,
        "status": status,
        "out_of_stock": out_of_stock,
        "low_stock": low_stock,
    }
    return Query(
        row=InventoryRow,
        where={column: value for column, value in wanted.items() if value is not None},
        order=("sku", "location"),
        after=after,
        limit=limit,
    )


def reservations_page(
    *,
    sku: str | None = None,
    location: str | None = None,
    owner: str | None = None,
    reservation_id: str | None = None,
    limit: int = 50,
) -> Query:
    """The soft promises that hold now and fit all of what is given."""
    wanted = {"sku": sku, "location": location, "owner": owner, "reservation_id": reservation_id}
    return Query(
        row=ReservationRow,
        where={column: value for column, value in wanted.items() if value is not None},
        order=("sku", "location", "reservation_id"),
        limit=limit,
    )


def movements_page(location: str, sku: str, *, after: int | None = None, limit: int = 50) -> Query:
    """What changed the units on hand, the latest first."""
    return Query(
        row=MovementRow,
        where={"stock_item": f"{location}-{sku}"},
        order=("stream_version",),
        descending=True,
        after=None if after is None else (after,),
        limit=limit,
    )
