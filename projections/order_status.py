"""Where is this order, line by line? Counters and statuses are folds over its facts."""

from datetime import datetime

from domain.decider import Recorded
from domain.fast_init import maker
from domain.order import events as e
from domain.order.model import OVER
from projections.order_status_folds import FOLDS
from projections.order_status_rows import (
    REACH,
    TABLES,
    FulfilmentRow,
    OrderLineRow,
    OrderStatusRow,
    PaymentRow,
    ShipmentRow,
)
from projections.projection import Having, Projection, Query, StreamRows
from projections.rows import owner, valid_time

_order_row, _line_row = maker(OrderStatusRow), maker(OrderLineRow)


def _placed(rows: StreamRows, recorded: Recorded, event: e.OrderPlaced) -> OrderStatusRow:
    order = _order_row(
        order_id=owner(recorded),
        channel=event.channel,
        reference=event.reference,
        customer_id=event.customer_id,
        country=event.country,
        postal_area=event.postal_area,
        currency=event.currency,
        payment_mode=event.payment_mode,
        ship_method=event.ship_method,
        lines=len(event.lines),
        total=event.totals.total,
        promised_by=event.promised_by,
        placed_at=recorded.occurred_at,
        updated_at=recorded.recorded_at,
        version=recorded.stream_version,
        position=recorded.position,
    )
    for line in event.lines:
        _line_placed(rows, order, line)
    return order


def _line_placed(rows: StreamRows, order: OrderStatusRow, line: e.OrderLine) -> None:
    goods = line.quantity if line.kind == "stock" else 0
    order.units_ordered += goods
    order.units_unsourced += goods
    rows.put(
        _line_row(
            order_id=order.order_id,
            line=line.line,
            sku=line.sku,
            title=line.title,
            kind=line.kind,
            ordered=line.quantity,
            unsourced=goods,
            unit_price=line.unit_price,
            total=line.total,
            currency=order.currency,
        )
    )


def fulfilment_status(order: OrderStatusRow) -> str:
    demand = order.units_ordered - order.units_cancelled
    if order.units_delivered:
        return "delivered" if order.units_delivered >= demand else "partially_delivered"
    if order.units_shipped:
        return "shipped" if order.units_shipped >= demand else "partially_shipped"
    return _before_dispatch(order)


def _before_dispatch(order: OrderStatusRow) -> str:
    if order.status in OVER:
        return "cancelled"
    if not order.units_ordered:
        return "delivered"
    if order.units_cancelled == order.units_ordered:
        return "cancelled"
    if order.on_hold:
        return "on_hold"
    if order.work_in_progress:
        return "in_progress"
    return "backordered" if order.units_backordered else "unfulfilled"


def payment_status(order: OrderStatusRow) -> str:
    if order.refunded:
        return "refunded" if order.refunded >= order.captured else "partially_refunded"
    owed = order.total - order.cancelled_amount
    if not order.captured:
        return _unpaid(order, owed)
    if order.captured == owed:
        return "paid"
    return "partially_paid" if order.captured < owed else "overpaid"


def _unpaid(order: OrderStatusRow, owed: int) -> str:
    """Where nothing is due, nothing needs to come."""
    if not owed and order.status not in OVER:
        return "paid"
    return "on_account" if order.payment_mode == "on_account" else "none"


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    event = recorded.event
    if isinstance(event, e.OrderPlaced):
        order = _placed(rows, recorded, event)
    else:
        found = rows.get(OrderStatusRow)
        if found is None:
            return
        order = found
        fold = FOLDS.get(type(event))
        if fold is not None:
            fold(rows, order, event, valid_time(recorded))
        order.updated_at = recorded.recorded_at
        order.version, order.position = recorded.stream_version, recorded.position
    order.fulfilment_status, order.payment_status = fulfilment_status(order), payment_status(order)
    rows.put(order)


ORDER_STATUS = Projection(
    name="order_status",
    version=2,
    categories=frozenset({"order"}),
    folds={e.OrderPlaced, *FOLDS},
    tables=TABLES,
    evolve=evolve,
    reach=REACH,
)


def order_by_id(order_id: str) -> Query:
    return Query(row=OrderStatusRow, where={"order_id": order_id}, order=("order_id",), limit=1)


def orders_page(
    *,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
    sku: str | None = None,
    tracking: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
    **wanted: str | bool | None,
) -> Query:
    """Orders that fit all of what is given, the youngest first; `wanted` are columns."""
    beside: tuple[tuple[type, str, str | None], ...] = (
        (OrderLineRow, "sku", sku),
        (ShipmentRow, "tracking", tracking),
    )
    return Query(
        row=OrderStatusRow,
        where={column: value for column, value in wanted.items() if value is not None},
        ranges={"placed_at": (placed_from, placed_to)} if placed_from or placed_to else {},
        having=tuple(
            Having(row=row, owner="order_id", where={column: value})
            for row, column, value in beside
            if value is not None
        ),
        order=("placed_at", "order_id"),
        descending=True,
        after=after,
        limit=limit,
    )


def payment_by_id(order_id: str, payment_id: str) -> Query:
    return Query(
        row=PaymentRow,
        where={"order_id": order_id, "payment_id": payment_id},
        order=("payment_id",),
        limit=1,
    )


def payments_page(
    *,
    captured_from: datetime | None = None,
    captured_to: datetime | None = None,
    limit: int = 50,
    **wanted: str | None,
) -> Query:
    """Payments that fit all of what is given, the youngest first; `wanted` are columns."""
    asked = captured_from or captured_to
    return Query(
        row=PaymentRow,
        where={column: value for column, value in wanted.items() if value is not None},
        ranges={"captured_at": (captured_from, captured_to)} if asked else {},
        order=("captured_at", "order_id", "payment_id"),
        descending=True,
        limit=limit,
    )


def order_lines(order_id: str, *, after: int | None = None, limit: int = 2_000) -> Query:
    return Query(
        row=OrderLineRow,
        where={"order_id": order_id},
        order=("line",),
        after=None if after is None else (after,),
        limit=limit,
    )


def order_fulfilments(order_id: str, *, limit: int = 200) -> Query:
    return Query(
        row=FulfilmentRow,
        where={"order_id": order_id},
        order=("opened_at", "fulfilment_id"),
        limit=limit,
    )


def order_shipments(order_id: str, *, limit: int = 200) -> Query:
    return Query(
        row=ShipmentRow,
        where={"order_id": order_id},
        order=("packed_at", "shipment_id"),
        limit=limit,
    )


def open_work(
    location: str,
    *,
    status: str | None = None,
    after: tuple[datetime, str, str] | None = None,
    limit: int = 50,
) -> Query:
    """What a location still has to pick, pack or dispatch, the oldest first."""
    where: dict[str, object] = {"pending": True, "location": location}
    if status is not None:
        where["status"] = status
    return Query(
        row=FulfilmentRow,
        where=where,
        order=("opened_at", "order_id", "fulfilment_id"),
        after=after,
        limit=limit,
    )
