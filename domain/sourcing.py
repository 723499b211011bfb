"""Where an order's units come from. One pure function says both whether they are there and where.

Locations that may not serve the order are filtered out, with the reason. What is left forms plans:
sets of at most `max_splits` locations from which none can be left out without loss. The plans that
leave least unserved go through the policy's rules, one after another in the policy's order; each
rule keeps the best and may abstain. Nothing is weighed against anything else, so that an operator
can foretell the outcome, and the trace says which rule decided.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, NamedTuple

from domain.order.events import FilteredOut, SourcingDecided
from domain.sourcing_policy import Location, SourcingPolicy
from domain.values import MAX_LINES, MAX_QUANTITY, LineShare, ShortagePolicy

# Beyond so many looks at the stock, larger plans are grown place by place instead of compared.
MOST_LOOKS = 20_000
# A place that keeps ten times this demand is not being drained; more makes no difference.
ENOUGH_COVER = 10
MOST_NAMED = 4

MAX_ROOM = MAX_LINES * MAX_QUANTITY

Plan = tuple[Location, ...]
Unserved = tuple[int, int]
NOTHING_SERVED: Unserved = (MAX_ROOM + 1, 0)


class Demand(NamedTuple):
    """So many units of a sku, wanted by one order line."""

    line: int
    sku: str
    quantity: int


class Supply(NamedTuple):
    """What a location can promise of a sku; `backorderable` None is without limit."""

    available: int
    backorderable: int | None = 0


SupplyOf = Callable[[str, str], Supply | None]


class Sourcing(NamedTuple):
    """What was decided, and what nobody can serve: units by line, and what there is by sku."""

    decided: SourcingDecided
    missing: dict[int, int]
    available: dict[str, int]


@dataclass(slots=True)
class Case:
    """What the rules look at: demand and supply by sku, and what the order says."""

    need: dict[str, int]
    shelves: dict[str, dict[str, Supply]]
    country: str
    preferred: str | None
    waits: bool


def eligible(
    policy: SourcingPolicy, channel: str, country: str, excluded: Sequence[str] = ()
) -> tuple[list[Location], list[FilteredOut]]:
    """The locations that may serve an order of this channel and country, and why others may not."""
    serving, out = [], []
    for location in policy.locations.values():
        why = _unfit(location, channel, country, excluded)
        if why is None:
            serving.append(location)
        else:
            out.append(FilteredOut(location=location.location, why=why))
    return serving, out


def _unfit(location: Location, channel: str, country: str, excluded: Sequence[str]) -> str | None:
    if not location.active:
        return "closed"
    if location.location in excluded:
        return "excluded"
    if location.channels and channel not in location.channels:
        return f"does not serve channel {channel}"
    if location.zones and country not in location.zones and country != location.country:
        return f"does not serve {country}"
    return None


def source(
    policy: SourcingPolicy,
    demands: Sequence[Demand],
    supply: SupplyOf,
    *,
    channel: str,
    country: str,
    shortage: ShortagePolicy,
    preferred: str | None = None,
    excluded: Sequence[str] = (),
) -> Sourcing:
    """Choose where each line's units come from; with `backorder`, also where the rest waits.

    `supply` answers None where a location does not carry a sku, or may not promise it. Lines that
    name the same sku share its supply. Nothing is refused here: what nobody can serve is `missing`.
    """
    serving, out = eligible(policy, channel, country, excluded)
    need: dict[str, int] = {}
    for _, sku, quantity in demands:
        need[sku] = need.get(sku, 0) + quantity
    case = Case(need, {}, country, preferred, shortage == "backorder")
    carrying = _carrying(case, serving, supply, out)
    plan, trace = _choose(case, carrying, policy) if carrying else ((), ())
    allocations, backorders, missing = _share(case, plan, demands)
    decided = SourcingDecided(
        allocations=tuple(allocations),
        backorders=tuple(backorders),
        candidates=tuple([location.location for location in carrying]),
        filtered_out=tuple(out),
        trace=trace,
        policy_version=policy.version,
        splits=_places_used(allocations, backorders),
    )
    return Sourcing(decided, missing, _there_is(case, plan, demands, missing))


def _carrying(
    case: Case, serving: list[Location], supply: SupplyOf, out: list[FilteredOut]
) -> list[Location]:
    """The places that carry any of it, best first, as `_rank` has it."""
    carrying = []
    for location in serving:
        shelf = {}
        for sku in case.need:
            found = supply(location.location, sku)
            if found is not None:
                shelf[sku] = found
        if shelf:
            case.shelves[location.location] = shelf
            carrying.append(location)
        else:
            out.append(FilteredOut(location=location.location, why="carries none of it"))
    if len(carrying) > 1:
        carrying.sort(key=lambda location: _rank(case, location))
    return carrying


def _rank(case: Case, location: Location) -> tuple[bool, int, int, str]:
    """The order in which the places of one plan give what they have."""
    return (
        location.location != case.preferred,
        _distance(location, case.country),
        location.priority,
        location.location,
    )


def _distance(location: Location, country: str) -> int:
    if location.country == country:
        return 0
    return 1 if country in location.zones else 2


def _choose(
    case: Case, carrying: list[Location], policy: SourcingPolicy
) -> tuple[Plan, tuple[str, ...]]:
    if len(carrying) == 1:
        return (carrying[0],), (f"only: {carrying[0].location}",)
    rules = [rule for rule in policy.rules if rule != "preferred" or case.preferred is not None]
    plans, trace = _plans(case, carrying, rules, policy.max_splits)
    trace.append(f"most served: {_named(plans)}")
    for rule in rules:
        if len(plans) == 1:
            break
        kept = _best(case, RULES[rule], plans)
        if len(kept) < len(plans):
            trace.append(f"{rule}: {_named(kept)}")
        plans = kept
    return plans[0], tuple(trace)


def _best(case: Case, rule: "Rule", plans: list[Plan]) -> list[Plan]:
    scores = [rule(case, plan) for plan in plans]
    best = min(scores)
    return [plan for plan, score in zip(plans, scores, strict=True) if score == best]


def _named(plans: list[Plan]) -> str:
    if len(plans) > MOST_NAMED:
        return f"{len(plans)} left"
    return ", ".join("+".join(place.location for place in plan) for plan in plans)


def _plans(
    case: Case, places: list[Location], rules: list[str], max_splits: int
) -> tuple[list[Plan], list[str]]:
    """The plans that leave least unserved, and the beginning of the trace.

    Larger plans than the smallest that serves what can be served matter only to rules that stand
    before fewest splits; and to the preferred place not even then, once it can do it alone.
    """
    least = _unserved(case, tuple(places))
    fewest_first = rules[:1] == ["fewest_splits"]
    preferred_alone = rules[:1] == ["preferred"] and places[0].location == case.preferred
    plans: list[Plan] = []
    best = NOTHING_SERVED
    for size in range(1, min(max_splits, len(places)) + 1):
        if size > 1 and comb(len(places), size) * size * len(case.need) > MOST_LOOKS:
            return _grown(case, places, best, plans, max_splits)
        best, plans = _compare(case, combinations(places, size), best, plans)
        if best == least and (fewest_first or (preferred_alone and plans[0] == (places[0],))):
            break
    return plans, []


def _compare(
    case: Case, candidates: Iterable[Plan], best: Unserved, plans: list[Plan]
) -> tuple[Unserved, list[Plan]]:
    smaller = plans
    for plan in candidates:
        unserved = _unserved(case, plan)
        if unserved < best:
            best, plans, smaller = unserved, [plan], []
        elif unserved == best and not any(_within(known, plan) for known in smaller):
            plans = [*plans, plan]
    return best, plans


def _within(smaller: Plan, plan: Plan) -> bool:
    return all(place in plan for place in smaller)


def _grown(
    case: Case, places: list[Location], best: Unserved, plans: list[Plan], max_splits: int
) -> tuple[list[Plan], list[str]]:
    """Too many plans to compare: take the place that helps most, then the next."""
    plan: Plan = ()
    unserved = NOTHING_SERVED
    while len(plan) < max_splits:
        rest = [place for place in places if place not in plan]
        left, place = min(
            ((_unserved(case, (*plan, place)), number) for number, place in enumerate(rest)),
            default=(unserved, 0),
        )
        if left >= unserved:
            break
        plan, unserved = (*plan, rest[place]), left
    if unserved >= best:
        return plans, []
    in_rank = tuple([place for place in places if place in plan])
    return [in_rank], [f"greedy: {_named([in_rank])}"]


def _unserved(case: Case, plan: Plan) -> Unserved:
    """Units that find nothing here, and units that must wait; the fewer the better."""
    shelves = [case.shelves[place.location] for place in plan]
    missing = waiting = 0
    for sku, quantity in case.need.items():
        lacking = quantity
        for shelf in shelves:
            if sku in shelf:
                lacking -= shelf[sku].available
        if lacking > 0:
            room = min(lacking, _room(shelves, sku)) if case.waits else 0
            missing += lacking - room
            waiting += room
    return missing, waiting


def _room(shelves: list[dict[str, Supply]], sku: str) -> int:
    room = 0
    for shelf in shelves:
        if sku in shelf:
            accepted = shelf[sku].backorderable
            room += MAX_ROOM if accepted is None else accepted
    return room


def _prefers(case: Case, plan: Plan) -> int:
    return 0 if any(place.location == case.preferred for place in plan) else 1


def _splits_of(case: Case, plan: Plan) -> int:
    return len(plan)


def _zone(case: Case, plan: Plan) -> int:
    """The farthest place counts: its country, then its zones name the country, then neither."""
    return max(_distance(place, case.country) for place in plan)


def _days_of_cover(case: Case, plan: Plan) -> int:
    """What stays after this order, in multiples of it, of the sku that is left with least.

    There is no rate of sale to divide by, so the order itself is the measure. The rule abstains
    between places that keep plenty, and between those that cannot serve everything.
    """
    shelves = [case.shelves[place.location] for place in plan]
    least = ENOUGH_COVER
    for sku, quantity in case.need.items():
        there = 0
        for shelf in shelves:
            if sku in shelf:
                there += shelf[sku].available
        least = min(least, there // quantity - 1)
    return -least


def _priority(case: Case, plan: Plan) -> tuple[int, ...]:
    """Lower numbers come first; of several places, the best is compared first."""
    return tuple(sorted([place.priority for place in plan]))


def _id(case: Case, plan: Plan) -> tuple[str, ...]:
    return tuple([place.location for place in plan])


Rule = Callable[[Case, Plan], Any]
RULES: dict[str, Rule] = {
    "preferred": _prefers,
    "fewest_splits": _splits_of,
    "zone": _zone,
    "days_of_cover": _days_of_cover,
    "priority": _priority,
    "id": _id,
}


def _share(
    case: Case, plan: Plan, demands: Sequence[Demand]
) -> tuple[list[LineShare], list[LineShare], dict[int, int]]:
    """Give the plan's supply to the lines, first come first served; what waits comes after."""
    allocations: list[LineShare] = []
    there = {
        (place.location, sku): supply.available
        for place in plan
        for sku, supply in case.shelves[place.location].items()
    }
    lacking = _hand_out(allocations, plan, demands, there)
    backorders: list[LineShare] = []
    if lacking and case.waits:
        lacking = _hand_out(backorders, plan, lacking, _rooms(case, plan, lacking))
    return allocations, backorders, {line: quantity for line, _, quantity in lacking}


def _rooms(case: Case, plan: Plan, lacking: Sequence[Demand]) -> dict[tuple[str, str], int]:
    rooms = {}
    for _, sku, _ in lacking:
        for place in plan:
            room = _room([case.shelves[place.location]], sku)
            rooms[place.location, sku] = room
    return rooms


def _hand_out(
    shares: list[LineShare],
    plan: Plan,
    demands: Sequence[Demand],
    there: dict[tuple[str, str], int],
) -> list[Demand]:
    """Share out what is there and return the demand that got nothing."""
    lacking = []
    for line, sku, quantity in demands:
        for place in plan:
            key = (place.location, sku)
            left = there.get(key, 0)
            if left > 0:
                given = min(left, quantity)
                there[key] = left - given
                quantity -= given
                shares.append(LineShare(line=line, location=place.location, quantity=given))
                if not quantity:
                    break
        if quantity:
            lacking.append(Demand(line, sku, quantity))
    return lacking


def _places_used(allocations: list[LineShare], backorders: list[LineShare]) -> int:
    return len({share.location for share in (*allocations, *backorders)})


def _there_is(
    case: Case, plan: Plan, demands: Sequence[Demand], missing: dict[int, int]
) -> dict[str, int]:
    """What the plan could promise of each sku that is missing."""
    there = {}
    for line, sku, _ in demands:
        if line in missing:
            shelves = [case.shelves[place.location] for place in plan]
            there[sku] = sum(shelf[sku].available for shelf in shelves if sku in shelf)
    return there
