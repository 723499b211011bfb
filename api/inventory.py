"""What is there, what is promised, what moved."""

from typing import Literal

from api.api_request import Asked
from api.fields import Id, LocationId, Sku
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from domain.errors import UnknownStockItem
from projections.inventory import (
    INVENTORY,
    SkuInventory,
    inventory_page,
    movements_page,
    over_locations,
    reservations_page,
    stock_item,
)
from projections.inventory_rows import InventoryRow, MovementRow, ReservationRow

routes = Routes("stock")

ItemStatus = Literal["active", "suspended", "discontinued"]
MAX_LOCATIONS = 10_000


@routes.query("/inventory", reads=INVENTORY.name)
async def list_inventory(
    asked: Asked,
    sku: Sku | None = None,
    location: LocationId | None = None,
    status: ItemStatus | None = None,
    out_of_stock: bool | None = None,
    low_stock: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[InventoryRow]:
    """Stock items that fit all of what is given, by sku and location."""
    query = inventory_page(
        sku=sku,
        location=location,
        status=status,
        out_of_stock=out_of_stock,
        low_stock=low_stock,
        limit=limit,
    )
    return await page_of(asked, query, cursor)


@routes.query("/inventory/item", reads=INVENTORY.name)
async def get_stock_item(asked: Asked, location: LocationId, sku: Sku) -> InventoryRow:
    """One sku at one location."""
    found = await asked.rows(stock_item(location, sku))
    if not found:
        raise UnknownStockItem(location=location, sku=sku)
    item: InventoryRow = found[0]
    return item


@routes.query("/inventory/by-sku", reads=INVENTORY.name)
async def get_sku_inventory(asked: Asked, sku: Sku) -> SkuInventory:
    """One sku over all its locations."""
    items = await asked.rows(inventory_page(sku=sku, limit=MAX_LOCATIONS))
    if not items:
        raise UnknownStockItem(sku=sku)
    return over_locations(sku, items)


@routes.query("/reservations", reads=INVENTORY.name)
async def list_reservations(
    asked: Asked,
    sku: Sku | None = None,
    location: LocationId | None = None,
    owner: Id | None = None,
    reservation_id: Id | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ReservationRow]:
    """Soft promises that hold now and fit all of what is given, by sku and location."""
    query = reservations_page(
        sku=sku, location=location, owner=owner, reservation_id=reservation_id, limit=limit
    )
    return await page_of(asked, query, cursor)


@routes.query("/inventory/movements", reads=INVENTORY.name)
async def list_movements(
    asked: Asked, location: LocationId, sku: Sku, cursor: Cursor = None, limit: Limit = 50
) -> Page[MovementRow]:
    """What changed the units on hand, the latest first."""
    return await page_of(asked, movements_page(location, sku, limit=limit), cursor)
