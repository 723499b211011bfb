"""What happens to an order after it was placed, as facts with units and amounts.

A line is worth what was agreed for it. Cancelled units are valued from the line's front, shipped
ones from its end, so that all parts of a line add up to its amount.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.decider import Recorded
from domain.fast_init import maker
from domain.order import events as e
from projections.amounts import part_of
from projections.projection import StreamRows
from projections.reporting_rows import ReportFactRow, ReportLineRow, ReportOrderRow
from projections.rows import known, valid_time

_fact_row = maker(ReportFactRow)

GIVEN_UP = ("lost", "returned_to_sender")

Fold = Callable[[StreamRows, ReportOrderRow, Any, Recorded], None]


def _fact(
    order: ReportOrderRow, recorded: Recorded, kind: str, n: int = 0, **columns: Any
) -> ReportFactRow:
    at = valid_time(recorded)
    return _fact_row(
        order_id=order.order_id,
        stream_version=recorded.stream_version,
        n=n,
        position=recorded.position,
        day=at.date(),
        at=at,
        order_day=order.order_day,
        channel=order.channel,
        country=order.country,
        currency=order.currency,
        kind=kind,
        **columns,
    )


def _of_line(
    order: ReportOrderRow,
    recorded: Recorded,
    kind: str,
    line: ReportLineRow,
    quantity: int,
    amount: int = 0,
    n: int = 0,
    **changes: int,
) -> ReportFactRow:
    units = quantity if line.kind == "stock" else 0
    return _fact(
        order, recorded, kind, n, **changes,
        units=units, amount=amount, line=line.line, sku=line.sku, line_kind=line.kind,
    )  # fmt: skip


def _line(rows: StreamRows, number: int) -> ReportLineRow:
    return known(rows.get(ReportLineRow, number))


def _sourced(
    rows: StreamRows, order: ReportOrderRow, event: e.SourcingDecided, recorded: Recorded
) -> None:
    if order.sourced:
        _sourced_again(rows, order, event, recorded)
        return
    order.sourced = True
    rows.put(order)
    for share in event.allocations:
        line = _line(rows, share.line)
        line.units_allocated += share.quantity
        order.units_allocated += share.quantity
        rows.put(line)
    for share in event.backorders:
        line = _line(rows, share.line)
        line.units_backordered += share.quantity
        order.units_backordered += share.quantity
        rows.put(line)


def _sourced_again(
    rows: StreamRows, order: ReportOrderRow, event: e.SourcingDecided, recorded: Recorded
) -> None:
    shares = [("allocated", share) for share in event.allocations]
    shares += [("backordered", share) for share in event.backorders]
    for n, (kind, share) in enumerate(shares):
        line, units = _line(rows, share.line), share.quantity
        changes = {f"{kind}_change": units, "unsourced_change": -units}
        rows.put(_of_line(order, recorded, kind, line, units, n=n, **changes))


def _allocated(
    rows: StreamRows, order: ReportOrderRow, event: e.LineAllocated, recorded: Recorded
) -> None:
    line = _line(rows, event.line)
    rows.put(
        _of_line(
            order, recorded, "allocated", line, event.quantity,
            allocated_change=event.quantity, backordered_change=-event.quantity,
        )
    )  # fmt: skip


def _backordered(
    rows: StreamRows, order: ReportOrderRow, event: e.LineBackordered, recorded: Recorded
) -> None:
    line = _line(rows, event.line)
    rows.put(
        _of_line(
            order, recorded, "backordered", line, event.quantity,
            allocated_change=-event.quantity, backordered_change=event.quantity,
        )
    )  # fmt: skip


def _unsourced(
    rows: StreamRows, order: ReportOrderRow, event: e.LineUnsourced, recorded: Recorded
) -> None:
    line, units = _line(rows, event.line), event.quantity
    changes = {f"{event.promise}_change": -units, "unsourced_change": units}
    rows.put(_of_line(order, recorded, "unsourced", line, units, **changes))


def _short(rows: StreamRows, order: ReportOrderRow, event: e.PickShort, recorded: Recorded) -> None:
    line, units = _line(rows, event.line), event.quantity
    rows.put(
        _of_line(
            order, recorded, "unsourced", line, units,
            allocated_change=-units, unsourced_change=units,
        )
    )  # fmt: skip


def _cancelled(
    rows: StreamRows, order: ReportOrderRow, event: e.LineQuantityCancelled, recorded: Recorded
) -> None:
    line = _line(rows, event.line)
    amount = part_of(line.amount, line.quantity, line.cancelled, event.quantity)
    line.cancelled += event.quantity
    rows.put(
        _of_line(
            order, recorded, "cancelled", line, event.quantity, amount,
            allocated_change=-sum(share.quantity for share in event.allocated),
            backordered_change=-sum(share.quantity for share in event.backordered),
            unsourced_change=-event.unsourced,
        )
    )  # fmt: skip
    rows.put(line)


def _reinstated(
    rows: StreamRows, order: ReportOrderRow, event: e.LineReinstated, recorded: Recorded
) -> None:
    line = _line(rows, event.line)
    line.cancelled -= event.quantity
    amount = part_of(line.amount, line.quantity, line.cancelled, event.quantity)
    rows.put(
        _of_line(
            order, recorded, "cancelled", line, -event.quantity, -amount,
            allocated_change=event.quantity,
        )
    )  # fmt: skip
    rows.put(line)


def _shipped(
    rows: StreamRows, order: ReportOrderRow, event: e.ShipmentDispatched, recorded: Recorded
) -> None:
    for n, part in enumerate(event.lines):
        line = _line(rows, part.line)
        line.shipped += part.quantity
        amount = _from_end(line, line.shipped, part.quantity)
        rows.put(
            _of_line(
                order, recorded, "shipped", line, part.quantity, amount, n,
                allocated_change=-part.quantity,
            )
        )  # fmt: skip
        rows.put(line)
    order.shipments[event.shipment_id] = {str(p.line): p.quantity for p in event.lines}
    order.dispatched_at = order.dispatched_at or valid_time(recorded)
    rows.put(order)


def _from_end(line: ReportLineRow, so_far: int, quantity: int) -> int:
    """What the last units of those that left, so many so far, are worth."""
    return part_of(line.amount, line.quantity, line.quantity - so_far, quantity)


def _delivered(
    rows: StreamRows, order: ReportOrderRow, event: e.ShipmentDelivered, recorded: Recorded
) -> None:
    for line, quantity in _arrived(rows, order, event.shipment_id, recorded, "delivered"):
        line.delivered += quantity
    at = valid_time(recorded)
    order.delivered_at = max(order.delivered_at or at, at)


def _lost(
    rows: StreamRows, order: ReportOrderRow, event: e.ShipmentLost, recorded: Recorded
) -> None:
    for line, quantity in _arrived(rows, order, event.shipment_id, recorded, "lost"):
        line.lost += quantity


def _returned(
    rows: StreamRows, order: ReportOrderRow, event: e.ShipmentReturnedToSender, recorded: Recorded
) -> None:
    for line, quantity in _arrived(rows, order, event.shipment_id, recorded, "returned_to_sender"):
        line.lost += quantity


def _arrived(
    rows: StreamRows, order: ReportOrderRow, shipment_id: str, recorded: Recorded, kind: str
) -> list[tuple[ReportLineRow, int]]:
    """The lines of a shipment that is on its way no more, after putting their facts.

    One that was given up before is not, then: its facts are taken back by their opposites.
    """
    rows.put(order)
    given_up, parts = _parts(order, shipment_id)
    lines = [
        (_line(rows, number), units) for number, units in sorted((int(k), v) for k, v in parts)
    ]
    for n, (line, units) in enumerate(lines):
        if given_up:
            amount = _from_end(line, line.delivered + line.lost, units)
            rows.put(_of_line(order, recorded, given_up, line, -units, -amount, len(lines) + n))
            line.lost -= units
        amount = _from_end(line, line.delivered + line.lost + units, units)
        rows.put(_of_line(order, recorded, kind, line, units, amount, n))
        rows.put(line)
    if kind in GIVEN_UP:
        order.shipments[f"{kind} {shipment_id}"] = dict(parts)
    return lines


def _parts(order: ReportOrderRow, shipment_id: str) -> tuple[str | None, Sequence[tuple[str, int]]]:
    """What had become of it before, if it was given up, and its units by line."""
    for before in (None, *GIVEN_UP):
        key = f"{before} {shipment_id}" if before else shipment_id
        if key in order.shipments:
            return before, tuple(order.shipments.pop(key).items())
    return None, ()


def _captured(
    rows: StreamRows, order: ReportOrderRow, event: e.PaymentCaptured, recorded: Recorded
) -> None:
    rows.put(_fact(order, recorded, "captured", amount=event.amount))


def _refunded(
    rows: StreamRows, order: ReportOrderRow, event: e.RefundSucceeded, recorded: Recorded
) -> None:
    rows.put(_fact(order, recorded, "refunded", amount=event.amount))


def _order_cancelled(
    rows: StreamRows, order: ReportOrderRow, event: object, recorded: Recorded
) -> None:
    rows.put(_fact(order, recorded, "order_cancelled", orders=1))


def _order_rejected(
    rows: StreamRows, order: ReportOrderRow, event: object, recorded: Recorded
) -> None:
    rows.put(_fact(order, recorded, "order_rejected", orders=1))


def _order_expired(
    rows: StreamRows, order: ReportOrderRow, event: object, recorded: Recorded
) -> None:
    rows.put(_fact(order, recorded, "order_expired", orders=1))


FOLDS: Mapping[type, Fold] = {
    e.SourcingDecided: _sourced,
    e.LineAllocated: _allocated,
    e.LineBackordered: _backordered,
    e.LineUnsourced: _unsourced,
    e.PickShort: _short,
    e.LineQuantityCancelled: _cancelled,
    e.LineReinstated: _reinstated,
    e.ShipmentDispatched: _shipped,
    e.ShipmentDelivered: _delivered,
    e.ShipmentReturnedToSender: _returned,
    e.ShipmentLost: _lost,
    e.PaymentCaptured: _captured,
    e.RefundSucceeded: _refunded,
    e.OrderCancelled: _order_cancelled,
    e.OrderRejected: _order_rejected,
    e.OrderExpired: _order_expired,
}
