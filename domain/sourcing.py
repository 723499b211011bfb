"""Where an order's units come from. One pure function says both whether they are there and where.

Locations that may not serve the order are filtered out, with the reason. Of the others, the best
plan is chosen (`domain.sourcing_plans`), and its supply is handed out to the lines.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import NamedTuple, Protocol

from domain.fast_init import maker
from domain.order.events import FilteredOut, SourcingDecided
from domain.sourcing_plans import NO_LIMIT, Case, Plan, choose, serves_all
from domain.sourcing_policy import Location, SourcingPolicy
from domain.values import LineShare, ShortagePolicy

_line_share = maker(LineShare)
_sourcing_decided = maker(SourcingDecided)


class Demand(NamedTuple):
    """So many units of a sku, wanted by one order line."""

    line: int
    sku: str
    quantity: int


class Stock(Protocol):
    """What sourcing asks of a sku at a location."""

    def available(self, location: str, sku: str) -> int | None:
        """Units that can be promised now; None where it is not carried or may not be promised."""
        ...

    def backorderable(self, location: str, sku: str) -> int | None:
        """Units of demand that may wait there; None is without limit."""
        ...

    def reserved(self, location: str, sku: str) -> int:
        """Of the available units, those that were promised softly to the one who asks."""
        ...


class Sourcing(NamedTuple):
    """What was decided, and what the chosen places cannot serve: units by line.

    `available` says what they have of each sku that is missing.
    """

    decided: SourcingDecided
    missing: dict[int, int]
    available: dict[str, int]


def eligible(
    policy: SourcingPolicy, channel: str, country: str, excluded: Sequence[str] = ()
) -> tuple[list[Location], list[FilteredOut]]:
    """The locations that may serve an order of this channel and country, and why others may not."""
    serving, out = [], []
    for place in policy.locations.values():
        why = _unfit(place, channel, country, excluded)
        if why is None:
            serving.append(place)
        else:
            out.append(FilteredOut(location=place.location, why=why))
    return serving, out


def _unfit(place: Location, channel: str, country: str, excluded: Sequence[str]) -> str | None:
    if not place.active:
        return "closed"
    if place.location in excluded:
        return "excluded"
    if place.channels and channel not in place.channels:
        return f"does not serve channel {channel}"
    if place.zones and country not in place.zones and country != place.country:
        return f"does not serve {country}"
    return None


def source(
    policy: SourcingPolicy,
    demands: Sequence[Demand],
    stock: Stock,
    *,
    channel: str,
    country: str,
    shortage: ShortagePolicy,
    preferred: str | None = None,
    excluded: Sequence[str] = (),
    has_reserved: bool = False,
) -> Sourcing:
    """Choose where each line's units come from; with `backorder`, also where the rest waits.

    Lines that name the same sku share its supply. Who `has_reserved` units gets these, before any
    others and wherever they are, as far as no unit less is served for that. Nothing is refused
    here: what the best plan cannot serve is `missing`, and without any place that carries any of
    it, everything is.
    """
    serving, out = eligible(policy, channel, country, excluded)
    need = _by_sku(demands)
    shelves = _shelves(serving, need, stock, out)
    case = Case(need, shelves, country, preferred)
    if shortage == "backorder":
        case.rooms = _rooms(shelves, stock)
    if has_reserved:
        case.reserved = _reserved(shelves, stock)
    carrying = [place for place in serving if place.location in shelves]
    plan, trace = choose(case, carrying, policy) if carrying else ((), ())
    if case.reserved:
        trace = (f"reserved: {', '.join(case.reserved)}", *trace)
    allocations, backorders, lacking = _share(case, plan, demands)
    decided = _sourcing_decided(
        allocations=tuple(allocations),
        backorders=tuple(backorders),
        candidates=tuple(shelves),
        filtered_out=tuple(out),
        trace=trace,
        policy_version=policy.version,
        splits=_places_used(allocations, backorders),
    )
    return Sourcing(decided, {line: left for line, _, left in lacking}, _has(case, plan, lacking))


def _by_sku(demands: Sequence[Demand]) -> dict[str, int]:
    need: dict[str, int] = {}
    for _, sku, quantity in demands:
        need[sku] = need.get(sku, 0) + quantity
    return need


def _shelves(
    serving: list[Location], need: Mapping[str, int], stock: Stock, out: list[FilteredOut]
) -> dict[str, dict[str, int]]:
    """What each place has of what is needed. A place that carries none of it is filtered out."""
    shelves = {}
    available = stock.available
    for place in serving:
        location = place.location
        shelf = {}
        for sku in need:
            units = available(location, sku)
            if units is not None:
                shelf[sku] = units
        if shelf:
            shelves[location] = shelf
        else:
            out.append(FilteredOut(location=location, why="carries none of it"))
    return shelves


def _rooms(shelves: Mapping[str, Mapping[str, int]], stock: Stock) -> dict[str, dict[str, int]]:
    """How many units may wait at each place that carries them."""
    rooms: dict[str, dict[str, int]] = {}
    for location, shelf in shelves.items():
        rooms[location] = {}
        for sku in shelf:
            room = stock.backorderable(location, sku)
            rooms[location][sku] = NO_LIMIT if room is None else room
    return rooms


def _reserved(shelves: Mapping[str, Mapping[str, int]], stock: Stock) -> dict[str, dict[str, int]]:
    """What is reserved, by the places that hold any of it."""
    found: dict[str, dict[str, int]] = {}
    for location, shelf in shelves.items():
        units = {sku: held for sku in shelf if (held := stock.reserved(location, sku))}
        if units:
            found[location] = units
    return found


def _share(
    case: Case, plan: Plan, demands: Sequence[Demand]
) -> tuple[list[LineShare], list[LineShare], list[Demand]]:
    """Give the plan's supply to the lines, first come first served; then the room to wait."""
    if len(plan) == 1 and serves_all(case, location := plan[0].location):
        return [_line_share(line=n, location=location, quantity=q) for n, _, q in demands], [], []
    allocations: list[LineShare] = []
    backorders: list[LineShare] = []
    lacking: Sequence[Demand] = demands
    supply = _copy(case.shelves, plan)
    if case.reserved:
        held = _copy(case.reserved, plan)
        lacking = _hand_out(allocations, lacking, held)
        supply = _without(supply, case.reserved)
    lacking = _hand_out(allocations, lacking, supply)
    if case.reserved:
        allocations = _merged(allocations)
    if lacking and case.rooms is not None:
        lacking = _hand_out(backorders, lacking, _copy(case.rooms, plan))
    return allocations, backorders, lacking


def _copy(shelves: Mapping[str, Mapping[str, int]], plan: Plan) -> list[tuple[str, dict[str, int]]]:
    return [(place.location, {**shelves.get(place.location, {})}) for place in plan]


def _without(
    supply: list[tuple[str, dict[str, int]]], reserved: Mapping[str, Mapping[str, int]]
) -> list[tuple[str, dict[str, int]]]:
    return [
        (place, {sku: n - reserved.get(place, {}).get(sku, 0) for sku, n in shelf.items()})
        for place, shelf in supply
    ]


def _merged(shares: Sequence[LineShare]) -> list[LineShare]:
    """One share for each line and place."""
    units: dict[tuple[int, str], int] = {}
    for share in shares:
        key = share.line, share.location
        units[key] = units.get(key, 0) + share.quantity
    return [_line_share(line=n, location=place, quantity=q) for (n, place), q in units.items()]


def _hand_out(
    shares: list[LineShare],
    demands: Sequence[Demand],
    supply: Sequence[tuple[str, MutableMapping[str, int]]],
) -> list[Demand]:
    """Share out what is there and return the demand that is left."""
    lacking = []
    for line, sku, quantity in demands:
        left = quantity
        for location, shelf in supply:
            given = min(left, shelf.get(sku, 0))
            if given > 0:
                shelf[sku] -= given
                left -= given
                shares.append(LineShare(line=line, location=location, quantity=given))
                if not left:
                    break
        if left:
            lacking.append(Demand(line, sku, left))
    return lacking


def _places_used(allocations: list[LineShare], backorders: list[LineShare]) -> int:
    return len({share.location for share in allocations + backorders})


def _has(case: Case, plan: Plan, lacking: Sequence[Demand]) -> dict[str, int]:
    if not lacking:
        return {}
    shelves = [case.shelves[place.location] for place in plan]
    return {sku: sum(shelf.get(sku, 0) for shelf in shelves) for _, sku, _ in lacking}
