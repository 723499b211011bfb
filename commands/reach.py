"""Whom each command concerns, as its loaded target says: what a caller's reach is held against.

What is out of reach looks as if it did not exist. A command that concerns nobody in particular is
out of reach for whoever has one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from commands.handling import Concern, Concerns, Handling, Known, Unknown
from commands.location import RegisterLocation, SetSourcingPolicy
from commands.on_order import OnOrder, stream_of
from commands.order import PlaceOrder
from commands.stock import RegisterStockItem
from commands.stock.on_item import OnItem
from domain.errors import UnknownLocation, UnknownOrder, UnknownStockItem
from domain.order.state import ORDER, Order
from domain.sourcing_policy import SOURCING_POLICY
from domain.values import SOURCING_STREAM


def reaching(
    handlers: Mapping[type, Handling], concerns: Concerns, unknown: Unknown
) -> dict[type, Handling]:
    """These handlers, and how all their commands are held against a reach."""
    return {
        command: replace(handling, concerns=concerns, unknown=unknown)
        for command, handling in handlers.items()
    }


def of_order(command: OnOrder, streams: Known) -> Iterator[Concern]:
    """Who ordered, through which channel, and where the work or the parcel is, if it names one."""
    order = streams.state(ORDER, stream_of(command))
    if order.status != "none":
        yield Concern(
            channel=order.channel,
            country=order.country,
            currency=order.currency,
            customer=order.customer_id,
            location=_place(command, order),
        )
    if isinstance(command, PlaceOrder):
        yield Concern(
            channel=command.channel,
            country=command.country,
            currency=command.currency,
            customer=command.customer_id,
        )


def _place(command: Any, order: Order) -> str | None:
    for names, known in (
        ("fulfilment_id", order.fulfilment_orders),
        ("shipment_id", order.shipments),
    ):
        named = getattr(command, names, None)
        if named is not None:
            return known[named].location if named in known else None
    return getattr(command, "location", None)


def of_item(command: OnItem, streams: Known) -> Iterator[Concern]:
    yield Concern(location=command.location)


def of_location(command: Any, streams: Known) -> Iterator[Concern]:
    """The place and its country; what is to hold for all places concerns none."""
    if isinstance(command, SetSourcingPolicy):
        return
    known = streams.state(SOURCING_POLICY, SOURCING_STREAM).locations.get(command.location)
    if known is not None:
        yield Concern(location=command.location, country=known.country)
    elif isinstance(command, RegisterLocation):
        yield Concern(location=command.location, country=command.country)


def unknown_order(command: object) -> Exception:
    return UnknownOrder()


def unknown_item(command: OnItem) -> Exception:
    if isinstance(command, RegisterStockItem):
        return UnknownLocation(location=command.location)
    return UnknownStockItem()


def unknown_location(command: Any) -> Exception:
    location = getattr(command, "location", None)
    return UnknownLocation(location=location) if location else UnknownLocation()
