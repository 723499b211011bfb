"""Every event that was ever recorded, and how old shapes become today's.

An event's stored name is its class name. Its version is 1 + the number of its upcasters; an
upcaster takes the stored data of one version, as plain JSON values, to the next.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain import sourcing_policy
from domain.decider import Decider
from domain.order import events as order_events
from domain.order.state import ORDER
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock import events as stock_events
from domain.stock.state import STOCK_ITEM

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Upcasters = Mapping[str, tuple[Upcaster, ...]]

EVENTS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (*order_events.EVENTS, *stock_events.EVENTS, *sourcing_policy.EVENTS)
}


def _dispatched_2(data: dict[str, Any]) -> dict[str, Any]:
    """It did not say again when it happened."""
    return data | {"at": None}


UPCASTERS: Upcasters = {"ShipmentDispatched": (_dispatched_2,)}

DECIDERS: Mapping[str, Decider[Any]] = {
    "order": ORDER,
    "stock": STOCK_ITEM,
    "sourcing": SOURCING_POLICY,
}


def version_of(name: str, upcasters: Upcasters = UPCASTERS) -> int:
    return 1 + len(upcasters.get(name, ()))


def upcast(
    name: str, version: int, data: dict[str, Any], upcasters: Upcasters = UPCASTERS
) -> dict[str, Any]:
    """Stored data of a version, as today's code would have stored it."""
    for step in upcasters.get(name, ())[version - 1 :]:
        data = step(data)
    return data


def category(stream_id: str) -> str:
    """The aggregate type of a stream: what stands before its first dash."""
    return stream_id.partition("-")[0]


def decider_of(stream_id: str) -> Decider[Any]:
    return DECIDERS[category(stream_id)]
