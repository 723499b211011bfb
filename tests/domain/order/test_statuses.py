"""What the facts of an order amount to."""

import pytest

from domain.order.events import OrderCancelled, ShipmentDelivered
from domain.order.state import ORDER
from tests.domain.order.histories import (
    CONFIRMED,
    HELD,
    IN_PICK,
    IN_WORK,
    ON_ITS_WAY,
    PACKED,
    PICKING,
    PROMISED,
    cancelled,
    dispatched,
    line,
    opened,
    packed,
    part,
    picked,
    placed,
    share,
    sourced,
)
from tests.domain.order.statuses import fulfilment_status
from tests.domain.stock.histories import NOW

DELIVERED = ShipmentDelivered(shipment_id="S1", at=NOW)
HALF = [placed(), sourced(share(1, 2), backorders=(share(1, 2),)), CONFIRMED, opened(part(1, 2))]
HALF_SHIPPED = [*HALF, PICKING, picked(1, 2), packed(part(1, 2)), dispatched(part(1, 2))]
GONE = cancelled(1, 4, allocated=(share(1, 4),))


@pytest.mark.parametrize(
    ("history", "status"),
    [
        (PROMISED, "unfulfilled"),
        (IN_WORK, "unfulfilled"),
        ([*PROMISED, HELD], "on_hold"),
        (IN_PICK, "in_progress"),
        (PACKED, "in_progress"),
        (HALF, "backordered"),
        (ON_ITS_WAY, "shipped"),
        (HALF_SHIPPED, "partially_shipped"),
        ([*HALF_SHIPPED, cancelled(1, 2, backordered=(share(1, 2),))], "shipped"),
        ([*HALF_SHIPPED, DELIVERED], "partially_delivered"),
        ([*ON_ITS_WAY, DELIVERED], "delivered"),
        ([*PROMISED, GONE], "cancelled"),
        ([*PROMISED, GONE, OrderCancelled(reason="x")], "cancelled"),
        ([placed(line(1, 1, kind="charge"))], "delivered"),
        ([placed(line(1, 1, kind="charge")), OrderCancelled(reason="x")], "cancelled"),
    ],
)
def test_the_fulfilment_status_follows_the_facts(history: list[object], status: str) -> None:
    assert fulfilment_status(ORDER.fold(history)) == status
