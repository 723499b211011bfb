"""Commands for the tests of the write path: real ones of a small shop, and one that misbehaves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from commands import HANDLERS
from commands.handling import (
    Answer,
    Contact,
    Context,
    Handlers,
    Handling,
    Known,
    Receipt,
    Rounds,
    Streams,
)
from commands.location import RegisterLocation
from commands.order import PlaceOrder, RequestedLine
from commands.stock import ReceiveStock, RegisterStockItem, SetStockPolicy
from domain.decider import Decider
from domain.stock.events import StockReceived
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import ShortagePolicy, stock_stream
from infra.postgres.connections import Connection, connect_writer
from infra.store import codec
from infra.store.clock_epochs import Clock, system_clock
from infra.store.envelope import Stored, envelope
from infra.store.event_log import SEQUENCE, TABLE, StoredRow, read_after, read_stream
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer
from infra.write_path.snapshots import Snapshots

LONG_AGO = datetime(2020, 2, 29, 12, tzinfo=UTC)
LOCATION, SKU = "LEEDS", "85123A"
STOCK = stock_stream(LOCATION, SKU)
NUMBERS = count(1)
BIG_CACHE = 10_000_000


@dataclass(slots=True, kw_only=True)
class Mark:
    """Leaves one receipt of a unit in each of these streams, and then fails when it has to.

    `meanwhile` happens while it is decided, under the lock. It `reads` some streams, and `touches`
    others that it did not name. With `follows` it reads one that the state of its first one leads
    to.
    """

    streams: tuple[str, ...] = (STOCK,)
    document: str = "mark"
    fails: Exception | None = None
    reads: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    follows: bool = False
    keeps: Contact | None = None
    details: Mapping[str, Any] | None = None
    meanwhile: Callable[[], None] | None = None
    at: datetime | None = None


def mark(command: Mark, streams: Streams, context: Context, now: datetime) -> Receipt:
    touches = [*command.reads, *command.touches]
    if command.follows:
        touches.append(_led_to(command, streams))
    items = {name: streams.state(STOCK_ITEM, name) for name in touches}
    for name in command.streams:
        streams.append(name, [StockReceived(quantity=1, document=command.document)], at=command.at)
    if command.meanwhile is not None:
        command.meanwhile()
    if command.keeps is not None:
        streams.keep_contact(command.keeps)
    if command.fails is not None:
        raise command.fails
    on_hand = {name: item.on_hand for name, item in items.items()}
    return Receipt(
        id=command.document,
        stream_id=command.streams[0],
        outcome="marked",
        details=on_hand | dict(command.details or {}),
    )


def _led_to(command: Mark, streams: Known) -> str:
    return stock_stream("LED", str(streams.state(STOCK_ITEM, command.streams[0]).on_hand))


def _needs(command: Mark, streams: Known) -> Rounds:
    yield (*command.streams, *command.reads)
    if command.follows:
        yield (_led_to(command, streams),)


MARKING: Handlers = {
    **HANDLERS,
    Mark: Handling(mark, _needs, lambda command: command.streams[0]),
}


def context(number: int | None = None, **given: Any) -> Context:
    """Somebody's request; the same number is the same command."""
    chosen = Context(
        command_id=UUID(int=next(NUMBERS) if number is None else number + 10**12),
        actor="ada",
        correlation_id="test",
        fingerprint=b"the same",
    )
    return replace(chosen, **given)


def ask(command: object, number: int | None = None, **given: Any) -> CommandRequest:
    return CommandRequest(command, context(number, **given))


def accepted(asked: CommandRequest) -> Answer:
    """The answer of an ask that must have one."""
    if isinstance(asked.outcome, Exception):
        raise AssertionError(f"refused: {asked.outcome!r}") from asked.outcome
    assert asked.outcome is not None
    return asked.outcome


def do(writer: Writer, command: object, number: int | None = None, **given: Any) -> Answer:
    """Carry out one command that must be accepted."""
    asked = ask(command, number, **given)
    writer.write([asked])
    return accepted(asked)


def refused(writer: Writer, command: object, number: int | None = None, **given: Any) -> Exception:
    """Why one command, which must be refused, was."""
    asked = ask(command, number, **given)
    writer.write([asked])
    assert isinstance(asked.outcome, Exception), f"not refused: {asked.outcome}"
    return asked.outcome


@contextmanager
def writing(
    conninfo: str,
    handlers: Handlers = MARKING,
    *,
    cache_bytes: int = BIG_CACHE,
    snapshots: Snapshots | None = None,
    clock: Clock = system_clock,
) -> Iterator[Writer]:
    writer = Writer(
        lambda: connect_writer(conninfo),
        handlers,
        cache_bytes=cache_bytes,
        snapshots=snapshots,
        clock=clock,
    )
    try:
        yield writer
    finally:
        writer.close()


def open_shop(
    writer: Writer, skus: Sequence[str] = (SKU,), *, units: int = 0, backorders: int | None = 0
) -> None:
    """One location that carries these skus, with so many units of each."""
    do(writer, RegisterLocation(location=LOCATION, country="GB"))
    for sku in skus:
        do(writer, RegisterStockItem(location=LOCATION, sku=sku))
        if backorders != 0:
            do(writer, SetStockPolicy(location=LOCATION, sku=sku, backorder_limit=backorders))
        if units:
            receive(writer, units, sku)


def receive(writer: Writer, units: int, sku: str = SKU, document: str = "delivery") -> Answer:
    return do(writer, ReceiveStock(location=LOCATION, sku=sku, quantity=units, document=document))


def order(
    order_id: str,
    *skus: str,
    quantity: int = 1,
    shortage: ShortagePolicy = "reject",
    contacts: dict[str, Contact] | None = None,
    reference: str | None = None,
) -> PlaceOrder:
    return PlaceOrder(
        order_id=order_id,
        channel="web",
        reference=reference,
        currency="GBP",
        country="GB",
        shortage_policy=shortage,
        contacts=contacts,
        lines=tuple(
            RequestedLine(sku=sku, quantity=quantity, unit_price=250) for sku in skus or (SKU,)
        ),
    )


def log_of(conninfo: str) -> Sequence[StoredRow]:
    with psycopg.connect(conninfo) as conn:
        return read_after(conn, 0, 1_000_000)


def state_of(conninfo: str, decider: Decider[Any], stream_id: str) -> Any:
    """The full replay of a stream, whatever caches and snapshots say."""
    with psycopg.connect(conninfo) as conn:
        rows = read_stream(conn, stream_id)
    return decider.fold(codec.event_of(row.state) for row in rows)


def stock_of(conninfo: str, stream_id: str = STOCK) -> StockItem:
    item: StockItem = state_of(conninfo, STOCK_ITEM, stream_id)
    return item


def versions(rows: Iterable[StoredRow]) -> dict[str, list[int]]:
    """Each stream's versions in the order of their positions."""
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.stream_id, []).append(row.stream_version)
    return found


def check_log(conninfo: str) -> Sequence[StoredRow]:
    """The laws of every log: versions 1 to n in order, no event twice, time goes on."""
    rows = log_of(conninfo)
    for stream_id, found in versions(rows).items():
        assert found == list(range(1, len(found) + 1)), stream_id
    envelopes = [envelope(row.state) for row in rows]
    assert len({each.event_id for each in envelopes}) == len(rows)
    moments = [each.recorded_at for each in envelopes]
    assert moments == sorted(moments)
    return rows


def count_of(conninfo: str, table: str) -> int:
    with psycopg.connect(conninfo) as conn:
        row = conn.execute(f"SELECT count(*) FROM ordinal.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def burn(conninfo: str, positions: int) -> None:
    """Use up positions, as an append does that is rolled back."""
    with psycopg.connect(conninfo) as conn:
        conn.execute("SELECT nextval(%s) FROM generate_series(1, %s)", (SEQUENCE, positions))


def insert_by_hand(
    conninfo: str, stream_id: str, version: int, *, recorded_at: datetime | None = None
) -> None:
    """Append one receipt of a unit with plain SQL, as a foreign program would."""
    with psycopg.connect(conninfo) as conn:
        insert(conn, stream_id, version, recorded_at=recorded_at)


def insert(
    conn: Connection, stream_id: str, version: int, *, recorded_at: datetime | None = None
) -> int:
    """The same in a transaction that is under way; returns the position."""
    at = recorded_at or datetime.now(UTC)
    known = Stored(
        event_id=str(uuid4()),
        type="StockReceived",
        schema_version=1,
        stream_id=stream_id,
        stream_version=version,
        occurred_at=at,
        recorded_at=at,
        actor="psql",
        command_id=str(uuid4()),
        correlation_id="by hand",
        data=msgspec.Raw(b'{"quantity":1,"document":"by hand"}'),
    )
    row = conn.execute(
        f"INSERT INTO {TABLE} (originator_id, originator_version, topic, state)"
        " VALUES (%s, %s, 'StockReceived', %s) RETURNING notification_id",
        (stream_id, version, msgspec.json.encode(known)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def in_a_moment(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
