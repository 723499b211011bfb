"""Where is stock kept, how is a location chosen, and what happens to orders by itself?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from domain.decider import Recorded
from domain.order_policy import OrderPolicyChanged
from domain.sourcing_policy import (
    RULES,
    LocationChanged,
    LocationClosed,
    LocationRegistered,
    SourcingPolicyChanged,
)
from domain.values import SOURCING_STREAM
from projections.projection import Projection, Query, Reachable, StreamRows, Table
from projections.rows import documented, known

Stream = Annotated[str, "The stream that says so"]
Updated = Annotated[datetime, "When that was last recorded, UTC"]
Version = Annotated[int, "Events of the stream up to then; If-Match compares with the last one"]
Position = Annotated[int, "Log position of the last event of this"]


@dataclass(slots=True, kw_only=True)
class LocationRow:
    stream: Stream
    location: Annotated[str, "The place"]
    country: Annotated[str, "Where it stands, ISO 3166 alpha-2"]
    zones: Annotated[list[str], "Countries or coarser areas that it serves; none are all"]
    channels: Annotated[list[str], "Channels that it serves; none are all"]
    priority: Annotated[int, "The smaller, the sooner it is chosen among equals"]
    active: Annotated[bool, "Whether it serves anybody"] = True
    closed_reason: Annotated[str | None, "Why it was closed, if it is"] = None
    updated_at: Updated
    version: Version
    position: Position


@dataclass(slots=True, kw_only=True)
class SourcingPolicyRow:
    stream: Stream
    rules: Annotated[list[str], "Rules by which a location is chosen, in their order"] = field(
        default_factory=lambda: [*RULES]
    )
    max_splits: Annotated[int, "Into how many parts an order may fall"] = 3
    updated_at: Updated
    version: Version
    position: Position


@dataclass(slots=True, kw_only=True)
class OrderPolicyRow:
    stream: Stream
    expire_unpaid_after: Annotated[
        int | None, "Seconds after which an order that is to be paid first expires; null is never"
    ] = None
    complete_by_itself: Annotated[
        bool, "Whether an order completes when its last line came to its end"
    ] = False
    dispatch_needs_payment: Annotated[bool, "Whether prepaid orders wait until they are paid"] = (
        False
    )
    updated_at: Updated
    version: Version
    position: Position


def _stamp(recorded: Recorded) -> dict[str, Any]:
    return {
        "stream": recorded.stream_id,
        "updated_at": recorded.recorded_at,
        "version": recorded.stream_version,
        "position": recorded.position,
    }


def _placed(
    rows: StreamRows, event: LocationRegistered | LocationChanged, recorded: Recorded
) -> None:
    said: dict[str, Any] = {
        "country": event.country,
        "zones": [*event.zones],
        "channels": [*event.channels],
        "priority": event.priority,
        "active": True,
        "closed_reason": None,
        **_stamp(recorded),
    }
    row = rows.get(LocationRow, event.location) or LocationRow(location=event.location, **said)
    _set(row, said)
    rows.put(row)


def _closed(rows: StreamRows, event: LocationClosed, recorded: Recorded) -> None:
    row = known(rows.get(LocationRow, event.location))
    _set(row, {"active": False, "closed_reason": event.reason, **_stamp(recorded)})
    rows.put(row)


def _ruled(rows: StreamRows, event: SourcingPolicyChanged, recorded: Recorded) -> None:
    said = {"rules": [*event.rules], "max_splits": event.max_splits, **_stamp(recorded)}
    row = rows.get(SourcingPolicyRow) or SourcingPolicyRow(**said)
    _set(row, said)
    rows.put(row)


def _decided(rows: StreamRows, event: OrderPolicyChanged, recorded: Recorded) -> None:
    said = {
        "expire_unpaid_after": event.expire_unpaid_after,
        "complete_by_itself": event.complete_by_itself,
        "dispatch_needs_payment": event.dispatch_needs_payment,
        **_stamp(recorded),
    }
    row = rows.get(OrderPolicyRow) or OrderPolicyRow(**said)
    _set(row, said)
    rows.put(row)


def _set(row: object, said: Mapping[str, Any]) -> None:
    for name, value in said.items():
        setattr(row, name, value)


FOLDS: Mapping[type, Callable[[StreamRows, Any, Recorded], None]] = {
    LocationRegistered: _placed,
    LocationChanged: _placed,
    LocationClosed: _closed,
    SourcingPolicyChanged: _ruled,
    OrderPolicyChanged: _decided,
}


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    fold = FOLDS.get(type(recorded.event))
    if fold is not None:
        fold(rows, recorded.event, recorded)


def _table(name: str, row: type, about: str, *rest_of_key: str) -> Table:
    return Table(
        name=name, row=row, key=("stream", *rest_of_key), about=about, columns=documented(row)
    )


# What the shop decided is no secret to whoever may read it at all.
OF_THE_SHOP = frozenset({"channel", "country", "location", "currency", "customer"})
REACH: Mapping[type, Reachable] = {
    LocationRow: Reachable(
        columns={"location": "location"}, open=OF_THE_SHOP - {"location", "customer"}
    ),
    SourcingPolicyRow: Reachable(open=OF_THE_SHOP),
    OrderPolicyRow: Reachable(open=OF_THE_SHOP),
}
POLICIES = Projection(
    name="policies",
    version=1,
    categories=frozenset({SOURCING_STREAM, "policy"}),
    folds=FOLDS,
    tables=(
        _table("location", LocationRow, "Every place that keeps stock.", "location"),
        _table("sourcing_policy", SourcingPolicyRow, "How a location is chosen, once set."),
        _table("order_policy", OrderPolicyRow, "What happens to orders by itself, once set."),
    ),
    evolve=evolve,
    reach=REACH,
)


def location_by_id(location: str) -> Query:
    return Query(row=LocationRow, where={"location": location}, order=("location",), limit=1)


def locations_page(
    *, country: str | None = None, active: bool | None = None, limit: int = 50
) -> Query:
    """Places that fit all of what is given, by name."""
    wanted = {"country": country, "active": active}
    return Query(
        row=LocationRow,
        where={column: value for column, value in wanted.items() if value is not None},
        order=("location",),
        limit=limit,
    )


def policy_in_force(row: type, stream: str) -> Query:
    return Query(row=row, where={"stream": stream}, order=("stream",), limit=1)
