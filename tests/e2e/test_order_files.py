"""Files of orders: what is good in them is placed, what is bad is named with its line."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.values import order_id_of
from tests.e2e.asking import Ran, run
from tests.faults.system import SKU, System, order_body

CSV = f"""\
reference,sku,quantity,unit_price_minor,currency,country,customer_id
F-1,{SKU},2,250,GBP,GB,c-1
F-1,{SKU},1,200,GBP,GB,c-1
F-2,{SKU},two,250,GBP,GB,c-2
F-2,{SKU},1,250,GBP,GB,c-2
F-3,NOWHERE,1,250,GBP,GB,c-3
F-4,{SKU},1,250,GBP
F-5,{SKU},1,250,GBP,Albion,c-5
F-6,{SKU},1,250,GBP,FR,
"""
CSV_REJECTS = {
    4: "quantity: no whole number",
    5: "another line of this order was rejected",
    6: "No location",
    7: "the line has not 7 columns",
    8: "country",
}
NDJSON = [
    json.dumps(order_body("F-1", quantity=3)).encode(),
    b'{"reference": "F-2"}',
    b"{'reference': 'F-3'}",
    b"\xff\xfe not text",
    json.dumps(order_body("F-4") | {"country": 7}).encode(),
    json.dumps(order_body("F-5", quantity=0)).encode(),
    b"",
    json.dumps(order_body("F-6", quantity=99)).encode(),
    json.dumps(order_body("F-7")).encode(),
    json.dumps(order_body("F-8") | {"shortage_polcy": "reject", "discout": 1}).encode(),
    json.dumps(order_body("F-9")).encode().replace(b'{"', b'{"reference": "F-9", "', 1),
]
NDJSON_REJECTS = {
    2: "missing required field",
    3: "JSON is malformed",
    4: "not UTF-8",
    5: "$.country",
    6: "quantity",
    8: "not enough",
    10: "shortage_polcy, discout",
    11: "reference stands twice",
}


@dataclass(slots=True)
class Desk:
    """A shop with ten units of one sku, and a folder for its files."""

    system: System
    folder: Path

    def imports(self, content: bytes, *options: str) -> Ran:
        file = self.folder / "orders.txt"
        file.write_bytes(content)
        return run(self.system, "import", "orders", str(file), *options)

    def rejects(self) -> dict[int, str]:
        """Line numbers and reasons."""
        name = self.folder / "orders.rejects.csv"
        with name.open(encoding="utf-8", newline="") as file:
            return {int(row["line"]): row["reason"] for row in csv.DictReader(file)}

    def placed(self) -> set[str]:
        rows = self.system.rows(
            "SELECT originator_id FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
        )
        return {stream for (stream,) in rows}


@pytest.fixture
def desk(system: System, tmp_path: Path) -> Desk:
    system.open_shop(units=10)
    return Desk(system, tmp_path)


def orders(channel: str, *references: str) -> set[str]:
    return {f"order-{order_id_of(channel, reference)}" for reference in references}


def assert_named(found: dict[int, str], wanted: dict[int, str]) -> None:
    assert found.keys() == wanted.keys()
    for line, reason in wanted.items():
        assert reason.lower() in found[line].lower(), (line, found[line])


def test_rows_of_a_csv_file_become_orders_or_are_named(desk: Desk) -> None:
    done = desk.imports(CSV.encode(), "--channel", "fair")
    assert done.code == 1, done.text
    assert_named(desk.rejects(), CSV_REJECTS)
    assert desk.placed() == orders("fair", "F-1", "F-6")


def test_lines_of_ndjson_become_orders_or_are_named(desk: Desk) -> None:
    done = desk.imports(b"\n".join(NDJSON))
    assert done.code == 1, done.text
    assert_named(desk.rejects(), NDJSON_REJECTS)
    assert desk.placed() == orders("file", "F-1", "F-7")


@pytest.mark.parametrize("content", [CSV.encode(), b"\n".join(NDJSON)])
def test_the_same_file_again_changes_nothing(desk: Desk, content: bytes) -> None:
    desk.imports(content)
    head, rejects = desk.system.head(), desk.rejects()
    assert desk.imports(content, "--accept-rejects").code == 0
    assert (desk.system.head(), desk.rejects()) == (head, rejects)


@pytest.mark.parametrize("content", [b"", b"reference,colour\n", b"reference,sku\nF-1,A\n"])
def test_a_file_in_another_format_is_refused_as_a_whole(desk: Desk, content: bytes) -> None:
    done = desk.imports(content)
    assert done.code == 1
    assert "Traceback" not in done.text
    assert desk.placed() == set()


def test_a_run_that_fails_at_the_header_leaves_older_rejects(desk: Desk) -> None:
    desk.imports(CSV.encode())
    before = desk.rejects()
    assert desk.imports(b"reference,colour\n").code == 1
    assert desk.rejects() == before != {}
    assert sorted(each.name for each in desk.folder.glob("orders*")) == [
        *("orders.rejects.csv", "orders.txt")
    ]


def test_the_rejects_do_not_replace_the_file_itself(desk: Desk) -> None:
    done = desk.imports(CSV.encode(), "--rejects", str(desk.folder / "orders.txt"))
    assert (done.code, desk.placed()) == (1, set())
    assert "name another file" in done.words
    assert (desk.folder / "orders.txt").read_bytes() == CSV.encode()
