"""Projections: what may be read, folded from what happened."""

from projections.inventory import INVENTORY
from projections.order_status import ORDER_STATUS
from projections.order_timeline import ORDER_TIMELINE
from projections.projection import Projection
from projections.reporting import REPORTING

PROJECTIONS: tuple[Projection, ...] = (ORDER_STATUS, ORDER_TIMELINE, INVENTORY, REPORTING)
