"""Every kind of aggregate that there is, a line each; all machines take them from here."""

from collections.abc import Mapping
from typing import Any

from domain.category import Category, category_name, listed
from domain.decider import Decider
from domain.order.category import ORDERS
from domain.order_policy import POLICIES
from domain.sourcing_policy import SOURCING
from domain.stock.category import STOCK

CATEGORIES: Mapping[str, Category[Any]] = listed(
    ORDERS,
    STOCK,
    SOURCING,
    POLICIES,
)


def category_of(stream_id: str) -> Category[Any]:
    """Raises KeyError for a stream that can be none."""
    return CATEGORIES[category_name(stream_id)]


def decider_of(stream_id: str) -> Decider[Any]:
    return category_of(stream_id).decider
