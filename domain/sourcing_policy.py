"""Where stock may come from: the locations and the rules, one stream for the whole store."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.category import Category
from domain.countries import check_country
from domain.decider import Decider
from domain.errors import AlreadyExists, Invalid, UnknownLocation, WrongStatus
from domain.values import SOURCING_STREAM, check_location, check_name, check_text

RULES = ("preferred", "fewest_splits", "zone", "days_of_cover", "priority", "id")
MAX_PRIORITY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRegistered:
    """Stock may be kept at and sent from this place.

    Empty `channels` or `zones` mean all; `zones` are countries or coarser areas that it serves.
    """

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationChanged:
    """The place serves other zones or channels, or has another priority; if closed, it reopens."""

    location: str
    country: str
    zones: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationClosed:
    """The place serves no new demand."""

    location: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcingPolicyChanged:
    """The order in which the rules choose a location, and into how many parts an order may fall."""

    rules: tuple[str, ...]
    max_splits: int


EVENTS: tuple[type, ...] = (
    LocationRegistered,
    LocationChanged,
    LocationClosed,
    SourcingPolicyChanged,
)


@dataclass(slots=True)
class Location:
    """A place as it stands."""

    location: str
    country: str
    zones: tuple[str, ...]
    channels: tuple[str, ...]
    priority: int
    active: bool = True


@dataclass(slots=True)
class SourcingPolicy:
    """All places and the rules in force. `version` counts the changes, for the trace."""

    locations: dict[str, Location] = field(default_factory=dict)
    rules: tuple[str, ...] = RULES
    max_splits: int = 3
    version: int = 0

    def is_open(self, location: str) -> bool:
        """Whether the place serves anybody."""
        place = self.locations.get(location)
        return place is not None and place.active


def _placed(policy: SourcingPolicy, event: LocationRegistered | LocationChanged) -> None:
    policy.version += 1
    policy.locations[event.location] = Location(
        event.location, event.country, event.zones, event.channels, event.priority
    )


def _closed(policy: SourcingPolicy, event: LocationClosed) -> None:
    policy.version += 1
    if event.location in policy.locations:
        policy.locations[event.location].active = False


def _ruled(policy: SourcingPolicy, event: SourcingPolicyChanged) -> None:
    policy.version += 1
    policy.rules, policy.max_splits = event.rules, event.max_splits


FOLDS: dict[type, Callable[[SourcingPolicy, Any], None]] = {
    LocationRegistered: _placed,
    LocationChanged: _placed,
    LocationClosed: _closed,
    SourcingPolicyChanged: _ruled,
}
SOURCING_POLICY = Decider(initial=SourcingPolicy, folds=FOLDS)
SOURCING = Category(name=SOURCING_STREAM, events=EVENTS, decider=SOURCING_POLICY, single=True)


def register_location(
    policy: SourcingPolicy,
    *,
    location: str,
    country: str,
    zones: Iterable[str] = (),
    channels: Iterable[str] = (),
    priority: int = 0,
    now: datetime,
) -> list[object]:
    check_location(location)
    wanted = _place(location, country, zones, channels, priority)
    known = policy.locations.get(location)
    if known == wanted:
        return []
    if known is not None:
        raise AlreadyExists("This location exists already; change it instead.", location=location)
    return [
        LocationRegistered(
            location=location,
            country=country,
            zones=wanted.zones,
            channels=wanted.channels,
            priority=priority,
        )
    ]


def change_location(
    policy: SourcingPolicy,
    *,
    location: str,
    country: str,
    zones: Iterable[str],
    channels: Iterable[str],
    priority: int,
    now: datetime,
) -> list[object]:
    """A closed place that is changed serves again."""
    if location not in policy.locations:
        raise UnknownLocation(location=location)
    wanted = _place(location, country, zones, channels, priority)
    if policy.locations[location] == wanted:
        return []
    return [
        LocationChanged(
            location=location,
            country=country,
            zones=wanted.zones,
            channels=wanted.channels,
            priority=priority,
        )
    ]


def _place(
    location: str, country: str, zones: Iterable[str], channels: Iterable[str], priority: int
) -> Location:
    check_country(country)
    if abs(priority) > MAX_PRIORITY:
        raise Invalid(f"A priority is at most {MAX_PRIORITY}.", field="priority")
    place = Location(location, country, tuple(zones), tuple(channels), priority)
    for field_name, names in (("zones", place.zones), ("channels", place.channels)):
        for name in names:
            check_name(name, field_name)
    return place


def close_location(
    policy: SourcingPolicy,
    *,
    location: str,
    reason: str,
    open_work: Sequence[str] = (),
    now: datetime,
) -> list[object]:
    """Refused while the place still has work to do; `open_work` names some of it, if there is any.

    No stream of the place tells of that, so the caller has to look.
    """
    check_text(reason, "reason")
    known = policy.locations.get(location)
    if known is None:
        raise UnknownLocation(location=location)
    if not known.active:
        return []
    if open_work:
        raise WrongStatus(
            "The location has open fulfilment orders: finish or cancel them first.",
            location=location,
            fulfilment_orders=list(open_work),
        )
    return [LocationClosed(location=location, reason=reason)]


def set_policy(
    policy: SourcingPolicy, *, rules: Iterable[str], max_splits: int, now: datetime
) -> list[object]:
    ordered = tuple(rules)
    unknown = [rule for rule in ordered if rule not in RULES]
    if unknown or len(set(ordered)) != len(ordered):
        raise Invalid(f"Rules are each at most once of {', '.join(RULES)}.", field="rules")
    if not 1 <= max_splits <= 10:
        raise Invalid("An order may fall into 1 to 10 parts.", field="max_splits")
    if (ordered, max_splits) == (policy.rules, policy.max_splits):
        return []
    return [SourcingPolicyChanged(rules=ordered, max_splits=max_splits)]
