"""Personal data: read with a reason, and who read it."""

from datetime import datetime
from typing import Annotated

from fastapi import Header, Query
from pydantic import BaseModel, Field

from api.api_request import Asked
from api.fields import MAX_BIGINT, Id, OrderId, Reason
from api.office import refuse_reach
from api.orders import get_order
from api.paging import Limit
from api.ports import ContactRead
from api.routing import Routes
from commands.handling import Contact

routes = Routes("contacts")

Why = Annotated[
    Reason,
    Header(
        alias="Ordinal-Reason",
        description="Why they are read; kept with who read them.",
        examples=["the customer called"],
    ),
]


class ContactsView(BaseModel):
    """The personal data of an order by role, as far as it was not erased."""

    contacts: Annotated[dict[str, Contact], Field(description="By their roles.")]


class ContactReadView(BaseModel):
    """One look at the contacts of an order."""

    read_id: Annotated[int, Field(description="Its number; later looks have higher ones.")]
    at: Annotated[datetime, Field(description="When.")]
    caller: Annotated[str, Field(description="Whose key it was.")]
    person: Annotated[str | None, Field(description="For whom the key spoke, if it said so.")]
    order_id: Annotated[str, Field(description="The order.")]
    reason: Annotated[str, Field(description="Why, as they said.")]
    request_id: Annotated[str, Field(description="The request, for the logs.")]


class ContactReads(BaseModel):
    """Looks at contacts, the latest first; `next` goes on as `before`."""

    items: Annotated[list[ContactReadView], Field(description="The looks.")]
    next: Annotated[int | None, Field(description="Where the next page goes on.")]


@routes.query("/orders/{order_id}/contacts", private=True)
async def get_contacts(asked: Asked, order_id: OrderId, reason: Why) -> ContactsView:
    """The personal data of the order, as far as it was not erased. Each look at it is kept."""
    if asked.caller.reach is not None:
        await get_order(asked, order_id)
    read = ContactRead(
        caller=asked.caller.caller,
        person=asked.on_behalf_of(),
        order_id=order_id,
        reason=reason,
        request_id=asked.visit.request_id,
    )
    return ContactsView(contacts=dict(await asked.edge.contacts.of_order(read)))


@routes.query("/contact-reads", private=True)
async def list_contact_reads(
    asked: Asked,
    order_id: Annotated[Id | None, Query(description="Of this order only.")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=MAX_BIGINT, description="`next` of the page before.")
    ] = None,
    limit: Limit = 50,
) -> ContactReads:
    """Who looked at contacts, and why, the latest first."""
    refuse_reach(asked)
    found = await asked.edge.contacts.reads(order_id, before or MAX_BIGINT, limit + 1)
    shown = [ContactReadView(**row) for row in found[:limit]]
    return ContactReads(items=shown, next=shown[-1].read_id if len(found) > limit else None)
