"""An invented file in the UCI Online Retail format, with the proportions of the real one.

Some twenty lines an invoice, every fourth invoice without a customer, one line in fifty that
cancels an earlier one, one in 150 that corrects the stock, postage now and then.
"""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
CODES = 3_000
CUSTOMERS = 4_000
ABROAD = ("France", "Germany", "EIRE", "Spain", "Netherlands")
# Minutes from one invoice to the next, and invoices that a cancellation may look back.
STEP = 15
MEMORY = 200


class Sale(NamedTuple):
    """What a later line may cancel."""

    code: int
    quantity: int
    customer: str
    country: str


def write(file: Path, lines: int, seed: int) -> None:
    """So many lines below the header; files of different seeds share no invoice."""
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in (HEADER, *islice(rows(seed), lines)))


def rows(seed: int) -> Iterator[str]:
    dice, number = random.Random(seed), 100_000 + seed * 50_000
    sales: list[Sale] = []
    minutes = 0
    while True:
        number, minutes = number + 1, minutes + dice.randint(1, STEP)
        chance = dice.random()
        if chance < 0.25 and sales:
            yield cancellation(number, dice.choice(sales), minutes)
        elif chance < 0.33:
            code, units = dice.randrange(CODES), dice.randint(-50, -1)
            yield row(str(number), code, units, minutes, "", "United Kingdom", price="0.0")
        else:
            yield from invoice(dice, number, minutes, sales)
            del sales[:-MEMORY]


def invoice(dice: random.Random, number: int, minutes: int, sales: list[Sale]) -> Iterator[str]:
    """The lines of one sale; those with a customer are remembered."""
    customer = f"{12_000 + dice.randrange(CUSTOMERS)}.0" if dice.random() < 0.75 else ""
    country = "United Kingdom" if dice.random() < 0.9 else dice.choice(ABROAD)
    codes = dice.sample(range(CODES), dice.randint(1, 40))
    for code in codes:
        units = dice.choice((1, 2, 3, 4, 6, 12, 24))
        yield row(str(number), code, units, minutes, customer, country)
    if dice.random() < 0.05:
        yield f"{number},POST,POSTAGE,1,{moment(minutes)},18.0,{customer},{country}"
    if customer:
        sales.append(Sale(codes[-1], units, customer, country))


def cancellation(number: int, sale: Sale, minutes: int) -> str:
    return row(f"C{number}", sale.code, -sale.quantity, minutes, sale.customer, sale.country)


def row(
    number: str,
    code: int,
    units: int,
    minutes: int,
    customer: str,
    country: str,
    price: str | None = None,
) -> str:
    price = price or f"{1 + code % 17}.{code % 100:02}"
    title = f"ARTICLE NUMBER {code}"
    return (
        f"{number},{20_000 + code},{title},{units},{moment(minutes)},{price},{customer},{country}"
    )


def moment(minutes: int) -> str:
    """So many minutes after the first of December, every day of a month and year alike."""
    days, rest = divmod(minutes, 24 * 60)
    years, days = divmod(days, 12 * 28)
    months, day = divmod(days, 28)
    return f"{2010 + years}-{months + 1:02}-{day + 1:02} {rest // 60:02}:{rest % 60:02}:00"
