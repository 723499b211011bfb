"""What happened to this order, in words, by whom and why? One row for each fact."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from domain.decider import Recorded
from domain.fast_init import maker
from domain.order.events import FulfilmentOrderOpened, OrderPlaced
from projections.order_status_rows import OrderStatusRow
from projections.order_timeline_words import WORDS, NamesRow
from projections.projection import Projection, Query, Reachable, StreamRows, Table
from projections.rows import documented, owner, valid_time


@dataclass(slots=True, kw_only=True)
class TimelineRow:
    order_id: Annotated[str, "The order"]
    stream_version: Annotated[int, "Number of the fact within the order, from 1"]
    position: Annotated[int, "Log position of the fact"]
    type: Annotated[str, "Name of the event"]
    what: Annotated[str, "What happened, in words"]
    at: Annotated[datetime, "When it happened, business time, UTC"]
    recorded_at: Annotated[datetime, "When it was recorded, UTC"]
    actor: Annotated[str, "Who did it: a user, a key or a part of the system"]
    channel: Annotated[str | None, "Through which channel"]
    reason: Annotated[str | None, "The reason that the caller gave"]
    event_id: Annotated[str, "Id of the event"]
    causation_id: Annotated[str | None, "Id of the event or message that led to it"]
    correlation_id: Annotated[str, "Common id of everything that one request led to"]


_timeline_row, _names_row = maker(TimelineRow), maker(NamesRow)


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    words = WORDS.get(type(recorded.event))
    names = _names(rows, recorded)
    if words is None or names is None:
        return
    rows.put(
        _timeline_row(
            order_id=names.order_id,
            stream_version=recorded.stream_version,
            position=recorded.position,
            type=recorded.type,
            what=words(recorded.event, names),
            at=valid_time(recorded),
            recorded_at=recorded.recorded_at,
            actor=recorded.actor,
            channel=recorded.channel,
            reason=recorded.reason or _told(recorded.event),
            event_id=recorded.event_id,
            causation_id=recorded.causation_id,
            correlation_id=recorded.correlation_id,
        )
    )


def _told(event: object) -> str | None:
    """Envelopes did not always repeat the reason that a fact itself states."""
    reason: str | None = getattr(event, "reason", None)
    return reason


def _names(rows: StreamRows, recorded: Recorded) -> NamesRow | None:
    event = recorded.event
    if isinstance(event, OrderPlaced):
        skus = {str(line.line): line.sku for line in event.lines}
        names = _names_row(order_id=owner(recorded), skus=skus, places={})
        rows.put(names)
        return names
    known = rows.get(NamesRow)
    if known is not None and isinstance(event, FulfilmentOrderOpened):
        known.places[event.fulfilment_id] = event.location
        rows.put(known)
    return known


ORDER_TIMELINE = Projection(
    name="order_timeline",
    version=2,
    categories=frozenset({"order"}),
    folds=WORDS,
    tables=(
        Table(
            name="order_timeline",
            row=TimelineRow,
            key=("order_id", "stream_version"),
            about="Every fact of every order in words, with who did it and what led to it.",
            columns=documented(TimelineRow),
            append_only=True,
        ),
        Table(
            name="order_timeline_names",
            row=NamesRow,
            key=("order_id",),
            about="What the sentences of order_timeline call lines and places.",
            columns=documented(NamesRow),
        ),
    ),
    evolve=evolve,
    reach={TimelineRow: Reachable(owner="order_id", like=OrderStatusRow)},
)


def timeline_page(order_id: str, *, after: int | None = None, limit: int = 50) -> Query:
    """The facts of an order as they happened, behind the one numbered `after`."""
    return Query(
        row=TimelineRow,
        where={"order_id": order_id},
        order=("stream_version",),
        after=None if after is None else (after,),
        limit=limit,
    )
