"""Group commit on a real PostgreSQL: who is answered what, and what then stands in the log."""

from collections.abc import Iterator

import pytest

from commands.handling import Contact
from domain.errors import (
    InsufficientStock,
    Invalid,
)
from infra import codec
from infra.writer import Writer
from tests.infra.shop import (
    STOCK,
    Mark,
    accepted,
    ask,
    check_log,
    count_of,
    do,
    open_shop,
    order,
    stock_of,
    versions,
    writing,
)

LONE_SURROGATE = "\ud800"


@pytest.fixture
def writer(ordinal_database: str) -> Iterator[Writer]:
    with writing(ordinal_database) as writer:
        yield writer


def test_a_receipt_tells_the_true_version_and_position(
    writer: Writer, ordinal_database: str
) -> None:
    open_shop(writer, ["A", "B"], units=5)
    asks = [ask(order(name, "A", "B")) for name in ("o1", "o2", "o3")]
    writer.write(asks)
    rows = check_log(ordinal_database)
    for each in asks:
        receipt = accepted(each).receipt
        own = [
            row
            for row in rows
            if codec.envelope(row.state).command_id == str(each.context.command_id)
        ]
        assert receipt.position == own[-1].position
        assert receipt.version == len(versions(rows)[receipt.stream_id]) == 2
        assert len(own) == 4
    assert writer.position == rows[-1].position


BAD = {
    "refused": (Mark(document="bad", fails=InsufficientStock()), InsufficientStock),
    "broken": (Mark(document="bad", fails=ZeroDivisionError("handler")), ZeroDivisionError),
    "nul-in-contact": (Mark(document="bad", keeps=Contact(contact_id="x", name="\0")), Invalid),
    "nul-in-stream": (Mark(document="bad", streams=(STOCK, "stock-X-\0")), Invalid),
    "surrogate-in-stream": (
        Mark(document="bad", streams=(STOCK, f"stock-X-{LONE_SURROGATE}")),
        Exception,
    ),
    "surrogate-in-event": (Mark(document=LONE_SURROGATE, streams=(STOCK, STOCK)), Exception),
    "surrogate-in-contact": (Mark(keeps=Contact(contact_id="x", name=LONE_SURROGATE)), Exception),
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
    rows = check_log(ordinal_database)
    assert len(rows) == 255
    assert count_of(ordinal_database, "commands") == 255
    assert do(writer, Mark(document="later")).receipt.version == 256
    assert stock_of(ordinal_database).on_hand == 256
