"""Which locations together serve an order, and the rules that choose between them.

A plan is a set of at most `max_splits` places from which none can be left out without loss. Of all
plans, those that leave least unserved go through the policy's rules, one after another in the
policy's order; each rule keeps the best and may abstain. Nothing is weighed against anything else,
so that an operator can foretell the outcome, and the trace says which rule decided.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

from domain.sourcing_policy import Location, SourcingPolicy
from domain.values import MAX_LINES, MAX_QUANTITY

# Beyond so many looks at the stock, larger plans are grown place by place instead of compared.
MOST_LOOKS = 20_000
# A place that keeps ten times this demand is not being drained; more makes no difference.
ENOUGH_COVER = 10
MOST_NAMED = 4
NO_LIMIT = MAX_LINES * MAX_QUANTITY

Plan = tuple[Location, ...]
Unserved = tuple[int, int, int]
NOTHING_SERVED: Unserved = (NO_LIMIT + 1, 0, 0)


@dataclass(slots=True)
class Case:
    """What the rules look at. Units are by sku; shelves and rooms by location and then by sku.

    `shelves` hold what is available, `rooms` what may wait there. Without rooms nothing waits.
    `reserved` is the part of the shelves that was promised softly to the one who asks.
    """

    need: Mapping[str, int]
    shelves: Mapping[str, Mapping[str, int]]
    country: str
    preferred: str | None
    rooms: Mapping[str, Mapping[str, int]] | None = None
    reserved: Mapping[str, Mapping[str, int]] | None = None


def choose(
    case: Case, places: list[Location], policy: SourcingPolicy
) -> tuple[Plan, tuple[str, ...]]:
    """The plan, its places in the order in which they give, and how it came about."""
    if len(places) == 1:
        return (places[0],), (f"only: {places[0].location}",)
    rules = [rule for rule in policy.rules if rule != "preferred" or case.preferred in case.shelves]
    plans = _alone(case, places, rules)
    trace: list[str] = []
    if plans:
        del rules[0]
    else:
        places.sort(key=lambda place: _rank(case, place))
        plans, trace = _together(case, places, rules, policy.max_splits)
    trace.append(f"most served: {_named(plans)}")
    for name in rules:
        if len(plans) == 1:
            break
        rule = RULES[name]
        scores = [rule(case, plan) for plan in plans]
        best = min(scores)
        if scores.count(best) < len(plans):
            plans = [plan for plan, score in zip(plans, scores, strict=True) if score == best]
            trace.append(f"{name}: {_named(plans)}")
    return plans[0], tuple(trace)


def _alone(case: Case, places: list[Location], rules: list[str]) -> list[Plan]:
    """The places that can do it all, where the first rule settles for these and has spoken.

    With one preferred place that can do it all, each larger plan has a place too many; unless
    another holds what was reserved.
    """
    if case.reserved:
        return []
    able: list[Plan] = [(place,) for place in places if serves_all(case, place.location)]
    match rules:
        case ["fewest_splits", *_]:
            return able
        case ["preferred", *_]:
            return [plan for plan in able if plan[0].location == case.preferred]
        case _:
            return []


def serves_all(case: Case, location: str) -> bool:
    shelf = case.shelves[location]
    for sku, quantity in case.need.items():  # noqa: SIM110 - twice as fast on the hottest path
        if shelf.get(sku, 0) < quantity:
            return False
    return True


def _rank(case: Case, place: Location) -> tuple[bool, bool, int, int, str]:
    """The order in which the places of one plan give what they have."""
    return (
        place.location not in (case.reserved or ()),
        place.location != case.preferred,
        _distance(place, case.country),
        place.priority,
        place.location,
    )


def _together(
    case: Case, places: list[Location], rules: list[str], max_splits: int
) -> tuple[list[Plan], list[str]]:
    """The plans that leave least unserved, and a note if not all of them were compared.

    Where fewest splits come first, no plan larger than the smallest of these matters.
    """
    least = unserved(case, tuple(places))
    plans: list[Plan] = []
    best = NOTHING_SERVED
    for size in range(1, min(max_splits, len(places)) + 1):
        if size > 1 and comb(len(places), size) * size * len(case.need) > MOST_LOOKS:
            return _grown(case, places, best, plans, max_splits)
        best, plans = _compare(case, combinations(places, size), best, plans)
        if best == least and rules[:1] == ["fewest_splits"]:
            break
    return plans, []


def _compare(
    case: Case, candidates: Iterable[Plan], best: Unserved, plans: list[Plan]
) -> tuple[Unserved, list[Plan]]:
    smaller = plans
    for plan in candidates:
        left = unserved(case, plan)
        if left < best:
            best, plans, smaller = left, [plan], []
        elif left == best and not any(_within(known, plan) for known in smaller):
            plans = [*plans, plan]
    return best, plans


def _within(smaller: Plan, plan: Plan) -> bool:
    return all(place in plan for place in smaller)


def _grown(
    case: Case, places: list[Location], best: Unserved, plans: list[Plan], max_splits: int
) -> tuple[list[Plan], list[str]]:
    """Too many plans to compare: take the place that helps most, then the next."""
    plan: Plan = ()
    left = NOTHING_SERVED
    while len(plan) < min(max_splits, len(places)):
        rest = [place for place in places if place not in plan]
        helped, number = min((unserved(case, (*plan, p)), n) for n, p in enumerate(rest))
        if helped >= left:
            break
        plan, left = (*plan, rest[number]), helped
    if left >= best:
        return plans, []
    in_rank = tuple([place for place in places if place in plan])
    return [in_rank], ["too many plans to compare: grown place by place"]


def unserved(case: Case, plan: Plan) -> Unserved:
    """Units that find nothing here, that must wait, and that were reserved in vain; the fewer the
    better.
    """
    shelves = [case.shelves[place.location] for place in plan]
    missing = waiting = 0
    for sku, quantity in case.need.items():
        lacking = quantity - sum([shelf.get(sku, 0) for shelf in shelves])
        if lacking > 0:
            room = min(lacking, _room(case, plan, sku))
            missing += lacking - room
            waiting += room
    return missing, waiting, _in_vain(case, plan) if case.reserved else 0


def _in_vain(case: Case, plan: Plan) -> int:
    """Reserved units that could have served the order, at places that are not of the plan."""
    reserved = case.reserved or {}
    here = [reserved.get(place.location, {}) for place in plan]
    lost = 0
    for sku, quantity in case.need.items():
        held = sum([shelf.get(sku, 0) for shelf in reserved.values()])
        lost += min(quantity, held) - min(quantity, sum([shelf.get(sku, 0) for shelf in here]))
    return lost


def _room(case: Case, plan: Plan, sku: str) -> int:
    if case.rooms is None:
        return 0
    return sum([case.rooms[place.location].get(sku, 0) for place in plan])


def _named(plans: list[Plan]) -> str:
    if len(plans) > MOST_NAMED:
        return f"{len(plans)} plans"
    return ", ".join(["+".join([place.location for place in plan]) for plan in plans])


def _distance(place: Location, country: str) -> int:
    if place.country == country:
        return 0
    return 1 if country in place.zones else 2


def _preferred(case: Case, plan: Plan) -> int:
    return 0 if any(place.location == case.preferred for place in plan) else 1


def _fewest_splits(case: Case, plan: Plan) -> int:
    return len(plan)


def _zone(case: Case, plan: Plan) -> int:
    """The farthest place counts: in the country, then with a zone that names it, then neither."""
    return max([_distance(place, case.country) for place in plan])


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
            there += shelf.get(sku, 0)
        cover = there // quantity - 1
        if cover < least:
            least = cover
    return -max(least, -1)


def _priority(case: Case, plan: Plan) -> tuple[int, ...]:
    """Lower numbers come first; of several places, the best is compared first."""
    return tuple(sorted([place.priority for place in plan]))


def _id(case: Case, plan: Plan) -> tuple[str, ...]:
    return tuple([place.location for place in plan])


RULES: Mapping[str, Callable[[Case, Plan], Any]] = {
    "preferred": _preferred,
    "fewest_splits": _fewest_splits,
    "zone": _zone,
    "days_of_cover": _days_of_cover,
    "priority": _priority,
    "id": _id,
}
