"""Where stock is kept, and how a location is chosen."""

from typing import Annotated, Literal

from pydantic import Field

from api.api_request import Asked
from api.fields import Body, Country, Id, LocationId, Priority
from api.orders import WhyBody
from api.routing import Routes
from commands.location import (
    ChangeLocation,
    CloseLocation,
    RegisterLocation,
    SetSourcingPolicy,
)
from commands.policy import SetOrderPolicy
from domain.order_policy import LONGEST_EXPIRY, SHORTEST_EXPIRY
from projections.order_status import ORDER_STATUS, open_work

# Fulfilment orders that a refusal names at most.
NAMED = 10

routes = Routes("locations")

Rule = Literal["preferred", "fewest_splits", "zone", "days_of_cover", "priority", "id"]
Names = Annotated[tuple[Id, ...], Field(max_length=500)]


class ServiceBody(Body):
    """What the location serves; empty zones or channels are all of them."""

    country: Country
    zones: Names = ()
    channels: Names = ()
    priority: Priority = 0


class LocationBody(ServiceBody):
    """A place that keeps stock."""

    location: LocationId


class PolicyBody(Body):
    """The rules in the order in which they decide, and how many parts an order may fall into."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=6)]
    max_splits: Annotated[int, Field(ge=1, le=10)] = 3


@routes.command("/locations")
def register_location(body: LocationBody) -> RegisterLocation:
    """Keep stock at a place from now on."""
    return RegisterLocation(**dict(body))


@routes.command("/locations/{location}/change")
def change_location(location: LocationId, body: ServiceBody) -> ChangeLocation:
    """Let a place serve other zones or channels."""
    return ChangeLocation(location=location, **dict(body))


@routes.command("/locations/{location}/close")
async def close_location(asked: Asked, location: LocationId, body: WhyBody) -> CloseLocation:
    """Let a place serve no new demand; refused while it has open fulfilment orders."""
    await asked.edge.rows.catch_up(ORDER_STATUS.name)
    work = await asked.edge.rows.fetch(open_work(location, limit=NAMED))
    return CloseLocation(
        location=location,
        reason=body.reason,
        open_work=tuple(f"{row.order_id} {row.fulfilment_id}" for row in work),
    )


class OrderPolicyBody(Body):
    """What happens to orders by itself; what is not named is off."""

    expire_unpaid_after: Annotated[
        int | None,
        Field(
            ge=SHORTEST_EXPIRY,
            le=LONGEST_EXPIRY,
            description="Seconds after which an order that is to be paid in advance is given up.",
        ),
    ] = None
    complete_by_itself: Annotated[
        bool, Field(description="Complete an order whose last line came to its end.")
    ] = False
    dispatch_needs_payment: Annotated[
        bool, Field(description="Let no prepaid order leave before it is paid.")
    ] = False


@routes.command("/order-policy")
def set_order_policy(body: OrderPolicyBody) -> SetOrderPolicy:
    """Say what happens to orders by itself, and what must be paid first."""
    return SetOrderPolicy(**dict(body))


@routes.command("/sourcing-policy")
def set_sourcing_policy(body: PolicyBody) -> SetSourcingPolicy:
    """Say how locations are chosen."""
    return SetSourcingPolicy(**dict(body))
