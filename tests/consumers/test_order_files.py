import csv
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from commands.location import RegisterLocation
from commands.stock import ReceiveStock, RegisterStockItem
from consumers.channels.orders import OrderMessage
from consumers.consumer import Unreadable
from consumers.files.file_lines import UnreadableFile
from consumers.files.importing import ImportReport, asked
from consumers.files.order_files import import_orders
from domain.order.events import OrderPlaced
from domain.order.state import ORDER
from domain.values import MAX_LINES, order_id_of
from tests.consumers.writing import NOW, Writing

HEADER = (
    "reference,sku,quantity,unit_price_minor,currency,country,customer_id,kind,payment_mode,ordered_at,"
    "priority,title"
)
CSV = f"""\
{HEADER}
W-1,MUG,2,1250,EUR,DE,c-1,,on_account,2026-03-02T09:30:00Z,3,"Mug, blue"
W-1,POSTAGE,1,490,EUR,DE,c-1,charge,on_account,2026-03-02T09:30:00Z,3,
W-2,TEA,1,300,EUR,FR,,,,,,
"""
ORDER_1: dict[str, Any] = {
    "reference": "W-1",
    "currency": "EUR",
    "country": "DE",
    "customer_id": "c-1",
    "payment_mode": "on_account",
    "ordered_at": "2026-03-02T09:30:00Z",
    "priority": 3,
    "lines": [
        {"sku": "MUG", "quantity": 2, "unit_price": 1250, "title": "Mug, blue"},
        {"sku": "POSTAGE", "quantity": 1, "unit_price": 490, "kind": "charge"},
    ],
}
ORDER_2: dict[str, Any] = {
    "reference": "W-2",
    "currency": "EUR",
    "country": "FR",
    "lines": [{"sku": "TEA", "quantity": 1, "unit_price": 300}],
}


def decode(raw: bytes) -> OrderMessage:
    try:
        return msgspec.json.decode(raw, type=OrderMessage)
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from error


def stocked() -> Writing:
    writing = Writing()
    commands: list[object] = [RegisterLocation(location="BER1", country="DE")]
    for sku in ("MUG", "TEA"):
        commands.append(RegisterStockItem(location="BER1", sku=sku))
        commands.append(ReceiveStock(location="BER1", sku=sku, quantity=100, document="D"))
    writing(
        [
            asked(command, number, actor="ada", channel="-", subject="-", at=NOW)
            for number, command in enumerate(commands)
        ]
    )
    return writing


@dataclass
class Imported:
    """One run over a file."""

    content: bytes
    writing: Writing = field(default_factory=stocked)
    rejects: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.report: ImportReport = import_orders(
            io.BytesIO(self.content),
            self.writing,
            self.rejects,
            lambda lines, done: None,
            actor="importer",
            channel="web",
            decode=decode,
        )

    @property
    def placed(self) -> dict[str | None, OrderPlaced]:
        recorded = self.writing.log.recorded
        return {e.reference: e for _, e in recorded if isinstance(e, OrderPlaced)}

    @property
    def reasons(self) -> dict[int, str]:
        rows = csv.DictReader(io.StringIO(self.rejects.getvalue()))
        return {int(row["line"]): row["reason"] for row in rows}


def ndjson(*orders: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(order).encode() + b"\n" for order in orders)


def row(reference: str, **said: object) -> str:
    known = {"sku": "MUG", "quantity": 1, "unit_price": 100, "currency": "EUR", "country": "DE"}
    return ",".join(str(cell) for cell in [reference, *{**known, **said}.values()])


def csv_of(*rows: str) -> bytes:
    return "\n".join(["reference,sku,quantity,unit_price_minor,currency,country", *rows]).encode()


def test_rows_of_one_reference_are_one_order() -> None:
    imported = Imported(CSV.encode())
    order = imported.placed["W-1"]
    assert [(line.sku, line.quantity, line.kind) for line in order.lines] == [
        ("MUG", 2, "stock"),
        ("POSTAGE", 1, "charge"),
    ]
    assert (order.customer_id, order.payment_mode, order.priority) == ("c-1", "on_account", 3)
    assert order.placed_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert imported.placed["W-2"].payment_mode == "prepaid"


def test_both_formats_place_the_same_orders() -> None:
    from_csv, from_json = Imported(CSV.encode()), Imported(ndjson(ORDER_1, ORDER_2))
    assert from_csv.placed == from_json.placed
    assert (from_csv.report.lines_in, from_json.report.lines_in) == (3, 2)
    assert from_csv.report.revenue == from_json.report.revenue == {"EUR": 3290}


def test_a_second_run_changes_nothing_and_reports_the_same() -> None:
    first = Imported(CSV.encode())
    before = len(first.writing.log.recorded)
    again = Imported(CSV.encode(), writing=first.writing)
    assert len(first.writing.log.recorded) == before
    assert again.report == first.report


def test_other_content_under_an_old_reference_is_rejected() -> None:
    first = Imported(csv_of(row("W-1")))
    again = Imported(csv_of(row("W-1", quantity=2)), writing=first.writing)
    assert again.reasons == {2: "The channel used this reference before, for other content."}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"quantity": "1.5"}, "quantity: no whole number"),
        ({"quantity": ""}, "quantity: missing"),
        ({"unit_price": "9" * 17}, "unit_price_minor: no whole number"),
        ({"country": "Germany"}, "A country is an ISO 3166 alpha-2 code, and 'Germany' is none."),
        ({"quantity": -1}, "A quantity is 1 to 1000000000."),
        ({"sku": "GONE"}, "No location that serves this order knows the sku GONE."),
        ({"quantity": 101}, "There is not enough stock."),
    ],
)
def test_a_bad_row_says_why_and_takes_its_order_with_it(
    said: dict[str, object], reason: str
) -> None:
    imported = Imported(csv_of(row("W-1", **said), row("W-2")))
    assert imported.reasons[2].startswith(reason)
    assert list(imported.placed) == ["W-2"]
    assert imported.report.lines_in == imported.report.applied + 1 == 2


def test_an_order_with_a_bad_row_is_rejected_whole() -> None:
    imported = Imported(csv_of(row("W-1"), row("W-1", quantity="x"), row("W-1"), row("W-2")))
    assert imported.reasons == {
        2: "another line of this order was rejected",
        3: "quantity: no whole number",
        4: "another line of this order was rejected",
    }


def test_a_line_that_cannot_be_read_spoils_only_the_order_around_it() -> None:
    imported = Imported(csv_of(row("W-1"), "nonsense", row("W-2"), "nonsense", row("W-2")))
    assert list(imported.placed) == ["W-1"]
    assert imported.report.rejected.total() == 4


def test_rows_that_disagree_about_their_order_are_rejected() -> None:
    imported = Imported(csv_of(row("W-1"), row("W-1", country="FR")))
    assert set(imported.reasons.values()) == {"the order's lines disagree about what they share"}


def test_an_order_of_too_many_rows_is_rejected_whole() -> None:
    imported = Imported(csv_of(*[row("W-1")] * (MAX_LINES + 5), row("W-2")))
    assert imported.report.rejected == {f"the order has more than {MAX_LINES} lines": 2_005}
    assert list(imported.placed) == ["W-2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"reference": "W-9"}', "Object missing required field"),
        (b'{"reference": "\x00"}', "the line holds a NUL byte"),
        (b'{"reference": "\xff"}', "the line is not UTF-8"),
        (json.dumps({**ORDER_2, "reference": " "}).encode(), "The order has no reference."),
        (json.dumps({**ORDER_2, "reference": "a\0b"}).encode(), "This holds a character that"),
        (json.dumps({**ORDER_2, "lines": []}).encode(), "An order has 1 to 2000 lines."),
        (json.dumps({**ORDER_2, "ordered_at": "2026-03-02T09:30:00"}).encode(), "ordered_at: a t"),
        (json.dumps({**ORDER_2, "ordered_at": "0001-01-01T00:00:00+14:00"}).encode(), "ordered_at"),
        (json.dumps({**ORDER_2, "total": 10**400}).encode(), "The stated total is not the sum"),
        (json.dumps({**ORDER_2, "priority": 10**400}).encode(), "A priority is within a million"),
        (json.dumps({**ORDER_2, "reference": "\ud800"}).encode(), "JSON is malformed"),
    ],
)
def test_hostile_json_is_one_rejected_line(line: bytes, reason: str) -> None:
    imported = Imported(ndjson(ORDER_1) + line + b"\n" + ndjson(ORDER_2))
    assert imported.report.lines_in == 3
    assert reason in imported.reasons[2]
    assert imported.report.applied == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\n",
        b"sku,quantity\n",
        b"reference,sku,quantity,unit_price_minor,currency,country,sku\n",
        b"reference,sku,quantity,unit_price_minor,currency,country,colour\n",
    ],
)
def test_a_file_in_another_format_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        Imported(content)


def test_what_is_placed_can_be_found_by_its_reference() -> None:
    imported = Imported(CSV.encode())
    stream = f"order-{order_id_of('web', 'W-2')}"
    assert imported.writing.log.state(ORDER, stream).lines[1].allocated == {"BER1": 1}
