"""Where units come from: the filters, each rule, plans of several places, and what always holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.order.events import FilteredOut
from domain.sourcing import Demand, Sourcing, eligible, source
from domain.sourcing_plans import NO_LIMIT
from domain.sourcing_policy import RULES, Location, SourcingPolicy
from domain.values import LineShare

Units = tuple[int, int | None]


@dataclass(slots=True)
class Shelves:
    """Stock by location and sku: what is available, what may wait, and what is reserved of it."""

    units: Mapping[tuple[str, str], Units]
    held: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def available(self, location: str, sku: str) -> int | None:
        found = self.units.get((location, sku))
        return found[0] if found else None

    def backorderable(self, location: str, sku: str) -> int | None:
        return self.units[location, sku][1]

    def reserved(self, location: str, sku: str) -> int:
        return self.held.get((location, sku), 0)


def place(name: str, **more: Any) -> Location:
    facts: dict[str, Any] = {"country": "GB", "zones": (), "channels": (), "priority": 0, **more}
    return Location(location=name, **facts)


def policy(
    *places: Location, rules: tuple[str, ...] = RULES, max_splits: int = 3
) -> SourcingPolicy:
    known = {place.location: place for place in places}
    return SourcingPolicy(known, rules=rules, max_splits=max_splits, version=7)


LEEDS, YORK, HULL = place("LEEDS"), place("YORK"), place("HULL")
THREE = policy(LEEDS, YORK, HULL)
ONE_LAMP = [Demand(1, "lamp", 1)]


def ask(
    known: SourcingPolicy,
    demands: Sequence[Demand],
    units: Mapping[tuple[str, str], int | Units],
    held: Mapping[tuple[str, str], int] | None = None,
    **more: Any,
) -> Sourcing:
    shelves = {key: (u, 0) if isinstance(u, int) else u for key, u in units.items()}
    facts = {"channel": "web", "country": "GB", "shortage": "reject", **more}
    stock = Shelves(shelves, held or {})
    return source(known, demands, stock, has_reserved=held is not None, **facts)


def share(line: int, location: str, quantity: int) -> LineShare:
    return LineShare(line=line, location=location, quantity=quantity)


def chosen(sourcing: Sourcing) -> list[str]:
    return sorted({share.location for share in sourcing.decided.allocations})


def test_a_place_that_may_not_serve_says_why() -> None:
    known = policy(
        place("SHUT", active=False),
        place("SHOP", channels=("shop",)),
        place("PARIS", country="FR", zones=("FR", "BE")),
        place("OUT"),
        place("ANY"),
        place("DUBLIN", country="IE", zones=("IE", "GB")),
        place("HOME", zones=("FR",)),
    )
    serving, out = eligible(known, "web", "GB", ("OUT",))
    assert [place.location for place in serving] == ["ANY", "DUBLIN", "HOME"]
    assert out == [
        FilteredOut(location="SHUT", why="closed"),
        FilteredOut(location="SHOP", why="does not serve channel web"),
        FilteredOut(location="PARIS", why="does not serve GB"),
        FilteredOut(location="OUT", why="excluded"),
    ]


def test_a_place_that_carries_nothing_is_no_candidate() -> None:
    found = ask(THREE, ONE_LAMP, {("YORK", "lamp"): 0, ("HULL", "lamp"): 3})
    assert found.decided.candidates == ("YORK", "HULL")
    assert found.decided.filtered_out == (FilteredOut(location="LEEDS", why="carries none of it"),)
    assert found.decided.policy_version == 7


def test_without_any_place_everything_is_missing() -> None:
    found = ask(THREE, ONE_LAMP, {})
    assert found.decided.candidates == ()
    assert found.decided.allocations == ()
    assert found.missing == {1: 1}


def test_the_only_place_is_taken() -> None:
    found = ask(policy(LEEDS), [Demand(1, "lamp", 2)], {("LEEDS", "lamp"): 2})
    assert found.decided.allocations == (share(1, "LEEDS", 2),)
    assert (found.decided.trace, found.decided.splits) == (("only: LEEDS",), 1)
    assert found.missing == {}


def test_one_place_that_can_do_it_all_beats_two() -> None:
    units = {
        ("LEEDS", "lamp"): 9,
        ("YORK", "cup"): 9,
        ("HULL", "lamp"): 1,
        ("HULL", "cup"): 1,
    }
    found = ask(THREE, [Demand(1, "lamp", 1), Demand(2, "cup", 1)], units)
    assert found.decided.allocations == (share(1, "HULL", 1), share(2, "HULL", 1))


def test_two_places_beat_three() -> None:
    units = {
        ("LEEDS", "a"): 1,
        ("YORK", "b"): 1,
        ("HULL", "c"): 1,
        ("HULL", "b"): 1,
    }
    demands = [Demand(1, "a", 1), Demand(2, "b", 1), Demand(3, "c", 1)]
    found = ask(THREE, demands, units)
    assert chosen(found) == ["HULL", "LEEDS"]
    assert found.decided.splits == 2


def test_one_line_may_come_from_several_places() -> None:
    found = ask(THREE, [Demand(1, "lamp", 5)], {("LEEDS", "lamp"): 2, ("YORK", "lamp"): 4})
    assert found.decided.allocations == (share(1, "LEEDS", 2), share(1, "YORK", 3))


def test_an_order_falls_into_no_more_parts_than_the_policy_allows() -> None:
    units = {("LEEDS", "lamp"): 2, ("YORK", "lamp"): 4}
    found = ask(policy(LEEDS, YORK, max_splits=1), [Demand(1, "lamp", 5)], units)
    assert found.decided.allocations == (share(1, "YORK", 4),)
    assert (found.missing, found.available) == ({1: 1}, {"lamp": 4})


def test_lines_of_one_sku_share_its_supply() -> None:
    demands = [Demand(1, "lamp", 2), Demand(2, "lamp", 2)]
    found = ask(policy(LEEDS), demands, {("LEEDS", "lamp"): 3})
    assert found.decided.allocations == (share(1, "LEEDS", 2), share(2, "LEEDS", 1))
    assert found.missing == {2: 1}


PLENTY = {("LEEDS", "lamp"): 90, ("YORK", "lamp"): 90, ("HULL", "lamp"): 90}


def test_the_preferred_place_comes_first() -> None:
    found = ask(THREE, ONE_LAMP, PLENTY, preferred="YORK")
    assert chosen(found) == ["YORK"]
    assert found.decided.trace == ("most served: YORK",)


def test_the_preferred_place_is_not_worth_a_split() -> None:
    units = {("YORK", "lamp"): 1, ("LEEDS", "lamp"): 5}
    found = ask(THREE, [Demand(1, "lamp", 5)], units, preferred="YORK")
    assert chosen(found) == ["LEEDS"]


def test_where_a_split_is_needed_the_preferred_place_has_its_part() -> None:
    units = {("LEEDS", "lamp"): 3, ("YORK", "lamp"): 3, ("HULL", "lamp"): 3}
    found = ask(THREE, [Demand(1, "lamp", 5)], units, preferred="YORK")
    assert found.decided.allocations[0] == share(1, "YORK", 3)
    assert "preferred: YORK+HULL, YORK+LEEDS" in found.decided.trace


def test_a_preference_for_a_place_that_cannot_serve_abstains() -> None:
    assert chosen(ask(THREE, ONE_LAMP, {("LEEDS", "lamp"): 1}, preferred="YORK")) == ["LEEDS"]
    assert chosen(ask(THREE, ONE_LAMP, PLENTY, preferred="NOWHERE")) == ["HULL"]


def test_a_place_in_the_country_is_nearer_than_one_that_names_it() -> None:
    known = policy(
        place("ARLES", country="FR"),
        place("DUBLIN", country="IE", zones=("GB",)),
        place("YORK", country="GB"),
    )
    units = {("ARLES", "lamp"): 9, ("DUBLIN", "lamp"): 9, ("YORK", "lamp"): 9}
    found = ask(known, ONE_LAMP, units)
    assert chosen(found) == ["YORK"]
    assert found.decided.trace == ("most served: ARLES, DUBLIN, YORK", "zone: YORK")
    del units["YORK", "lamp"]
    assert chosen(ask(known, ONE_LAMP, units)) == ["DUBLIN"]


def test_the_place_that_keeps_more_cover_is_spared_less() -> None:
    found = ask(THREE, [Demand(1, "lamp", 2)], {("LEEDS", "lamp"): 3, ("YORK", "lamp"): 9})
    assert found.decided.trace == ("most served: LEEDS, YORK", "days_of_cover: YORK")


def test_cover_abstains_where_there_is_plenty() -> None:
    known = policy(place("LEEDS", priority=1), place("YORK", priority=2))
    units = {("LEEDS", "lamp"): 500, ("YORK", "lamp"): 9_000}
    found = ask(known, ONE_LAMP, units)
    assert found.decided.trace == ("most served: LEEDS, YORK", "priority: LEEDS")


def test_the_id_decides_between_equals() -> None:
    found = ask(THREE, ONE_LAMP, PLENTY)
    assert found.decided.trace == ("most served: LEEDS, YORK, HULL", "id: HULL")


def test_the_policy_says_which_rules_there_are_and_in_which_order() -> None:
    places = place("LEEDS", country="FR", priority=1), place("YORK", priority=2)
    units = {("LEEDS", "lamp"): 90, ("YORK", "lamp"): 90}
    assert chosen(ask(policy(*places), ONE_LAMP, units)) == ["YORK"]
    rules = ("fewest_splits", "priority", "zone")
    assert chosen(ask(policy(*places, rules=rules), ONE_LAMP, units)) == ["LEEDS"]
    assert chosen(ask(policy(*places, rules=()), ONE_LAMP, units)) == ["YORK"]


def test_a_rule_before_fewest_splits_may_prefer_two_places() -> None:
    places = place("LEEDS", priority=1), place("YORK", priority=2), place("HULL", priority=3)
    units = {("LEEDS", "lamp"): 1, ("YORK", "lamp"): 1, ("HULL", "lamp"): 2}
    demands = [Demand(1, "lamp", 2)]
    assert chosen(ask(policy(*places), demands, units)) == ["HULL"]
    rules = ("priority", "fewest_splits")
    assert chosen(ask(policy(*places, rules=rules), demands, units)) == ["LEEDS", "YORK"]


def test_what_is_not_there_waits_where_it_may() -> None:
    units: dict[tuple[str, str], int | Units] = {
        ("LEEDS", "lamp"): (2, 0),
        ("YORK", "lamp"): (0, 9),
    }
    found = ask(THREE, [Demand(1, "lamp", 5)], units, shortage="backorder")
    assert found.decided.allocations == (share(1, "LEEDS", 2),)
    assert found.decided.backorders == (share(1, "YORK", 3),)
    assert (found.missing, found.decided.splits) == ({}, 2)


def test_waiting_has_a_limit() -> None:
    units: dict[tuple[str, str], int | Units] = {("LEEDS", "lamp"): (2, 2)}
    found = ask(THREE, [Demand(1, "lamp", 5)], units, shortage="backorder")
    assert found.decided.backorders == (share(1, "LEEDS", 2),)
    assert (found.missing, found.available) == ({1: 1}, {"lamp": 2})


def test_without_a_limit_everything_may_wait() -> None:
    units: dict[tuple[str, str], int | Units] = {("LEEDS", "lamp"): (0, None)}
    found = ask(THREE, [Demand(1, "lamp", 5)], units, shortage="backorder")
    assert found.decided.backorders == (share(1, "LEEDS", 5),)


@pytest.mark.parametrize("shortage", ["reject", "partial"])
def test_nothing_waits_that_was_not_to_wait(shortage: str) -> None:
    units: dict[tuple[str, str], int | Units] = {("LEEDS", "lamp"): (1, None)}
    found = ask(THREE, [Demand(1, "lamp", 5)], units, shortage=shortage)
    assert (found.decided.backorders, found.missing) == ((), {1: 4})


def test_a_very_large_order_is_sourced_in_bounded_time() -> None:
    places = [place(f"P{number:02}") for number in range(50)]
    demands = [Demand(number, f"sku{number}", 2) for number in range(1, 2_001)]
    units = {
        (each.location, demand.sku): 1 + (number + demand.line) % 3 // 2
        for number, each in enumerate(places)
        for demand in demands
    }
    begun = perf_counter()
    found = ask(policy(*places), demands, units)
    assert perf_counter() - begun < 5
    assert found.missing == {}
    assert found.decided.splits <= 3
    assert found.decided.trace[0] == "too many plans to compare: grown place by place"
    assert "50 plans" not in found.decided.trace[-1]


NAMES = ("A", "B", "C", "D")
GOODS = ("x", "y", "z")
PLACES = st.builds(
    place,
    st.just(""),
    country=st.sampled_from(["GB", "FR"]),
    zones=st.sampled_from([(), ("GB",), ("FR",)]),
    priority=st.integers(0, 2),
    active=st.sampled_from([True, True, True, False]),
)
STOCK = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(GOODS)),
    st.tuples(st.integers(0, 8), st.none() | st.integers(0, 5)),
)
DEMANDS = st.lists(
    st.tuples(st.sampled_from(GOODS), st.integers(1, 6)), min_size=1, max_size=4
).map(lambda wanted: [Demand(n, sku, units) for n, (sku, units) in enumerate(wanted, start=1)])


@st.composite
def policies(draw: st.DrawFn) -> SourcingPolicy:
    places = [draw(PLACES) for _ in NAMES]
    for name, each in zip(NAMES, places, strict=True):
        each.location = name
    rules = draw(st.permutations(RULES))
    return policy(
        *places, rules=tuple(rules[draw(st.integers(0, 3)) :]), max_splits=draw(st.integers(1, 3))
    )


@given(
    known=policies(),
    demands=DEMANDS,
    stock=STOCK,
    shortage=st.sampled_from(["reject", "partial", "backorder"]),
    preferred=st.none() | st.sampled_from(NAMES),
)
def test_sourcing_keeps_its_word(
    known: SourcingPolicy,
    demands: list[Demand],
    stock: dict[tuple[str, str], Units],
    shortage: Any,
    preferred: str | None,
) -> None:
    facts = {"shortage": shortage, "preferred": preferred}
    found = ask(known, demands, stock, **facts)
    assert ask(known, demands, stock, **facts) == found, "deterministic"
    _check_supply(found, demands, stock)
    _check_demand(found, demands)
    assert found.decided.splits <= known.max_splits
    serving, _ = eligible(known, "web", "GB")
    used = {share.location for share in found.decided.allocations + found.decided.backorders}
    assert used <= {place.location for place in serving}
    if shortage != "backorder":
        assert not found.decided.backorders


def _check_supply(
    found: Sourcing, demands: list[Demand], stock: dict[tuple[str, str], Units]
) -> None:
    skus = {demand.line: demand.sku for demand in demands}
    promised: Counter[tuple[str, str]] = Counter()
    waiting: Counter[tuple[str, str]] = Counter()
    for share in found.decided.allocations:
        promised[share.location, skus[share.line]] += share.quantity
    for share in found.decided.backorders:
        waiting[share.location, skus[share.line]] += share.quantity
    assert all(units <= stock[key][0] for key, units in promised.items()), "never over supply"
    for key, units in waiting.items():
        limit = stock[key][1]
        assert units <= (NO_LIMIT if limit is None else limit), "never over the limit"


def _check_demand(found: Sourcing, demands: list[Demand]) -> None:
    served: Counter[int] = Counter()
    for share in found.decided.allocations + found.decided.backorders:
        assert share.quantity > 0
        served[share.line] += share.quantity
    for demand in demands:
        assert served[demand.line] + found.missing.get(demand.line, 0) == demand.quantity


@pytest.mark.parametrize("rules", [RULES, ("fewest_splits",), ()])
def test_what_was_reserved_comes_first_wherever_it_is(rules: tuple[str, ...]) -> None:
    known = policy(LEEDS, YORK, HULL, rules=rules)
    units = {("LEEDS", "lamp"): 9, ("YORK", "lamp"): 9, ("HULL", "lamp"): 1}
    found = ask(known, [Demand(1, "lamp", 3)], units, {("HULL", "lamp"): 1}, preferred="LEEDS")
    assert [share.location for share in found.decided.allocations][:1] == ["HULL"]
    assert sum(share.quantity for share in found.decided.allocations) == 3
    assert found.decided.trace[0] == "reserved: HULL"


def test_the_place_of_a_reservation_gives_the_rest_too() -> None:
    units = {("LEEDS", "lamp"): 9, ("HULL", "lamp"): 9}
    found = ask(THREE, [Demand(1, "lamp", 3)], units, {("HULL", "lamp"): 1}, preferred="LEEDS")
    assert found.decided.allocations == (share(1, "HULL", 3),)


def test_reserved_units_of_several_places_all_count() -> None:
    units = {("LEEDS", "lamp"): 9, ("HULL", "lamp"): 9}
    held = {("LEEDS", "lamp"): 1, ("HULL", "lamp"): 2}
    found = ask(THREE, [Demand(1, "lamp", 2), Demand(2, "lamp", 2)], units, held)
    assert sum(s.quantity for s in found.decided.allocations if s.location == "HULL") >= 2
    assert chosen(found) == ["HULL", "LEEDS"]
    assert len({(s.line, s.location) for s in found.decided.allocations}) == len(
        found.decided.allocations
    )


def test_no_unit_less_is_served_for_a_reservation() -> None:
    known = policy(LEEDS, YORK, max_splits=1)
    units = {("LEEDS", "lamp"): 9, ("YORK", "lamp"): 1}
    found = ask(known, [Demand(1, "lamp", 3)], units, {("YORK", "lamp"): 1})
    assert found.decided.allocations == (share(1, "LEEDS", 3),)


@given(known=policies(), demands=DEMANDS, stock=STOCK, part=st.integers(0, 3))
def test_reserved_units_convert_as_far_as_the_best_plans_allow(
    known: SourcingPolicy, demands: list[Demand], stock: dict[tuple[str, str], Units], part: int
) -> None:
    held = {key: min(part, units[0]) for key, units in stock.items()}
    found = ask(known, demands, stock, held)
    _check_supply(found, demands, stock)
    _check_demand(found, demands)
    assert found.decided.splits <= known.max_splits
    plain = ask(known, demands, stock)
    assert sum(found.missing.values()) == sum(plain.missing.values())
    keys = [(share.line, share.location) for share in found.decided.allocations]
    assert len(set(keys)) == len(keys)


@given(known=policies(), demands=DEMANDS, stock=STOCK)
def test_no_plan_serves_more(
    known: SourcingPolicy, demands: list[Demand], stock: dict[tuple[str, str], Units]
) -> None:
    """Against every set of places, tried one by one; and no smaller set does as well."""
    found = ask(known, demands, stock)
    serving, _ = eligible(known, "web", "GB")
    names = [place.location for place in serving]
    best = {
        size: max(
            (_served(names, demands, stock) for names in combinations(names, size)), default=0
        )
        for size in range(known.max_splits + 1)
    }
    served = sum(share.quantity for share in found.decided.allocations)
    assert served == max(best.values())
    if known.rules[:1] == ("fewest_splits",):
        assert found.decided.splits == min(size for size, units in best.items() if units == served)


def _served(
    names: tuple[str, ...], demands: list[Demand], stock: dict[tuple[str, str], Units]
) -> int:
    need: Counter[str] = Counter()
    for demand in demands:
        need[demand.sku] += demand.quantity
    there = {sku: sum(stock.get((name, sku), (0,))[0] for name in names) for sku in need}
    return sum(min(units, there[sku]) for sku, units in need.items())


@given(demands=DEMANDS, stock=STOCK, known=policies(), name=st.sampled_from(NAMES))
def test_one_place_when_one_suffices(
    demands: list[Demand], stock: dict[tuple[str, str], Units], known: SourcingPolicy, name: str
) -> None:
    known.rules = RULES
    known.locations[name] = place(name)
    enough = sum(demand.quantity for demand in demands)
    found = ask(known, demands, stock | {(name, sku): (enough, 0) for sku in GOODS})
    assert (len(chosen(found)), found.missing) == (1, {})
