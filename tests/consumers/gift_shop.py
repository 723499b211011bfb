"""A few days of an invented gift shop, with every oddity that such files have, and what it says.

The expectation is worked out from the text alone, with other means than the importer's.
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
# What cannot be read, each with its reason.
BAD = [
    (b"700010,10001,TIN ROBOT,2,2010-12-02 09:00:00,2.555,100.0,France", "UnitPrice is no dec"),
    (b"700010,10001,TIN ROBOT,2,2010-12-02 09:00:00,-1.0,100.0,France", "UnitPrice is negative"),
    (b"700010,10001,TIN ROBOT,two,2010-12-02 09:00:00,1.0,100.0,France", "Quantity is no whole"),
    (b"700010,10001,TIN ROBOT,0,2010-12-02 09:00:00,1.0,100.0,France", "Quantity is 0"),
    (b"700010,10001,TIN ROBOT,9999999999,2010-12-02 09:00:00,1.0,1.0,France", "Quantity is 0 or"),
    (b"700010,10001,TIN ROBOT,2,2010-02-30 09:00:00,1.0,100.0,France", "InvoiceDate is no date"),
    (b"700010,10001,TIN ROBOT,2,02/12/2010 09:00,1.0,100.0,France", "InvoiceDate begins"),
    (b"700010,10001,TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0,Atlantis", "Country is not known"),
    (b"700010,10001,TIN \xff ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France", "not UTF-8"),
    (b"700010,10001,TIN \x00 ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France", "NUL byte"),
    (b'700010,10001,"TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France', "not CSV"),
    (b"700010,10001,TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0", "not 8 columns"),
    (b"700010,,TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France", "StockCode: This must not be"),
    (b",10001,TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France", "InvoiceNo: This must not be"),
    (b"A700011,B,Adjust bad debt,1,2010-12-02 09:00:00,-110.62,,United Kingdom", "bad-debt"),
    (b"C700012,10001,TIN ROBOT,2,2010-12-02 09:00:00,1.0,100.0,France", "a cancellation of a neg"),
    (HEADER.encode(), "the header again"),
]
GOOD = """\
700001,10001,TIN ROBOT,6,2010-12-01 08:26:00,2.55,100.0,United Kingdom
700001,10002A,WOODEN OWL,2,2010-12-01 08:26:00,3.5,100.0,United Kingdom
700001,10001,TIN ROBOT,4,2010-12-01 08:26:00,2.1,100.0,United Kingdom
700001,POST,POSTAGE,1,2010-12-01 08:26:00,18.0,100.0,United Kingdom
700002,10002a,"WOODEN OWL, small",12,2010-12-01 09:00:00,0.85,200.0,EIRE
700002,m,Manual,1,2010-12-01 09:01:00,1.25,200.0,EIRE
700002,10003,PAPER STAR,1,2010-12-01 09:01:00,0.0,200.0,EIRE
700003,10003,PAPER STAR,3,2010-12-01 10:00:00,1.25,,Channel Islands
700003,10001,TIN ROBOT,1,2010-12-01 10:00:00,0.0,,Channel Islands
700003,gift_0001_40,Gift Voucher \u00a340.00,1,2010-12-01 10:00:00,34.04,,Channel Islands
700004,10001,TIN ROBOT,5,2010-12-01 11:00:00,2.55,100.0,United Kingdom
700004,C2,CARRIAGE,1,2010-12-01 11:00:00,50.0,100.0,United Kingdom
700005,BANK CHARGES,Bank Charges,1,2010-12-01 11:30:00,15.0,300.0,RSA
C700006,10001,TIN ROBOT,-8,2010-12-01 12:00:00,2.55,100.0,United Kingdom
C700006,POST,POSTAGE,-1,2010-12-01 12:00:00,18.0,100.0,United Kingdom
C700006,10001,TIN ROBOT,-5,2010-12-01 12:00:00,2.55,100.0,United Kingdom
C700006,10001,TIN ROBOT,-3,2010-12-01 12:00:00,2.55,100.0,United Kingdom
C700007,D,Discount,-1,2010-12-02 08:00:00,27.5,100.0,United Kingdom
C700007,10003,PAPER STAR,-1,2010-12-02 08:00:00,1.25,,Channel Islands
C700007,10002A,WOODEN OWL,-1,2010-12-02 08:00:00,0.85,200.0,EIRE
C700008,10002a,"WOODEN OWL, small",-12,2010-12-02 08:30:00,0.85,200.0,EIRE
700020,10004,,-10,2010-12-02 10:00:00,0.0,,United Kingdom
700021,10004,damaged,-5,2010-12-02 10:01:00,0.0,,United Kingdom
700022,10004,Found,20,2010-12-02 10:02:00,0.0,,United Kingdom
700023,10004,,-8,2010-12-02 10:03:00,0.0,,United Kingdom
700024,10005,,56,2010-12-02 10:04:00,0.0,,United Kingdom
700025,POST,?,-1,2010-12-02 10:05:00,0.0,,United Kingdom
700026,10001,check,-3,2010-12-02 10:06:00,0.0,,United Kingdom
700030,10006,GLASS BELL,2,2010-12-03 08:00:00,4.95,400.0,Hong Kong
700030,10006,GLASS BELL,1,2010-12-03 08:00:00,4.95,500.0,Hong Kong
700030,DCGS0076,SUNJAR,1,2010-12-03 08:00:00,16.13,400.0,Hong Kong
700031,10006,GLASS BELL,7,2010-12-03 08:30:00,4.95,,Unspecified
700001,10006,GLASS BELL,1,2010-12-03 09:00:00,4.95,100.0,United Kingdom
"""
COUNTRY = {
    "United Kingdom": "GB",
    "EIRE": "IE",
    "Channel Islands": "JE",
    "RSA": "ZA",
    "Hong Kong": "HK",
    "Unspecified": "ZZ",
}
NOT_GOODS = {"POST", "M", "C2", "BANK CHARGES", "D"}


def gift_shop() -> bytes:
    """The file: what cannot be read stands in the middle of the rest."""
    head, tail = GOOD.encode().split(b"700020,", 1)
    bad = b"".join(line + b"\r\n" for line, _ in BAD)
    return HEADER.encode() + b"\n" + head + bad + b"700020," + tail


@dataclass
class Told:
    """What the text says."""

    orders: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    units_by_day: Counter[str] = field(default_factory=Counter)
    revenue_by_day: Counter[str] = field(default_factory=Counter)
    revenue_by_country: Counter[str] = field(default_factory=Counter)
    units_by_sku: Counter[str] = field(default_factory=Counter)
    cancelled_by_sku: Counter[str] = field(default_factory=Counter)
    cancelled_lines: int = 0
    corrected_by_sku: Counter[str] = field(default_factory=Counter)
    corrections: int = 0
    rejected: int = 0
    applied: int = 0


def told() -> Told:
    """Goes through the good lines by hand: whole numbers of pence, no dates, no objects."""
    found = Told(rejected=len(BAD))
    rows = list(csv.DictReader(io.StringIO(f"{HEADER}\n{GOOD}")))
    bought: dict[tuple[str, str], int] = {}
    for row in rows:
        number, code = row["InvoiceNo"], row["StockCode"]
        units, pence = int(row["Quantity"]), round(float(row["UnitPrice"]) * 100)
        buyer = (row["CustomerID"], code)
        alone = not row["CustomerID"] and number >= "700020" and number < "700030"
        if number.startswith("C"):
            if row["CustomerID"] and bought.get(buyer, 0) >= -units:
                bought[buyer] += units
                found.cancelled_by_sku[code] -= units
                found.cancelled_lines += 1
                found.applied += 1
            else:
                found.rejected += 1
        elif alone and code.upper() not in NOT_GOODS:
            found.corrected_by_sku[code] += units
            found.corrections += 1
            found.applied += 1
        elif alone or _strange(row):
            found.rejected += 1
        else:
            bought[buyer] = bought.get(buyer, 0) + units
            _sell(found, row, units, pence)
    return found


def _strange(row: dict[str, str]) -> bool:
    """Another buyer on one invoice, and an invoice that comes back with other lines."""
    return (row["InvoiceNo"], row["CustomerID"]) == ("700030", "500.0") or (
        row["InvoiceNo"],
        row["StockCode"],
    ) == ("700001", "10006")


def _sell(found: Told, row: dict[str, str], units: int, pence: int) -> None:
    number, code, day = row["InvoiceNo"], row["StockCode"], row["InvoiceDate"][:10]
    found.orders.setdefault(number, []).append((code, units, pence))
    found.revenue_by_day[day] += units * pence
    found.revenue_by_country[COUNTRY[row["Country"]]] += units * pence
    if code.upper() not in NOT_GOODS:
        found.units_by_day[day] += units
        found.units_by_sku[code] += units
    found.applied += 1
