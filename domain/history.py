"""Every event that was ever recorded, and how old shapes become today's.

An event's stored name is its class name. Its version is 1 + the number of its upcasters; an
upcaster takes the stored data of one version, as plain JSON values, to the next.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.categories import CATEGORIES

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Upcasters = Mapping[str, tuple[Upcaster, ...]]

EVENTS: Mapping[str, type] = {
    kind.__name__: kind for category in CATEGORIES.values() for kind in category.events
}


def _dispatched_2(data: dict[str, Any]) -> dict[str, Any]:
    """It did not say again when it happened."""
    return data | {"at": None}


UPCASTERS: Upcasters = {"ShipmentDispatched": (_dispatched_2,)}


def version_of(name: str, upcasters: Upcasters = UPCASTERS) -> int:
    return 1 + len(upcasters.get(name, ()))


def upcast(
    name: str, version: int, data: dict[str, Any], upcasters: Upcasters = UPCASTERS
) -> dict[str, Any]:
    """Stored data of a version, as today's code would have stored it."""
    for step in upcasters.get(name, ())[version - 1 :]:
        data = step(data)
    return data
