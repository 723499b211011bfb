"""Projections: what may be read, folded from what happened."""

from projections.order_status import ORDER_STATUS
from projections.projection import Projection

PROJECTIONS: tuple[Projection, ...] = (ORDER_STATUS,)
