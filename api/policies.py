"""Reading what the shop decided: its locations, and its policies."""

from pydantic import BaseModel

from api.api_request import Asked
from api.fields import Country, LocationId
from api.paging import Cursor, Limit, Page, page_of
from api.routing import Routes
from domain.errors import UnknownLocation
from domain.order_policy import ORDER_POLICY_STREAM
from domain.sourcing_policy import RULES
from domain.values import SOURCING_STREAM
from projections.policies import (
    POLICIES,
    LocationRow,
    OrderPolicyRow,
    SourcingPolicyRow,
    location_by_id,
    locations_page,
    policy_in_force,
)

routes = Routes("locations")


class SourcingPolicyView(BaseModel):
    """The rules in the order in which they decide, and into how many parts an order may fall."""

    rules: tuple[str, ...] = RULES
    max_splits: int = 3


class OrderPolicyView(BaseModel):
    """What happens to orders by itself, and what must be paid first."""

    expire_unpaid_after: int | None = None
    complete_by_itself: bool = False
    dispatch_needs_payment: bool = False


@routes.query("/locations", reads=POLICIES.name)
async def list_locations(
    asked: Asked,
    country: Country | None = None,
    active: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LocationRow]:
    """Places that keep stock and fit all of what is given, by name."""
    return await page_of(asked, locations_page(country=country, active=active, limit=limit), cursor)


@routes.query("/locations/{location}", reads=POLICIES.name)
async def get_location(asked: Asked, location: LocationId) -> LocationRow:
    """A place that keeps stock."""
    found = await asked.rows(location_by_id(location))
    if not found:
        raise UnknownLocation(location=location)
    place: LocationRow = found[0]
    return place


@routes.query("/sourcing-policy", reads=POLICIES.name)
async def get_sourcing_policy(asked: Asked) -> SourcingPolicyView:
    """How a location is chosen."""
    query = policy_in_force(SourcingPolicyRow, SOURCING_STREAM)
    for row in await asked.rows(query):
        return SourcingPolicyView(rules=tuple(row.rules), max_splits=row.max_splits)
    return SourcingPolicyView()


@routes.query("/order-policy", reads=POLICIES.name)
async def get_order_policy(asked: Asked) -> OrderPolicyView:
    """What happens to orders by itself, and what must be paid first."""
    for row in await asked.rows(policy_in_force(OrderPolicyRow, ORDER_POLICY_STREAM)):
        return OrderPolicyView.model_validate(row, from_attributes=True)
    return OrderPolicyView()
