"""Projections: what may be read, folded from what happened.

- `order_status`: where each order is, line by line; the work of locations, and shipments
- `order_timeline`: what happened to an order, in words
- `inventory`: what each location holds of each sku, and the ledger of its movements
- `reporting`: what was sold, cancelled and sent, by day, channel, sku and country
- `policies`: where stock is kept, and what the shop decided

A read model that outgrows one file keeps its row types in `<name>_rows` and its folds beside them.
"""

from projections.inventory import INVENTORY
from projections.order_status import ORDER_STATUS
from projections.order_timeline import ORDER_TIMELINE
from projections.policies import POLICIES
from projections.projection import Projection
from projections.reporting import REPORTING

PROJECTIONS: tuple[Projection, ...] = (
    ORDER_STATUS,
    ORDER_TIMELINE,
    INVENTORY,
    REPORTING,
    POLICIES,
)
