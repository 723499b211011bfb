"""A file that comes in pieces, overlapping or again, ends where the whole file ends."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.files.importing import ImportReport
from consumers.files.memory import Note, Outcome, Step
from consumers.files.online_retail import import_online_retail
from consumers.files.order_files import import_orders
from domain.order.events import LineAllocated, LineQuantityCancelled
from domain.stock.state import STOCK_ITEM
from tests.consumers.gift_shop import GOOD, HEADER, gift_shop
from tests.consumers.test_order_files import csv_of, decode, row, stocked
from tests.consumers.writing import Writing

ROBOT = "10001,TIN ROBOT"
DECEMBER = f"900001,{ROBOT},5,2010-12-20 09:00:00,2.0,1001.0,United Kingdom\n"
JANUARY = f"900101,{ROBOT},5,2011-01-03 09:00:00,2.0,1001.0,United Kingdom\n"
CREDIT = f"C900102,{ROBOT},-5,2011-01-04 09:00:00,2.0,1001.0,United Kingdom\n"
FOUND = "900002,10002,found,5,2010-12-20 09:00:00,0.0,,United Kingdom\n"
DAMAGED = "900103,10002,damaged,-3,2011-01-04 09:00:00,0.0,,United Kingdom\n"


@dataclass
class Shop:
    """One store, and the files that it was told one after the other."""

    writing: Writing = field(default_factory=Writing)
    reports: list[ImportReport] = field(default_factory=list)

    def told(self, *lines: str) -> "Shop":
        return self.given("".join([HEADER, "\n", *lines]).encode())

    def given(self, content: bytes) -> "Shop":
        self.reports.append(
            import_online_retail(
                io.BytesIO(content), self.writing, io.StringIO(), lambda *_: None, actor="ada"
            )
        )
        return self

    @property
    def cancelled(self) -> int:
        events = [event for _, event in self.writing.log.recorded]
        return sum(e.quantity for e in events if isinstance(e, LineQuantityCancelled))

    def on_hand(self, sku: str) -> int:
        return self.writing.log.state(STOCK_ITEM, f"stock-UK1-{sku}").on_hand


def test_a_credit_is_taken_once_whatever_sales_are_known_now() -> None:
    shop = Shop().told(JANUARY, CREDIT).told(DECEMBER, JANUARY, CREDIT)
    assert shop.cancelled == 5
    assert [report.cancellations for report in shop.reports] == [1, 1]
    assert not shop.writing.rejected


def test_a_credit_matches_the_sale_of_an_earlier_file_and_stock_goes_on() -> None:
    shop = Shop().told(DECEMBER, FOUND).told(CREDIT, DAMAGED)
    assert (shop.cancelled, shop.on_hand("10002")) == (5, 2)
    assert not shop.reports[1].rejected


def test_what_an_earlier_file_cancelled_is_gone() -> None:
    shop = Shop().told(DECEMBER).told(CREDIT).told(CREDIT.replace("C900102", "C900105"))
    assert shop.cancelled == 5
    assert list(shop.reports[2].rejected) == [
        "Other cancellations had taken the units of this code that the customer had bought."
    ]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([CREDIT], "nothing-sold"),
        ([CREDIT.replace("2011-01-04", "2010-12-01"), DECEMBER], "nothing-sold"),
        ([DECEMBER, CREDIT.replace("2011-01-04", "2010-12-01")], "sold-later"),
        ([DECEMBER, CREDIT.replace("-5", "-6")], "more-than-sold"),
        ([DECEMBER, CREDIT, CREDIT], "cancelled-before"),
        ([DECEMBER, CREDIT.replace("1001.0", "")], "no-customer"),
    ],
)
def test_each_outcome_of_a_credit_has_a_reason_of_its_own(lines: list[str], code: str) -> None:
    shop = Shop().told(*lines)
    assert [row.code for rows in shop.writing.rejected.values() for row in rows] == [code]
    assert len(shop.reports[0].rejected) == 1


def test_a_rejected_credit_stays_rejected_until_it_is_asked_anew() -> None:
    shop = Shop().told(CREDIT).told(DECEMBER, CREDIT)
    assert (shop.cancelled, shop.reports[1].cancellations) == (0, 0)
    shop.writing.anew = True
    shop.told(DECEMBER, CREDIT)
    assert (shop.cancelled, shop.writing.rejected) == (5, {})


LINES = [f"{line}\n" for line in GOOD.splitlines()]
WHOLE = Shop().told(*LINES)


def books(shop: Shop) -> tuple[Counter[str], int, dict[str, int], list[object]]:
    orders = Counter(type(event).__name__ for _, event in shop.writing.log.recorded)
    skus = ("10001", "10003", "10004", "10005")
    left_out = sorted(row.reason for rows in shop.writing.rejected.values() for row in rows)
    return orders, shop.cancelled, {sku: shop.on_hand(sku) for sku in skus}, [*left_out]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_file_in_pieces_ends_where_the_whole_file_ends(data: st.DataObject) -> None:
    """The pieces follow each other, may overlap, and are cut between invoices."""
    starts = [0, *(n for n in range(1, len(LINES)) if invoice(n) != invoice(n - 1)), len(LINES)]
    shop, done = Shop(), 0
    while done < len(starts) - 1:
        begin = data.draw(st.integers(0, done))
        done = data.draw(st.integers(done + 1, len(starts) - 1))
        shop.told(*LINES[starts[begin] : starts[done]])
    assert books(shop) == books(WHOLE)


def invoice(number: int) -> str:
    return LINES[number].partition(",")[0]


def test_units_that_were_never_there_are_promised_to_nobody() -> None:
    sold = f"900001,{ROBOT},5,2010-12-01 09:00:00,2.0,1001.0,United Kingdom\n"
    gone = "{},10001,damaged,-3,2011-01-0{} 10:00:00,0.0,,United Kingdom\n"
    shop = Shop().told(sold, gone.format(900002, 3), gone.format(900003, 4))
    item = shop.writing.log.state(STOCK_ITEM, "stock-UK1-10001")
    assert (item.on_hand, sum(each.quantity for each in item.backorders.values())) == (0, 5)
    assert not [e for _, e in shop.writing.log.recorded if isinstance(e, LineAllocated)]


@pytest.mark.parametrize("survived", [1, 3, 17, 25])
def test_after_a_kill_the_memory_is_that_of_a_run_without_one(survived: int) -> None:
    killed, whole = Shop(Dying(survived)), Shop().given(gift_shop())
    with pytest.raises(Killed):
        killed.given(gift_shop())
    killed.given(gift_shop())
    assert killed.writing.log.recorded == whole.writing.log.recorded
    assert killed.writing.taken == whole.writing.taken
    assert killed.writing.rejected == whole.writing.rejected
    assert killed.reports == whole.reports


class Killed(Exception):
    """The process is gone."""


class Dying(Writing):
    """Dies in the middle of a batch, of which a part was committed with its notes."""

    def __init__(self, survived: int) -> None:
        super().__init__()
        self.left = survived

    def write(self, steps: Sequence[Step], behind: Sequence[Note]) -> Sequence[Outcome]:
        if self.left <= 0:
            return super().write(steps, behind)
        part, self.left = steps[: self.left], self.left - len(steps)
        if self.left > 0:
            return super().write(steps, behind)
        super().write(part, ())
        raise Killed


def test_what_an_older_version_did_is_not_done_again() -> None:
    """It knew credits and corrections by their place in the invoice, and remembered no sales."""
    lines = (DECEMBER, FOUND, CREDIT, DAMAGED)
    shop = Shop().told(*lines)
    before = len(shop.writing.log.recorded)
    older = Writing(log=shop.writing.log)
    for command, context in shop.writing.asked:
        known = shop.writing.accepted[context.command_id]
        former = context.former_id or context.command_id
        older.accepted[former] = (sha256(as_it_was(command).encode()).digest(), known[1])
    again = Shop(older).told(*lines)
    assert again.reports == shop.reports
    assert len(shop.writing.log.recorded) == before


def as_it_was(command: object) -> str:
    said = repr(command)
    return said.replace(", opens_balance=True", "").replace(", reservations=()", "")


# -- orders


def imported(writing: Writing, *rows: str) -> ImportReport:
    return import_orders(
        io.BytesIO(csv_of(*rows)), writing, io.StringIO(), lambda *_: None, actor="ada",
        channel="web", decode=decode,
    )  # fmt: skip


def test_a_refused_order_keeps_its_answer_until_it_is_asked_anew_or_otherwise() -> None:
    writing = stocked()
    assert imported(writing, row("W-1", quantity=60), row("W-2", quantity=60)).orders == 1
    calls = len(writing.asked)
    again = imported(writing, row("W-2", quantity=60), row("W-3", quantity=1))
    assert (again.orders, len(writing.asked) - calls) == (1, 1)
    assert dict(again.rejected) == {"There is not enough stock.": 1}
    (left,) = writing.rejected.values()
    assert [(line.reference, line.sku, int(line.value or 0)) for line in left] == [
        ("W-2", "MUG", 6000)
    ]
    assert imported(writing, row("W-2", quantity=2)).orders == 1
    assert writing.rejected == {}


def test_what_the_rejects_would_have_added_is_said() -> None:
    report = imported(stocked(), row("W-1", quantity=101), row("W-2", quantity="x"), row("W-3"))
    assert (report.revenue, report.left_out, report.unread) == ({"EUR": 100}, {"EUR": 10100}, 1)
