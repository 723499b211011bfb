"""Small files that once gave a wrong result, through the program and the read models."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import Ran, await_lag_zero, run
from tests.e2e.test_online_retail import counts
from tests.faults.system import System

CASES = Path(__file__).with_name("online_retail_cases")
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = "SELECT sum(ordered)::int, sum(cancelled)::int FROM read.order_status_line"
REJECTS = "SELECT file, line, code, reference, sku, value::int FROM read.import_rejects ORDER BY 1"


def imported(system: System, tmp_path: Path, *names: str) -> list[Ran]:
    """Each file imported in its turn."""
    ran = []
    for name in names:
        file = tmp_path / f"{name}.csv"
        file.write_bytes((CASES / file.name).read_bytes())
        ran.append(run(system, "import", "online-retail", str(file)))
    return ran


def inventory(system: System, columns: str) -> dict[str, Any]:
    return dict(system.rows(f"SELECT sku, {columns} FROM read.inventory"))


def read(system: System) -> None:
    system.start("project")
    await_lag_zero(system)


def test_corrections_are_carried_out_in_the_order_of_the_file(
    system: System, tmp_path: Path
) -> None:
    names = ("order-of-commands-day1", "order-of-commands-day2")
    assert [counts(done, "applied") for done in imported(system, tmp_path, *names)] == [6, 2]
    read(system)
    assert inventory(system, "on_hand") == {"10001": 0}
    system.check()


def test_orders_of_a_file_get_stock_in_the_order_of_the_file(
    system: System, tmp_path: Path
) -> None:
    stock, orders = tmp_path / "stock.csv", tmp_path / "orders.ndjson"
    found = "80000{0},{1}0001,found,{2},2011-11-01 08:00:00,0.0,,United Kingdom"
    stock.write_text("\n".join([HEADER, found.format(1, "A", 505), found.format(2, "B", 10)]))
    rows = [order(f"first-{n}", 0, ("A0001", 1)) for n in range(500)]
    rows += [order("early", 10, ("A0001", 5), ("B0001", 1)), order("late", 11, ("A0001", 5))]
    orders.write_text("\n".join(rows))
    assert run(system, "import", "online-retail", str(stock)).code == 0
    done = run(system, "import", "orders", str(orders), "--channel", "online-retail")
    assert done.code == 0, done.text
    read(system)
    waiting = (
        "SELECT reference, units_backordered FROM read.order_status WHERE reference LIKE '%a%'"
    )
    assert dict(system.rows(waiting)) == {"early": 0, "late": 5}


def order(reference: str, minute: int, *lines: tuple[str, int]) -> str:
    items = [{"sku": sku, "quantity": units, "unit_price": 100} for sku, units in lines]
    return json.dumps(
        {
            **{"reference": reference, "currency": "GBP", "country": "GB", "lines": items},
            **{"payment_mode": "on_account", "shortage_policy": "backorder"},
            "ordered_at": f"2011-11-02T08:{minute:02}:00Z",
        }
    )


def test_a_credit_that_was_taken_is_not_taken_again(system: System, tmp_path: Path) -> None:
    names = ("double-cancellation-jan", "double-cancellation-dec-and-jan")
    assert [done.code for done in imported(system, tmp_path, *names)] == [0, 0]
    read(system)
    assert system.rows(LINES) == [(10, 5)]
    system.check()


def test_a_credit_finds_the_sale_of_an_earlier_file(system: System, tmp_path: Path) -> None:
    names = ("cancellation-in-the-next-file-a", "cancellation-in-the-next-file-b")
    assert [done.code for done in imported(system, tmp_path, *names)] == [0, 0]
    read(system)
    assert system.rows(LINES) == [(5, 5)]
    assert inventory(system, "on_hand")["10002"] == 2
    assert system.rows(REJECTS) == []


def test_an_interrupted_invoice_is_one_order(system: System, tmp_path: Path) -> None:
    (done,) = imported(system, tmp_path, "interrupted-invoice")
    assert (done.code, counts(done, "applied")) == (1, 4)
    read(system)
    assert system.rows("SELECT lines, total FROM read.order_status") == [(4, 5965)]
    assert system.rows(REJECTS) == [
        ("interrupted-invoice.csv", 4, "nothing-sold", "C542805", "22156", -85)
    ]


def test_units_that_were_never_there_are_promised_to_nobody(system: System, tmp_path: Path) -> None:
    (done,) = imported(system, tmp_path, "opening-balance-displaces")
    assert done.code == 0, done.text
    read(system)
    assert inventory(system, "backordered") == {"10001": 5}
    assert system.rows("SELECT units_backordered FROM read.order_status") == [(5,)]
    promised = "SELECT count(*) FROM ordinal.stored_events WHERE topic = 'LineAllocated'"
    assert system.rows(promised) == [(0,)]


def test_a_sku_gets_the_title_of_its_first_sale(system: System, tmp_path: Path) -> None:
    (done,) = imported(system, tmp_path, "title-of-a-sku-first-seen-in-a-correction")
    assert done.code == 0, done.text
    read(system)
    assert inventory(system, "title") == {"10001": "TIN ROBOT"}
    system.check()


CREDIT = "cancellation-in-the-next-file-b"
SALE = "cancellation-in-the-next-file-a"


def test_a_refusal_stands_until_it_is_asked_anew(system: System, tmp_path: Path) -> None:
    assert [done.code for done in imported(system, tmp_path, CREDIT, SALE, CREDIT)] == [1, 0, 1]
    assert [row[2:] for row in system.rows(REJECTS)] == [
        ("nothing-sold", "C900102", "10001", -1000)
    ]
    anew = run(
        system, "import", "online-retail", str(tmp_path / f"{CREDIT}.csv"), "--ask-refused-anew"
    )
    assert (anew.code, counts(anew, "cancellations")) == (0, 1)
    assert system.rows(REJECTS) == []
    system.check()


@pytest.mark.parametrize("crash_at", ["A1:2", "A2:1", "A2:2", "A3:1"])
def test_a_killed_import_keeps_what_its_transactions_kept(
    system: System, tmp_path: Path, crash_at: str
) -> None:
    """What is remembered is what was done, whichever moment the process ends at."""
    file = tmp_path / "all.csv"
    names = ("cancellation-in-the-next-file-a", "cancellation-in-the-next-file-b")
    pieces = [(CASES / f"{name}.csv").read_text().splitlines() for name in names]
    file.write_text("\n".join([HEADER, *pieces[0][1:], *pieces[1][1:], *more()]))
    killed = run(system, "import", "online-retail", str(file), crash_at=crash_at)
    assert killed.code == -9, killed.text
    sales = "SELECT count(*) FROM ordinal.import_sales"
    placed = "SELECT count(*) FROM ordinal.stored_events WHERE topic = 'OrderPlaced'"
    assert system.rows(sales) == system.rows(placed)
    again = run(system, "import", "online-retail", str(file))
    assert (again.code, counts(again, "applied")) == (1, 1_005)
    assert system.rows(sales) == system.rows(placed) == [(1_001,)]
    assert system.rows("SELECT sum(quantity)::int FROM ordinal.import_credits") == [(6,)]
    assert system.rows("SELECT code FROM read.import_rejects") == [("cancelled-before",)]
    read(system)
    assert system.rows(LINES) == [(1_005, 6)]
    system.check()


def more() -> list[str]:
    """A thousand sales, the credit of the last one, and one that comes too late."""
    sale = "91{0:04},10003,PAPER STAR,1,2011-01-05 09:00:00,2.0,2{0:03}.0,United Kingdom"
    credit = "C92000{},10003,PAPER STAR,-1,2011-01-06 09:00:00,2.0,2999.0,United Kingdom"
    return [*(sale.format(n) for n in range(1_000)), credit.format(1), credit.format(2)]
