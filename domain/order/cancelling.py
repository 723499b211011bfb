"""Cancelling: which units can still be taken back, and from where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.errors import WrongStatus
from domain.order.events import FulfilmentOrderCancelled, LineQuantityCancelled, OrderCancelled
from domain.order.guards import check_status, line_of
from domain.order.state import FulfilmentOrder, Line, Order
from domain.values import LineQuantity, LineShare, check_quantity, check_text

LINES_CANCELLED = "lines-cancelled"
ORDER_CANCELLED = "order-cancelled"


def cancel_order(order: Order, reason: str) -> list[object]:
    """Cancel everything, unless something has been packed or shipped: then lines, one by one."""
    if order.status == "cancelled":
        return []
    check_status(order, "placed", "confirmed")
    check_text(reason, "reason")
    if any(line.shipped for line in order.lines.values()):
        raise WrongStatus("Something was shipped; cancel the lines that were not.")
    if any(work.status == "packed" for work in order.fulfilment_orders.values()):
        raise WrongStatus("Something is packed; cancel the lines that are not.")
    return [
        *_works_cancelled(order, ORDER_CANCELLED),
        *rest_cancelled(order, reason),
        OrderCancelled(reason=reason),
    ]


def rest_cancelled(order: Order, reason: str) -> list[LineQuantityCancelled]:
    """All that is left of every line."""
    return [
        LineQuantityCancelled(
            line=line.line,
            quantity=line.demand,
            reason=reason,
            allocated=_shares(line, line.allocated),
            backordered=_shares(line, line.backordered),
            unsourced=line.unsourced,
        )
        for line in order.lines.values()
        if line.demand
    ]


def cancel_lines(order: Order, lines: Iterable[LineQuantity], reason: str) -> list[object]:
    """Cancel units that nobody has picked or packed: those without a source first.

    Work that was not begun is taken back where it holds such units, to be given out anew. When
    nothing is left to be sent, the charges fall too, and the order is over.
    """
    check_status(order, "placed", "confirmed")
    check_text(reason, "reason")
    wanted = _wanted(order, lines)
    if _takes_all_goods(order, wanted):
        wanted |= {line.line: line.demand for line in order.lines.values() if line.demand}
    cancelled = [_cancelled(order, order.lines[n], units, reason) for n, units in wanted.items()]
    if all(line.demand == wanted.get(line.line, 0) for line in order.lines.values()):
        return [
            *_works_cancelled(order, ORDER_CANCELLED),
            *cancelled,
            OrderCancelled(reason=reason),
        ]
    return [*_works_shrunk(order, cancelled), *cancelled]


def _takes_all_goods(order: Order, wanted: Mapping[int, int]) -> bool:
    goods = [line for line in order.lines.values() if line.kind == "stock"]
    return bool(goods) and all(line.demand == wanted.get(line.line, 0) for line in goods)


def _wanted(order: Order, lines: Iterable[LineQuantity]) -> dict[int, int]:
    wanted: dict[int, int] = {}
    for number, part in enumerate(lines, start=1):
        check_quantity(part.quantity, f"lines.{number}.quantity")
        line = line_of(order, part.line)
        wanted[part.line] = wanted.get(part.line, 0) + part.quantity
        free = Free.of(order, line)
        if wanted[part.line] > free.units:
            raise WrongStatus(
                f"Of line {part.line}, {free.units} units can be cancelled.",
                line=part.line,
                cancellable=free.units,
            )
    return wanted


@dataclass(slots=True)
class Free:
    """Units of a line that can be cancelled. `in_work` is promised, and given out but not begun."""

    units: int
    unsourced: int
    backordered: dict[str, int]
    promised: dict[str, int]
    in_work: dict[str, int]

    @classmethod
    def of(cls, order: Order, line: Line) -> "Free":
        if line.kind == "charge":
            return cls(line.demand, 0, {}, {}, {})
        free = cls(line.unsourced, line.unsourced, {}, {}, {})
        for location in {**line.allocated, **line.backordered}:
            free._add(order, line, location)
        return free

    def _add(self, order: Order, line: Line, location: str) -> None:
        promised = line.allocated.get(location, 0)
        waiting = line.backordered.get(location, 0)
        begun = _held(order, line, location, begun=True)
        given = _held(order, line, location, begun=False)
        # Units that were picked before they lost their promise wait, but not for cancellation.
        self.backordered[location] = max(0, waiting - max(0, begun - promised))
        self.promised[location] = max(0, promised - begun - given)
        self.in_work[location] = max(0, promised - begun - self.promised[location])
        self.units += self.backordered[location]
        self.units += self.promised[location] + self.in_work[location]


def _held(order: Order, line: Line, location: str, *, begun: bool) -> int:
    """Units of the line that pending work holds there, work with picked units or without."""
    return sum(
        work.lines[line.line].held
        for work in order.fulfilment_orders.values()
        if work.pending
        and work.location == location
        and line.line in work.lines
        and work.begun is begun
    )


def _cancelled(order: Order, line: Line, quantity: int, reason: str) -> LineQuantityCancelled:
    free = Free.of(order, line)
    if line.kind == "charge":
        return LineQuantityCancelled(line=line.line, quantity=quantity, reason=reason)
    unsourced = min(free.unsourced, quantity)
    waiting, left = _take(free.backordered, quantity - unsourced)
    promised, left = _take(free.promised, left)
    in_work, _ = _take(free.in_work, left)
    for location, units in in_work.items():
        promised[location] = promised.get(location, 0) + units
    return LineQuantityCancelled(
        line=line.line,
        quantity=quantity,
        reason=reason,
        allocated=_shares(line, promised),
        backordered=_shares(line, waiting),
        unsourced=unsourced,
    )


def _take(counts: Mapping[str, int], wanted: int) -> tuple[dict[str, int], int]:
    """So many units, location by location, and how many were not there."""
    taken = {}
    for location, there in counts.items():
        units = min(there, wanted)
        if units:
            taken[location] = units
            wanted -= units
    return taken, wanted


def _shares(line: Line, counts: Mapping[str, int]) -> tuple[LineShare, ...]:
    return tuple(
        [
            LineShare(line=line.line, location=location, quantity=quantity)
            for location, quantity in counts.items()
        ]
    )


def _works_cancelled(order: Order, reason: str) -> list[FulfilmentOrderCancelled]:
    return [
        FulfilmentOrderCancelled(fulfilment_id=key, reason=reason)
        for key, work in order.fulfilment_orders.items()
        if work.pending
    ]


def _works_shrunk(
    order: Order, cancelled: Iterable[LineQuantityCancelled]
) -> list[FulfilmentOrderCancelled]:
    """The work whose units are cancelled: more of them than nobody was given yet."""
    gone = {
        (share.line, share.location)
        for event in cancelled
        for share in event.allocated
        if share.quantity > Free.of(order, order.lines[share.line]).promised[share.location]
    }
    return [
        FulfilmentOrderCancelled(fulfilment_id=key, reason=LINES_CANCELLED)
        for key, work in order.fulfilment_orders.items()
        if _touched(work, gone)
    ]


def _touched(work: FulfilmentOrder, gone: set[tuple[int, str]]) -> bool:
    places = {(line, work.location) for line in work.lines}
    return work.pending and not work.begun and not places.isdisjoint(gone)
