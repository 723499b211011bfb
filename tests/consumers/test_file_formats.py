"""Files as other programs write them: read, or refused with what is missing."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.files.file_lines import UnreadableFile
from consumers.files.local_times import LocalTimes, Order
from consumers.files.online_retail import import_online_retail
from consumers.files.order_files import import_orders
from consumers.files.order_rows import Amounts
from domain.order.events import OrderPlaced
from tests.consumers.gift_shop import HEADER
from tests.consumers.test_order_files import decode, stocked
from tests.consumers.writing import Writing

RETAIL = [
    HEADER.split(","),
    ["1", "A", "OWL", "2", "2010-12-01 08:26:00", "2.55", "17850.0", "France"],
    ["1", "B", "CAT, small", "1", "2010-12-01 08:26:00", "1.25", "17850.0", "France"],
    ["2", "A", "OWL", "1", "2010-12-01 09:00:00", "2.55", "", "France"],
]
ORDERS = [
    ["reference", "sku", "quantity", "unit_price_minor", "currency", "country", "title"],
    ["W-1", "MUG", "2", "1250", "EUR", "DE", "Mug, blue"],
    ["W-1", "TEA", "1", "300", "EUR", "DE", ""],
    ["W-2", "TEA", "1", "300", "EUR", "FR", ""],
]


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def retail(
    content: bytes, *, encoding: str | None = None, zone: str = "Europe/London",
    dates: Order = "ymd",
) -> list[OrderPlaced]:  # fmt: skip
    writing, rejects = Writing(), io.StringIO()
    report = import_online_retail(
        io.BytesIO(content), writing, rejects, lambda *_: None, actor="ada",
        times=LocalTimes(zone, dates), encoding=encoding,
    )  # fmt: skip
    assert not report.rejected, rejects.getvalue()
    return placed(writing)


def orders(
    content: bytes, *, amounts: Amounts | None = None, encoding: str | None = None
) -> list[OrderPlaced]:
    writing, rejects = stocked(), io.StringIO()
    report = import_orders(
        io.BytesIO(content), writing, rejects, lambda *_: None, actor="ada", channel="web",
        decode=decode, amounts=amounts, encoding=encoding,
    )  # fmt: skip
    assert not report.rejected, rejects.getvalue()
    return placed(writing)


def placed(writing: Writing) -> list[OrderPlaced]:
    return [event for _, event in writing.log.recorded if isinstance(event, OrderPlaced)]


PLAIN = written(ORDERS)
FORMS = {
    "as we write it": PLAIN.encode(),
    "CRLF": written(ORDERS, end="\r\n").encode(),
    "CR only": written(ORDERS, end="\r").encode(),
    "a mark of UTF-8": PLAIN.encode("utf-8-sig"),
    "UTF-16, little end": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
    "UTF-16, big end": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "semicolons": written(ORDERS, ";").encode(),
    "tabs": written(ORDERS, "\t").encode(),
    "bars": written(ORDERS, "|").encode(),
    "sep=;": b"sep=;\r\n" + written(ORDERS, ";", "\r\n").encode(),
    "other case": written([[name.upper() for name in ORDERS[0]], *ORDERS[1:]]).encode(),
    "names for people": written(
        [[name.replace("_", " ").title() for name in ORDERS[0]], *ORDERS[1:]]
    ).encode(),
    "blanks": written([[f" {cell} " for cell in row] for row in ORDERS]).encode(),
    "empty columns behind": written([[*row, "", ""] for row in ORDERS]).encode(),
    "empty columns behind some rows": written(
        [ORDERS[0], [*ORDERS[1], "", ""], *ORDERS[2:]]
    ).encode(),
    "blank lines": b"\n" + written([*ORDERS[:2], [], *ORDERS[2:], [","], []]).encode() + b"\n",
    "no end": PLAIN.rstrip("\n").encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS.keys())
def test_one_file_in_many_forms_places_the_same_orders(content: bytes) -> None:
    assert orders(content) == orders(FORMS["as we write it"])
    assert len(orders(content)) == 2


def test_a_cell_may_hold_line_breaks() -> None:
    rows = [ORDERS[0], [*ORDERS[1][:6], 'Mug\nwith "quotes"\n'], *ORDERS[2:]]
    first, _ = orders(written(rows).encode())
    assert first.lines[0].title == 'Mug\nwith "quotes"'


def test_one_bad_quote_does_not_swallow_the_file() -> None:
    text = PLAIN.replace("W-2", 'W-3,"TEA,1,300,EUR,FR,\nW-2')
    rejects = io.StringIO()
    report = import_orders(
        io.BytesIO(text.encode()), stocked(), rejects, lambda *_: None, actor="ada",
        channel="web", decode=decode,
    )  # fmt: skip
    assert (report.applied, dict(report.rejected)) == (3, {"the line is not CSV": 1})


def test_an_encoding_can_be_named() -> None:
    text = PLAIN.replace("Mug, blue", "Mug, blé")
    assert orders(text.encode("iso-8859-1"), encoding="iso-8859-1") == orders(text.encode())
    with pytest.raises(UnreadableFile, match="no encoding of text that is called x-9"):
        orders(PLAIN.encode(), encoding="x-9")


def test_a_line_in_another_encoding_says_what_to_do() -> None:
    with pytest.raises(AssertionError, match="not UTF-8: name the encoding of the file"):
        orders(PLAIN.replace("Mug, blue", "Mug, blé").encode("iso-8859-1"))


def test_an_amount_is_not_read_without_its_unit() -> None:
    rows = [[name.removesuffix("_minor") for name in ORDERS[0]], *ORDERS[1:]]
    with pytest.raises(UnreadableFile, match=r"The unit of unit_price is not said: .*--amounts"):
        orders(written(rows).encode())
    assert orders(written(rows).encode(), amounts="minor") == orders(PLAIN.encode())
    rows[1][3], rows[2][3], rows[3][3] = "12.50", "3", "3.0"
    assert orders(written(rows).encode(), amounts="major") == orders(PLAIN.encode())


def test_a_column_that_says_its_unit_is_read_so_whatever_else_was_said() -> None:
    assert orders(PLAIN.encode(), amounts="major") == orders(PLAIN.encode())


def test_what_lacks_in_a_header_is_said_with_all_columns_that_are_known() -> None:
    text = PLAIN.replace("currency", "valuta").replace("title", "colour")
    said = r"lacks currency; it names unknown columns: 'valuta', 'colour'\. Known columns: refer"
    with pytest.raises(UnreadableFile, match=said):
        orders(text.encode())


CASES = Path(__file__).with_name("shop_exports")
SHOPS = {
    "amazon.txt": "Amazon",
    "shopify.csv": "Shopify",
    "ebay.csv": "eBay",
    "ebay-fr.csv": "eBay in French",
    "square.csv": "Square",
    "odoo.csv": "Odoo",
}


@pytest.mark.parametrize(("name", "shop"), SHOPS.items())
def test_an_export_of_a_shop_is_refused_with_what_it_lacks(name: str, shop: str) -> None:
    with pytest.raises(UnreadableFile, match=f"lacks reference, .* looks like .* {shop}"):
        orders((CASES / name).read_bytes())


# -- online retail


SECOND_EDITION = [
    *("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID"),
    "Country",
]


def test_copies_of_the_online_retail_data_are_read() -> None:
    want = retail(written(RETAIL).encode())
    assert [(order.reference, len(order.lines)) for order in want] == [("1", 2), ("2", 1)]
    assert retail(written([SECOND_EDITION, *RETAIL[1:]]).encode()) == want
    american = re.sub("2010-12-01 0(.):(..):00", r"12/1/2010 \1:\2", written(RETAIL))
    american = american.replace("17850.0", "17850")
    assert retail(american.encode(), dates="mdy") == want
    british = american.replace("12/1/2010", "01.12.2010")
    assert retail(british.encode(), dates="dmy") == want
    columns = [list(reversed(row)) for row in RETAIL]
    assert retail(written(columns, ";").encode()) == want
    latin = written(RETAIL).replace("OWL", "OWL £5").encode("iso-8859-1")
    assert retail(latin, encoding="iso-8859-1")[0].lines[0].title == "OWL £5"


def test_a_date_that_can_be_read_in_two_ways_is_not_read() -> None:
    with pytest.raises(UnreadableFile, match="InvoiceDate begins with the month or with the day"):
        retail(written(RETAIL).replace("2010-12-01", "12/1/2010").encode())


@pytest.mark.parametrize(
    ("said", "zone", "moment"),
    [
        ("2011-07-01 12:00:00", "Europe/London", datetime(2011, 7, 1, 11, tzinfo=UTC)),
        ("2011-12-01 12:00:00", "Europe/London", datetime(2011, 12, 1, 12, tzinfo=UTC)),
        ("2011-07-01 12:00", "UTC", datetime(2011, 7, 1, 12, tzinfo=UTC)),
        ("2011-07-01 12:00", "Europe/Berlin", datetime(2011, 7, 1, 10, tzinfo=UTC)),
        # Shown twice: the first of the two. Never shown: by the clock that it was until then.
        ("2011-10-30 01:30:00", "Europe/London", datetime(2011, 10, 30, 0, 30, tzinfo=UTC)),
        ("2011-03-27 01:30:00", "Europe/London", datetime(2011, 3, 27, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_the_clocks_in_the_shop(said: str, zone: str, moment: datetime) -> None:
    content = written([RETAIL[0], [*RETAIL[1][:4], said, *RETAIL[1][5:]]])
    (order,) = retail(content.encode(), zone=zone)
    assert order.placed_at == moment


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="No zone is known as Europe/Atlantis"):
        LocalTimes("Europe/Atlantis")
