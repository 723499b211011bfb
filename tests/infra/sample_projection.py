"""A small read model over stock events, and a way to put events into the log by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
import psycopg

from domain.decider import Recorded
from domain.stock import events as e
from projections.projection import Projection, StreamRows, Table

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = UUID(int=7)


@dataclass(slots=True, kw_only=True)
class LevelRow:
    item: str
    on_hand: int = 0
    last_document: str | None = None
    counted: bool = False
    documents: dict[str, int]
    recent: tuple[int, ...] = ()
    first_day: date
    updated_at: datetime
    position: int


@dataclass(slots=True, kw_only=True)
class ReceiptRow:
    item: str
    document: str
    quantity: int = 0


@dataclass(slots=True, kw_only=True)
class FactRow:
    item: str
    position: int
    type: str
    words: str


def _about(row: type) -> dict[str, str]:
    return {name: f"what {name} means" for name in row.__annotations__}


LEVEL = Table(
    name="sample_level",
    row=LevelRow,
    key=("item",),
    about="One row an item.",
    columns=_about(LevelRow),
    indexes=(("on_hand", "item"), ("updated_at",)),
)
RECEIPT = Table(
    name="sample_receipt",
    row=ReceiptRow,
    key=("item", "document"),
    about="One row for each document of an item.",
    columns=_about(ReceiptRow),
)
FACT = Table(
    name="sample_fact",
    row=FactRow,
    key=("item", "position"),
    about="One row an event.",
    columns=_about(FactRow),
    append_only=True,
)


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    """Raises at an adjustment whose reason is `poison`."""
    item = recorded.stream_id.partition("-")[2]
    level = rows.get(LevelRow) or LevelRow(
        item=item,
        documents={},
        first_day=recorded.occurred_at.date(),
        updated_at=recorded.recorded_at,
        position=0,
    )
    match recorded.event:
        case e.StockReceived(quantity=quantity, document=document):
            level.on_hand += quantity
            level.last_document = document
            level.documents[document] = level.documents.get(document, 0) + quantity
            level.recent = (*level.recent[-2:], quantity)
            receipt = rows.get(ReceiptRow, document) or ReceiptRow(item=item, document=document)
            receipt.quantity += quantity
            rows.put(receipt)
        case e.StockAdjusted(delta=delta, reason=reason):
            level.on_hand += delta
            if reason == "poison":
                raise ArithmeticError("poisoned")
            level.last_document = reason
        case e.StockCounted(counted=counted):
            level.on_hand, level.counted = counted, True
    level.updated_at, level.position = recorded.recorded_at, recorded.position
    rows.put(level)
    words = f"{recorded.type} by {recorded.actor}"
    rows.put(FactRow(item=item, position=recorded.position, type=recorded.type, words=words))


SAMPLE = Projection(
    name="sample",
    version=1,
    categories=frozenset({"stock"}),
    folds=e.EVENTS,
    tables=(LEVEL, RECEIPT, FACT),
    evolve=evolve,
    views={
        "sample_total": (
            "SELECT sum(on_hand) AS on_hand FROM {sample_level}",
            "Everything there is.",
        )
    },
)
SAMPLE_2 = replace(SAMPLE, version=2)


@dataclass(frozen=True, slots=True)
class Bytes:
    """An event whose stored bytes are chosen by hand."""

    type: str
    state: bytes


def register(item: str) -> e.StockItemRegistered:
    return e.StockItemRegistered(sku=item, location="HERE")


def receive(quantity: int, document: str = "d1") -> e.StockReceived:
    return e.StockReceived(quantity=quantity, document=document)


def adjust(delta: int, reason: str = "found") -> e.StockAdjusted:
    return e.StockAdjusted(delta=delta, reason=reason)


POISON = adjust(1, "poison")
Written = tuple[str, object]


def append(conninfo: str, events: Iterable[Written]) -> list[int]:
    """Append events one by one, each to its stream; returns their positions."""
    with psycopg.connect(conninfo) as conn:
        versions: dict[str, int] = {}
        positions = []
        for stream_id, event in events:
            version = versions.get(stream_id) or _version(conn, stream_id)
            versions[stream_id] = version + 1
            name, state = _stored(stream_id, version + 1, event)
            row = conn.execute(
                "INSERT INTO ordinal.stored_events"
                " (originator_id, originator_version, topic, state)"
                " VALUES (%s, %s, %s, %s) RETURNING notification_id",
                (stream_id, version + 1, name, state),
            ).fetchone()
            assert row
            positions.append(int(row[0]))
        return positions


def state_of(stream_id: str, version: int, event: object, **envelope: object) -> bytes:
    """The envelope as the log holds it."""
    at = EPOCH + timedelta(seconds=version)
    known: dict[str, object] = {
        "event_id": str(uuid5(NAMES, f"{stream_id} {version}")),
        "type": type(event).__name__,
        "schema_version": 1,
        "stream_id": stream_id,
        "stream_version": version,
        "occurred_at": at,
        "recorded_at": at,
        "actor": "ada",
        "command_id": str(UUID(int=version)),
        "correlation_id": "c",
        "data": event,
    }
    return msgspec.json.encode(known | envelope)


def _version(conn: psycopg.Connection[Any], stream_id: str) -> int:
    row = conn.execute(
        "SELECT coalesce(max(originator_version), 0) FROM ordinal.stored_events"
        " WHERE originator_id = %s",
        (stream_id,),
    ).fetchone()
    assert row
    return int(row[0])


def _stored(stream_id: str, version: int, event: object) -> tuple[str, bytes]:
    if isinstance(event, Bytes):
        return event.type, event.state
    return type(event).__name__, state_of(stream_id, version, event)


def contents(conninfo: str, projection: Projection = SAMPLE) -> dict[str, Sequence[str]]:
    """Every row as text, by table, as an analyst sees them."""
    found: dict[str, Sequence[str]] = {}
    with psycopg.connect(conninfo) as conn:
        for table in projection.tables:
            rows = conn.execute(
                f"SELECT t::text FROM read.{table.name} t ORDER BY {', '.join(table.key)}"
            ).fetchall()
            found[table.name] = [text for (text,) in rows]
    return found
