"""Choosing again: units without a source, and units that wait where nobody will serve them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from domain.errors import InsufficientStock, NoEligibleLocation
from domain.order.cancelling import Free
from domain.order.events import LineUnsourced
from domain.order.guards import check_status
from domain.order.state import Line, Order
from domain.sourcing import Demand, Sourcing
from domain.values import ShortagePolicy

EXCLUDED, CLOSED, ELSEWHERE = "excluded", "closed", "sourced-elsewhere"


def waiting_policy(order: Order) -> ShortagePolicy:
    """An accepted order waits rather than be refused; but a customer of parts was never to wait."""
    return "partial" if order.shortage_policy == "partial" else "backorder"


def taken_back(
    order: Order,
    *,
    excluded: Collection[str],
    closed: Callable[[str], bool],
    ended: Callable[[str, str], bool],
) -> list[LineUnsourced]:
    """What waits at places that shall not serve it, and what closed places have promised.

    `ended` says of a location and a sku that it is not carried there any more. Units that a place
    was given to pick stay its work.
    """
    found: list[LineUnsourced] = []
    for line in _goods(order):
        free = Free.of(order, line)
        for location, units in free.backordered.items():
            shut = units and (closed(location) or ended(location, line.sku))
            if shut or (units and location in excluded):
                cause = CLOSED if shut else EXCLUDED
                found.append(_wait_ended(line, location, units, cause))
        found += [
            LineUnsourced(
                line=line.line, location=location, quantity=units, promise="allocated", cause=CLOSED
            )
            for location, units in free.promised.items()
            if units and closed(location)
        ]
    return found


def _goods(order: Order) -> Iterator[Line]:
    return (line for line in order.lines.values() if line.kind == "stock")


def _wait_ended(line: Line, location: str, units: int, cause: str) -> LineUnsourced:
    return LineUnsourced(
        line=line.line, location=location, quantity=units, promise="backordered", cause=cause
    )


def demands(order: Order, taken: Iterable[LineUnsourced]) -> list[Demand]:
    """The units that have no source, or are to have another, line by line."""
    units = {line.line: line.unsourced for line in _goods(order)}
    for event in taken:
        units[event.line] += event.quantity
    return [Demand(number, order.lines[number].sku, n) for number, n in units.items() if n]


def source_again(
    order: Order, sourcing: Sourcing, taken: Sequence[LineUnsourced] = ()
) -> list[object]:
    """Bind units to other places; those that find none have no source, or stay allocated."""
    check_status(order, "placed", "confirmed")
    decided = sourcing.decided
    if not decided.candidates:
        raise NoEligibleLocation(
            filtered_out={out.location: out.why for out in decided.filtered_out}
        )
    if not decided.allocations and not decided.backorders:
        raise InsufficientStock(available=sourcing.available)
    return [*_replaced(taken, sourcing.missing), decided]


def _replaced(taken: Sequence[LineUnsourced], missing: dict[int, int]) -> list[LineUnsourced]:
    """No firm promise is given up for nothing."""
    left = dict(missing)
    given_up: list[LineUnsourced] = []
    for event in reversed(taken):
        kept = min(left.get(event.line, 0), event.quantity) if event.promise == "allocated" else 0
        if kept:
            left[event.line] -= kept
        if event.quantity > kept:
            given_up.insert(0, replace(event, quantity=event.quantity - kept))
    return given_up


def waiting(order: Order, sku: str) -> list[Demand]:
    """The units of a sku that are promised by nobody yet."""
    found = []
    for line in _goods(order):
        units = line.unsourced + sum(Free.of(order, line).backordered.values())
        if units and line.sku == sku:
            found.append(Demand(line.line, sku, units))
    return found


def offered(order: Order, sourcing: Sourcing) -> list[object]:
    """Take what is free somewhere: units without a source first, then those that wait."""
    check_status(order, "placed", "confirmed")
    if not sourcing.decided.allocations:
        return []
    given: dict[int, int] = {}
    for share in sourcing.decided.allocations:
        given[share.line] = given.get(share.line, 0) + share.quantity
    ended: list[object] = []
    for number, units in given.items():
        line = order.lines[number]
        ended += _waits_less(order, line, units - line.unsourced)
    return [*ended, sourcing.decided]


def _waits_less(order: Order, line: Line, units: int) -> Iterator[LineUnsourced]:
    for location, waits in Free.of(order, line).backordered.items():
        taken = min(units, waits)
        if taken > 0:
            units -= taken
            yield _wait_ended(line, location, taken, ELSEWHERE)
