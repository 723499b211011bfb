import io
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from commands.handling import Answer, Receipt
from consumers.channels.orders import ORDERS
from consumers.files.file_lines import UnreadableFile
from consumers.files.groups import WINDOW
from consumers.files.importing import ImportReport
from consumers.files.memory import Note, Outcome, Step
from consumers.files.online_retail import carried, import_online_retail, messages
from domain.errors import ReferenceReused
from domain.order.events import LineQuantityCancelled, OrderPlaced
from domain.stock.events import StockAdjusted, StockReceived
from domain.stock.state import STOCK_ITEM
from domain.values import MAX_LINES, order_id_of
from tests.commands.memory import CONTEXT
from tests.consumers.gift_shop import BAD, HEADER, gift_shop, told
from tests.consumers.writing import Writing

LINE = "{},10001,TIN ROBOT,1,2010-12-01 08:00:00,1.0,1.0,France\n"


@dataclass
class Imported:
    """One run over a file."""

    content: bytes
    writing: Writing = field(default_factory=Writing)
    rejects: io.StringIO = field(default_factory=io.StringIO)
    progress: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.report: ImportReport = import_online_retail(
            io.BytesIO(self.content),
            self.writing,
            self.rejects,
            lambda lines, done: self.progress.append((lines, done)),
            actor="importer",
        )

    def events(self, kind: type) -> list[tuple[str, object]]:
        return [(who, event) for who, event in self.writing.log.recorded if type(event) is kind]


def file_of(*lines: str) -> bytes:
    return "".join([HEADER, "\n", *lines]).encode()


@pytest.fixture(scope="module")
def shop() -> Imported:
    return Imported(gift_shop())


def placed(imported: Imported) -> dict[str, OrderPlaced]:
    found = {}
    for _, event in imported.events(OrderPlaced):
        assert isinstance(event, OrderPlaced)
        found[event.reference or ""] = event
    return found


def test_every_line_is_applied_whole_or_rejected_whole(shop: Imported) -> None:
    expected, report = told(), shop.report
    assert report.lines_in == len(gift_shop().splitlines()) - 1
    assert report.applied == expected.applied
    assert report.rejected.total() == expected.rejected
    assert report.lines_in == report.applied + report.rejected.total()


def test_sales_are_orders_line_by_line(shop: Imported) -> None:
    orders = {
        number: [(line.sku, line.quantity, line.unit_price) for line in order.lines]
        for number, order in placed(shop).items()
    }
    assert orders == told().orders
    assert shop.report.orders == len(orders)


def test_units_and_revenue_are_those_of_the_text(shop: Imported) -> None:
    days, countries, units, skus = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for order in placed(shop).values():
        day = str(order.placed_at)[:10]
        days[day] += order.totals.total
        countries[order.country] += order.totals.total
        for line in order.lines:
            if line.kind == "stock":
                units[day] += line.quantity
                skus[line.sku] += line.quantity
    expected = told()
    assert (days, countries) == (expected.revenue_by_day, expected.revenue_by_country)
    assert (units, skus) == (expected.units_by_day, expected.units_by_sku)
    assert shop.report.revenue == {"GBP": expected.revenue_by_day.total()}


def test_what_was_cancelled_is_what_the_text_says(shop: Imported) -> None:
    sku_of = {
        (f"order-{order_id_of('online-retail', number)}", line.line): line.sku
        for number, order in placed(shop).items()
        for line in order.lines
    }
    found = Counter[str]()
    for stream, event in shop.events(LineQuantityCancelled):
        assert isinstance(event, LineQuantityCancelled)
        found[sku_of[stream, event.line]] += event.quantity
    assert found == told().cancelled_by_sku
    assert shop.report.cancellations == told().cancelled_lines


def test_a_cancellation_takes_the_oldest_units_from_several_lines_and_orders(
    shop: Imported,
) -> None:
    robots = [
        (stream, event.line, event.quantity)
        for stream, event in shop.events(LineQuantityCancelled)
        if isinstance(event, LineQuantityCancelled) and event.reason == "cancelled with C700006"
    ]
    first = f"order-{order_id_of('online-retail', '700001')}"
    second = f"order-{order_id_of('online-retail', '700004')}"
    assert robots == [
        (first, 1, 6),
        (first, 3, 2),
        (first, 4, 1),
        (first, 3, 2),
        (second, 1, 3),
    ]


def test_corrections_carry_their_remark_and_never_go_below_zero(shop: Imported) -> None:
    found = Counter[str]()
    for stream, event in shop.events(StockAdjusted):
        assert isinstance(event, StockAdjusted)
        found[stream.removeprefix("stock-UK1-")] += event.delta
    assert found == told().corrected_by_sku
    assert shop.report.adjustments == told().corrections
    story = [
        event.reason if isinstance(event, StockAdjusted) else event.document
        for event in shop.writing.log.events("stock-UK1-10004")
        if isinstance(event, StockAdjusted | StockReceived)
    ]
    assert story == [
        *("opening-balance", "unexplained", "opening-balance", "damaged"),
        *("Found", "unexplained"),
    ]
    assert shop.writing.log.state(STOCK_ITEM, "stock-UK1-10004").on_hand == 12


def test_a_free_line_of_a_sale_is_sold_for_nothing(shop: Imported) -> None:
    robot = placed(shop)["700003"].lines[1]
    assert (robot.sku, robot.quantity, robot.total) == ("10001", 1, 0)


def test_an_order_says_who_where_when_and_on_what_terms(shop: Imported) -> None:
    order = placed(shop)["700002"]
    assert (order.customer_id, order.country, order.currency) == ("200", "IE", "GBP")
    assert order.placed_at == datetime(2010, 12, 1, 9, tzinfo=UTC)
    assert (order.payment_mode, order.shortage_policy) == ("on_account", "backorder")
    assert [line.kind for line in order.lines] == ["stock", "charge", "stock"]
    assert placed(shop)["700003"].customer_id is None


def test_each_bad_line_is_listed_with_its_number_its_reason_and_itself(shop: Imported) -> None:
    rows = shop.rejects.getvalue().splitlines()
    assert rows[0] == "line,reason,original,code,sku"
    first_bad = gift_shop().split(b"\n").index(BAD[0][0] + b"\r") + 1
    for number, (_, reason) in enumerate(BAD, start=first_bad):
        assert any(row.startswith(f"{number},") and reason in row for row in rows), reason


def test_what_cannot_be_matched_says_why(shop: Imported) -> None:
    reasons = shop.report.rejected
    assert reasons["A cancellation names the customer whose sales it takes back."] == 1
    assert reasons["No sale of this code to this customer is known."] == 2
    assert (
        reasons[
            "Other cancellations had taken the units of this code that the customer had bought."
        ]
        == 1
    )
    assert reasons["a correction of the stock of a code that is no goods"] == 1
    assert reasons["another customer or country than the invoice's"] == 1
    assert reasons["The channel used this reference before, for other content."] == 1


def test_a_second_run_changes_nothing_and_reports_the_same(shop: Imported) -> None:
    before = len(shop.writing.log.recorded)
    again = Imported(gift_shop(), writing=shop.writing)
    assert len(shop.writing.log.recorded) == before
    assert again.report == shop.report
    assert again.rejects.getvalue() == shop.rejects.getvalue()


@pytest.mark.parametrize("survived", [0, 1, 3, 17, 40])
def test_after_a_kill_another_run_carries_out_the_rest(shop: Imported, survived: int) -> None:
    writing = Writing()
    writing(shop.writing.asked[:survived])
    resumed = Imported(gift_shop(), writing=writing)
    assert resumed.report == shop.report
    assert writing.log.recorded == Imported(gift_shop()).writing.log.recorded


def test_sales_sent_as_messages_become_the_same_orders(shop: Imported) -> None:
    consumer = ORDERS.of_channel("online-retail", history=True)
    sent = Imported(file_of())
    sent.writing(list(carried(io.BytesIO(gift_shop()), actor="importer")))
    refused = []
    for number, (key, value) in enumerate(messages(io.BytesIO(gift_shop()))):
        message: object = msgspec.json.decode(value, type=consumer.message)
        context = replace(
            CONTEXT, command_id=UUID(int=number), occurred_at=consumer.occurred_at(message)
        )
        (outcome,) = sent.writing([(consumer.command_of(message), context)])
        if isinstance(outcome, ReferenceReused):
            refused.append(key)
    assert placed(sent) == placed(shop)
    assert refused == [b"700001"]


def test_progress_ends_with_the_whole_file(shop: Imported) -> None:
    assert shop.progress[-1] == (len(gift_shop().splitlines()), len(gift_shop()))


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert Imported(b"\xef\xbb\xbf" + file_of(LINE.format("1"))).report.orders == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n",
        f"{HEADER},Country\n".encode(),
        HEADER.replace("StockCode", "InvoiceNo").encode(),
    ],
)
def test_a_file_in_another_format_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        Imported(content)


def test_an_invoice_that_is_too_long_is_rejected_whole() -> None:
    lines = [LINE.format("1")] * (2 * MAX_LINES + 10)
    report = Imported(file_of(*lines, LINE.format("2"))).report
    assert report.rejected == {f"the invoice has more than {MAX_LINES} lines": len(lines)}
    assert (report.orders, report.applied) == (1, 1)


def test_a_line_that_never_ends_is_one_bad_line() -> None:
    endless = "x" * 300_000 + "\n"
    report = Imported(file_of(LINE.format("1"), endless, LINE.format("2"))).report
    assert (report.lines_in, report.applied) == (3, 2)
    assert report.rejected == {"the line is too long": 1}


def test_a_sale_is_not_cancelled_before_it_was_made() -> None:
    early = "C2,10001,TIN ROBOT,-1,2010-11-30 08:00:00,1.0,1.0,France\n"
    report = Imported(file_of(LINE.format("1"), early)).report
    assert (report.cancellations, report.rejected.total()) == (0, 1)


INTERRUPTED = """\
542806,48194,DOORMAT HEARTS,1,2011-02-01 11:19:00,7.95,1001.0,United Kingdom
542806,48188,DOORMAT WELCOME PUPPIES,2,2011-02-01 11:19:00,7.95,1001.0,United Kingdom
C542805,22156,HEART DECORATION WITH PEARLS ,-1,2011-02-01 11:19:00,0.85,1002.0,United Kingdom
542806,22692,DOORMAT WELCOME TO OUR HOME,2,2011-02-01 11:20:00,7.95,1001.0,United Kingdom
542806,22788,BROCANTE COAT RACK,2,2011-02-01 11:20:00,9.95,1001.0,United Kingdom
"""


def test_an_invoice_that_others_interrupt_is_one_order() -> None:
    order = placed(Imported(file_of(INTERRUPTED)))["542806"]
    assert (len(order.lines), order.totals.total) == (4, 5965)


def test_invoices_that_are_mixed_row_by_row_are_placed_in_the_order_of_their_first_rows() -> None:
    numbers = [1, 2, 3, 2, 1, 3, 3, 1]
    imported = Imported(file_of(*(LINE.format(number) for number in numbers)))
    orders = placed(imported)
    assert {name: len(order.lines) for name, order in orders.items()} == {"1": 3, "2": 2, "3": 3}
    assert list(orders) == ["1", "2", "3"]


def test_an_invoice_that_comes_back_later_is_another_one() -> None:
    hours_later = LINE.format("1").replace("08:00", "09:00")
    assert len(placed(Imported(file_of(LINE.format("1"), LINE.format("2"), hours_later)))) == 2
    far = [LINE.format(f"{number}") for number in range(WINDOW + 2)]
    report = Imported(file_of(*far, LINE.format("0").replace("ROBOT,1", "ROBOT,2"))).report
    assert report.rejected == {"The channel used this reference before, for other content.": 1}


def test_blank_lines_are_no_lines() -> None:
    report = Imported(file_of(LINE.format("1"), "\n", ",,,,,,,\n", LINE.format("2"))).report
    assert (report.lines_in, report.applied) == (2, 2)


def test_bad_lines_within_an_invoice_spare_the_others() -> None:
    content = file_of(LINE.format("1"), "nonsense\n", LINE.format("1"))
    imported = Imported(content)
    assert len(placed(imported)["1"].lines) == 2
    assert imported.report.rejected.total() == 1


def test_memory_does_not_grow_with_the_file() -> None:
    """Every invoice is another customer's, so that nothing but the file grows."""
    answer = Answer(Receipt(id="", stream_id="", outcome="placed"), b"")
    blocks = []

    class Forgetful(Writing):
        """Keeps nothing, as the database does it elsewhere."""

        def write(self, steps: Sequence[Step], behind: Sequence[Note]) -> list[Outcome]:
            blocks.append(sys.getallocatedblocks())
            return [answer] * len(steps)

    sale = "{0},10001,TIN ROBOT,1,2010-12-01 08:00:00,1.0,{0}.0,France\n"
    content = file_of(*(sale.format(number) for number in range(12_000)))
    import_online_retail(
        io.BytesIO(content), Forgetful(), io.StringIO(), lambda lines, done: None, actor="importer"
    )
    assert len(blocks) > 20
    assert max(blocks[12:]) < max(blocks[:12]) * 1.02
