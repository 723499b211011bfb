"""Group commit on a real PostgreSQL: who is answered what, and what then stands in the log."""

from collections.abc import Iterator, Sequence
from datetime import timedelta, timezone
from uuid import UUID

import psycopg
import pytest

from commands.handling import Contact, NotNamed
from commands.order import CancelOrder
from commands.stock import SuspendStockItem
from commands.together import Together, together
from domain.categories import decider_of
from domain.errors import InsufficientStock, Invalid, KeyReused, ReferenceReused, StaleVersion
from infra.store.envelope import envelope, event_id
from infra.store.event_log import StoredRow
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer
from infra.write_path.side_writes import Offsets, Outbox, OutboxMessage, SideWrite
from tests.infra.shop import (
    LOCATION,
    LONG_AGO,
    MARKING,
    SKU,
    STOCK,
    Mark,
    accepted,
    ask,
    burn,
    check_log,
    count_of,
    do,
    in_a_moment,
    insert_by_hand,
    log_of,
    open_shop,
    order,
    receive,
    refused,
    state_of,
    stock_of,
    versions,
    writing,
)

LONE_SURROGATE = "\ud800"
ADA = Contact(contact_id="shipping", name="Ada", city="Leeds")


@pytest.fixture
def writer(ordinal_database: str) -> Iterator[Writer]:
    with writing(ordinal_database) as writer:
        yield writer


def check_folds(writer: Writer, conninfo: str) -> None:
    """What the writer remembers is what the log says."""
    for stream_id, cached in writer._cache._streams.items():
        assert cached.state == state_of(conninfo, decider_of(stream_id), stream_id), stream_id


def of(asked: CommandRequest, rows: Sequence[StoredRow]) -> list[StoredRow]:
    """The events of one command."""
    command_id = str(asked.context.command_id)
    return [row for row in rows if envelope(row.state).command_id == command_id]


# -- receipts


def test_a_receipt_tells_the_true_version_and_position(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, ["A", "B"], units=5)
    asks = [ask(order(name, "A", "B")) for name in ("o1", "o2", "o3")]
    writer.write(asks)
    rows = check_log(ordinal_database)
    for each in asks:
        receipt = accepted(each).receipt
        own = of(each, rows)
        assert receipt.changed
        assert receipt.position == own[-1].position
        assert receipt.version == len(versions(rows)[receipt.stream_id]) == 2
        assert len(own) == 4
    assert writer.position == rows[-1].position


def test_a_command_that_changes_nothing_tells_the_head_of_the_log(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, units=5)
    first = do(writer, order("o1")).receipt
    receive(writer, 1)
    again = do(writer, order("o1")).receipt
    assert not again.changed
    assert again.version == first.version
    assert again.position == log_of(ordinal_database)[-1].position


def test_an_envelope_says_who_when_and_why(writer: Writer, ordinal_database: str) -> None:
    asked = ask(
        Mark(streams=(STOCK, STOCK)),
        channel="web",
        causation_id="the cause",
        occurred_at=LONG_AGO,
        reason="a whim",
        traceparent="00-1-2-01",
    )
    writer.write([asked])
    first, second = log_of(ordinal_database)
    known = envelope(first.state)
    command_id = asked.context.command_id
    assert (known.type, known.schema_version) == (first.type, 1) == ("StockReceived", 1)
    assert (known.stream_id, known.stream_version) == (STOCK, 1)
    assert (known.actor, known.channel, known.correlation_id) == ("ada", "web", "test")
    assert (known.causation_id, known.reason) == ("the cause", "a whim")
    assert (known.command_id, known.traceparent) == (str(command_id), "00-1-2-01")
    assert known.occurred_at == LONG_AGO < known.recorded_at
    assert known.event_id == event_id(command_id.bytes, 0) != envelope(second.state).event_id
    assert UUID(known.event_id).version == 5


# -- one bad command

BAD: dict[str, tuple[object, type[Exception]]] = {
    "refused": (Mark(document="bad", fails=InsufficientStock()), InsufficientStock),
    "broken": (Mark(document="bad", fails=ZeroDivisionError("handler")), ZeroDivisionError),
    "nul-in-contact": (Mark(document="bad", keeps=Contact(contact_id="x", name="\0")), Invalid),
    "nul-in-stream": (Mark(document="bad", streams=(STOCK, "stock-X-\0")), Invalid),
    "surrogate-in-stream": (Mark(streams=(STOCK, f"stock-X-{LONE_SURROGATE}")), Invalid),
    "surrogate-in-event": (Mark(streams=(STOCK, STOCK), document=LONE_SURROGATE), UnicodeError),
    "surrogate-in-contact": (
        Mark(keeps=Contact(contact_id="x", name=LONE_SURROGATE)),
        UnicodeError,
    ),
    "receipt-without-json": (Mark(document="bad", details={"x": object()}), TypeError),
    "bad-needs": (order("o-bad", "\0"), Invalid),
    "unknown": (object(), KeyError),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_command_of_256_harms_only_itself(
    name: str, writer: Writer, ordinal_database: str
) -> None:
    bad, error = BAD[name]
    asks = [ask(bad if n == 100 else Mark(document=f"good-{n}")) for n in range(256)]
    writer.write(asks)
    assert isinstance(asks.pop(100).outcome, error)
    assert [accepted(each).receipt.version for each in asks] == list(range(1, 256))
    assert len(check_log(ordinal_database)) == 255
    assert count_of(ordinal_database, "commands") == 255
    assert count_of(ordinal_database, "contacts") == 0
    assert do(writer, Mark(document="later")).receipt.version == 256
    check_folds(writer, ordinal_database)


def test_a_refused_command_leaves_no_trace_in_the_folds(
    writer: Writer, ordinal_database: str
) -> None:
    asks = [
        ask(Mark()),
        ask(Mark(streams=(STOCK, STOCK, "stock-X-1"), fails=InsufficientStock())),
        ask(Mark(reads=(STOCK, "stock-X-1"))),
    ]
    writer.write(asks)
    assert isinstance(asks[1].outcome, InsufficientStock)
    assert accepted(asks[2]).receipt.details == {STOCK: 2, "stock-X-1": 0}
    assert versions(check_log(ordinal_database)) == {STOCK: [1, 2]}
    check_folds(writer, ordinal_database)


def test_of_two_streams_none_is_stored_when_the_second_fails(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, ["A", "B"])
    receive(writer, 1, "A")
    before = len(log_of(ordinal_database))
    assert isinstance(refused(writer, order("o1", "A", "B")), InsufficientStock)
    assert len(log_of(ordinal_database)) == before
    assert do(writer, order("o2", "A")).receipt.changed
    check_folds(writer, ordinal_database)


def test_a_version_that_exists_already_is_refused_by_the_table_and_decided_anew(
    writer: Writer, ordinal_database: str
) -> None:
    do(writer, Mark())
    cached = writer._cache.get(STOCK)
    assert cached is not None
    cached.version = 0
    assert do(writer, Mark()).receipt.version == 2
    check_log(ordinal_database)
    check_folds(writer, ordinal_database)


# -- one key, one effect


def test_a_repeat_is_known_by_the_id_that_an_older_version_gave_it(writer: Writer) -> None:
    answer = do(writer, Mark(), 1, fingerprint=b"old")
    former = UUID(int=10**12 + 1)
    again = do(writer, Mark(), 2, former_id=former, former_fingerprint=b"old")
    assert (again.body, again.replayed) == (answer.body, True)
    other = refused(writer, Mark(), 2, former_id=former, former_fingerprint=b"new")
    assert isinstance(other, KeyReused)
    fresh = do(writer, Mark(), 3, former_id=UUID(int=10**12 + 99), former_fingerprint=b"old")
    assert not fresh.replayed


def test_a_repeat_gets_the_same_answer_byte_by_byte(writer: Writer, ordinal_database: str) -> None:
    decided: list[bool] = []
    counted = Mark(meanwhile=lambda: decided.append(True))
    first, again = ask(counted, 1), ask(counted, 1)
    writer.write([first, again])
    assert decided == [True]
    later = do(writer, Mark(), 1)
    with writing(ordinal_database) as another:
        elsewhere = do(another, Mark(), 1)
    answer = accepted(first)
    repeats = [accepted(again), later, elsewhere]
    assert [each.body for each in repeats] == [answer.body] * 3
    assert [each.receipt for each in repeats] == [answer.receipt] * 3
    assert not answer.replayed
    assert all(each.replayed for each in repeats)
    assert len(check_log(ordinal_database)) == 1


def test_a_key_is_refused_to_another_request(writer: Writer, ordinal_database: str) -> None:
    first, other = ask(Mark(), 1), ask(Mark(), 1, fingerprint=b"another")
    writer.write([first, other])
    assert accepted(first).receipt.version == 1
    assert isinstance(other.outcome, KeyReused)
    assert isinstance(refused(writer, Mark(), 1, fingerprint=b"another"), KeyReused)
    with writing(ordinal_database) as another:
        assert isinstance(refused(another, Mark(), 1, fingerprint=b"another"), KeyReused)
    assert len(check_log(ordinal_database)) == 1


def test_a_refusal_binds_no_key(writer: Writer, ordinal_database: str) -> None:
    asks = [ask(Mark(fails=InsufficientStock()), 1), ask(Mark(), 1, fingerprint=b"another")]
    writer.write(asks)
    assert isinstance(asks[0].outcome, InsufficientStock)
    assert accepted(asks[1]).receipt.version == 1
    assert count_of(ordinal_database, "commands") == 1


def test_of_twenty_that_saw_one_version_only_one_goes_through(
    writer: Writer, ordinal_database: str
) -> None:
    do(writer, Mark())
    asks = [ask(Mark(), expected_version=1) for _ in range(20)]
    writer.write(asks)
    assert accepted(asks[0]).receipt.version == 2
    assert all(isinstance(each.outcome, StaleVersion) for each in asks[1:])
    assert asks[1].outcome.details == {"current": 2}  # type: ignore[union-attr]
    assert len(check_log(ordinal_database)) == 2


# -- time


def test_time_in_the_log_never_goes_back(writer: Writer, ordinal_database: str) -> None:
    do(writer, Mark())
    ahead = in_a_moment(3600)
    insert_by_hand(ordinal_database, "stock-X-1", 1, recorded_at=ahead)
    do(writer, Mark())
    with writing(ordinal_database) as another:
        do(another, Mark())
    first, *later = [envelope(row.state) for row in check_log(ordinal_database)]
    assert first.recorded_at < ahead
    assert {each.recorded_at for each in later} == {ahead}
    assert later[-1].occurred_at == ahead


def test_the_past_may_be_written_but_not_the_future(writer: Writer, ordinal_database: str) -> None:
    error = refused(writer, Mark(), occurred_at=in_a_moment(60))
    assert isinstance(error, Invalid)
    assert error.details == {"field": "occurred_at"}
    do(writer, Mark(), occurred_at=LONG_AGO)
    assert envelope(log_of(ordinal_database)[0].state).occurred_at == LONG_AGO


def test_a_fact_has_the_time_that_it_states(writer: Writer, ordinal_database: str) -> None:
    berlin = LONG_AGO.astimezone(timezone(timedelta(hours=1)))
    do(writer, Mark(at=berlin))
    do(writer, Mark())
    stated, decided = [row.state for row in log_of(ordinal_database)]
    assert envelope(stated).occurred_at == LONG_AGO
    assert b'Z","recorded_at"' in stated
    known = envelope(decided)
    assert known.occurred_at == known.recorded_at


def test_the_reason_of_a_command_is_that_of_its_events(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, units=1)
    do(writer, order("o1"))
    do(writer, CancelOrder(order_id="o1", reason="changed their mind"))
    known = envelope(log_of(ordinal_database)[-1].state)
    assert known.reason == "changed their mind"
    do(writer, SuspendStockItem(location=LOCATION, sku=SKU, reason="recall"), reason="by phone")
    assert envelope(log_of(ordinal_database)[-1].state).reason == "by phone"


# -- the vault


def test_people_are_kept_with_their_order_or_not_at_all(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, units=1)
    refused(writer, order("o1", quantity=2, contacts={"shipping": ADA}))
    assert count_of(ordinal_database, "contacts") == 0
    do(writer, order("o1", contacts={"shipping": ADA}))
    with psycopg.connect(ordinal_database) as conn:
        rows = conn.execute("SELECT name, city, email FROM ordinal.contacts").fetchall()
    assert rows == [("Ada", "Leeds", None)]
    assert b"Ada" not in b"".join(row.state for row in log_of(ordinal_database))


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_the_same_order_for_other_people_is_another_order(together: bool, writer: Writer) -> None:
    open_shop(writer, units=9)
    bob = Contact(contact_id="shipping", name="Bob")
    asks = [
        ask(order("o1", contacts={"shipping": who}, reference="r-1")) for who in (ADA, ADA, bob)
    ]
    for batch in [asks] if together else [[each] for each in asks]:
        writer.write(batch)
    assert accepted(asks[0]).receipt.changed
    assert not accepted(asks[1]).receipt.changed
    assert isinstance(asks[2].outcome, ReferenceReused)


# -- what moves with the commands


def test_messages_and_offsets_move_with_the_commands_or_not_at_all(
    writer: Writer, ordinal_database: str
) -> None:
    message = OutboxMessage("results", b"k", b"v", {"a": "b"})
    moves = {("orders", 0): (0, 5)}
    writer.write([ask(Mark())], lambda _: [Outbox([message]), Offsets(moves)])
    with pytest.raises(ZeroDivisionError):
        writer.write([ask(Mark())], lambda _: [Outbox([message] * (1 // 0)), Offsets(moves)])
    assert len(check_log(ordinal_database)) == 1
    assert count_of(ordinal_database, "outbox") == count_of(ordinal_database, "intake_offsets") == 1
    assert do(writer, Mark()).receipt.version == 2


def test_an_unexpected_error_lets_go_of_the_lock(writer: Writer, ordinal_database: str) -> None:
    with pytest.raises(ZeroDivisionError):
        writer.write([ask(Mark())], lambda _: [Outbox([] * (1 // 0))])
    with psycopg.connect(ordinal_database) as conn:
        assert conn.execute("SELECT pg_try_advisory_lock(7093201)").fetchone() == (True,)


# -- the cache


def test_a_cache_too_small_for_one_stream_costs_time_but_no_truth(ordinal_database: str) -> None:
    skus = [f"S{n}" for n in range(5)]
    with writing(ordinal_database, cache_bytes=1) as writer:
        open_shop(writer, skus, units=30)
        asks = [ask(order(f"o{n}", *skus)) for n in range(40)]
        for start in range(0, 40, 8):
            writer.write(asks[start : start + 8])
        assert len(writer._cache) == 1
    assert [isinstance(each.outcome, Exception) for each in asks] == [False] * 30 + [True] * 10
    rows = check_log(ordinal_database)
    stock = [name for name in versions(rows) if name.startswith("stock")]
    assert [stock_of(ordinal_database, name).allocated for name in stock] == [30] * 5


def test_streams_that_were_only_read_count_for_the_bound_too(writer: Writer) -> None:
    writer._cache.limit = 20_000
    for start in range(0, 2_000, 100):
        writer.write(
            [ask(Mark(streams=(f"stock-X-{start + n}",), fails=Invalid())) for n in range(100)]
        )
    assert len(writer._cache) < 20


def test_a_new_order_makes_room_before_the_stock_that_it_was_sold_from(writer: Writer) -> None:
    open_shop(writer, units=2)
    do(writer, order("o1"))
    used = {name: cached.used for name, cached in writer._cache._streams.items()}
    assert used[STOCK]
    assert not used["order-o1"]


def test_a_stream_that_was_not_named_is_a_mistake_of_its_command_alone(writer: Writer) -> None:
    do(writer, Mark(streams=("stock-X-1",)))
    asks = [ask(Mark()), ask(Mark(touches=("stock-X-1",))), ask(Mark())]
    writer.write(asks)
    assert isinstance(asks[1].outcome, NotNamed)
    assert [accepted(asks[n]).receipt.version for n in (0, 2)] == [1, 2]


def test_a_stream_that_a_command_before_led_to_is_loaded_on_the_way(
    writer: Writer, ordinal_database: str
) -> None:
    with writing(ordinal_database) as another:
        do(another, Mark(streams=("stock-LED-0", "stock-LED-2", "stock-LED-2")))
    asks = [ask(Mark(follows=True)) for _ in range(3)]
    writer.write(asks)
    assert [accepted(each).receipt.details for each in asks] == [
        {"stock-LED-0": 1},
        {"stock-LED-1": 0},
        {"stock-LED-2": 2},
    ]
    assert [accepted(each).receipt.version for each in asks] == [1, 2, 3]
    check_folds(writer, ordinal_database)


def test_commands_together_may_lead_one_another_anywhere(ordinal_database: str) -> None:
    handlers = {**MARKING, Together: together(MARKING)}
    with writing(ordinal_database, handlers) as writer:
        both = Together(commands=(Mark(), Mark(follows=True), Mark(follows=True)))
        do(writer, both)
        assert do(writer, both).receipt.version == 6
        check_folds(writer, ordinal_database)


def test_what_moves_with_commands_moves_with_each_part_of_them(
    writer: Writer, ordinal_database: str
) -> None:
    """A stream that is not at hand parts them: 40 and 1, each with what belongs to it."""
    do(writer, Mark())
    asks = [ask(Mark()) for _ in range(40)] + [ask(Mark(follows=True))]
    parts: list[int] = []

    def side_write(done: Sequence[CommandRequest]) -> list[SideWrite]:
        begin = sum(parts)
        parts.append(len(done))
        return [Offsets({("orders", 0): (begin, begin + len(done))})]

    writer.write(asks, side_write)
    assert parts == [40, 1]
    assert [accepted(each).receipt.version for each in asks] == list(range(2, 43))
    assert writer.read("SELECT next_offset FROM ordinal.intake_offsets", ()) == [(41,)]
    check_folds(writer, ordinal_database)


# -- positions


def test_positions_that_others_took_or_burned_are_heeded(
    writer: Writer, ordinal_database: str
) -> None:
    do(writer, Mark())
    burn(ordinal_database, 5)
    second = do(writer, Mark(streams=(STOCK, STOCK)))
    insert_by_hand(ordinal_database, STOCK, 4)
    third = do(writer, Mark())
    rows = check_log(ordinal_database)
    assert [row.position for row in rows] == [1, 7, 8, 9, 10]
    assert (second.receipt.position, third.receipt.position) == (8, 10)
    assert third.receipt.version == 5
    assert stock_of(ordinal_database).on_hand == 5


def test_positions_burned_behind_the_lock_are_found_out(
    writer: Writer, ordinal_database: str
) -> None:
    times = iter([3])
    answer = do(writer, Mark(meanwhile=lambda: burn(ordinal_database, next(times, 0))))
    assert answer.receipt.position > 4
    assert [row.position for row in check_log(ordinal_database)] == [answer.receipt.position]
