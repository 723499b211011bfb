"""The currencies that exist or did: how many decimals they have, and from when until when.

ISO 4217 lists one (in force) and three (withdrawn since 1999, when the euro began), as amended in
2025. Metals, bond units, tests and "no currency" are no money to order with. This is the only such
table in the program: withdrawn currencies stay in it, so that old orders stay readable.
"""

from datetime import date
from typing import NamedTuple

from domain.errors import Invalid

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
    PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
    TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Those that came since 1999: their first day.
_SINCE = {
    **{"EUR": "1999-01-01", "TJS": "2000-10-26", "AFN": "2002-10-07", "SRD": "2004-01-01"},
    **{"RON": "2005-07-01", "MGA": "2003-07-31", "TRY": "2005-01-01", "AZN": "2006-01-01"},
    **{"RSD": "2003-07-03", "MZN": "2006-07-01", "SDG": "2007-01-10", "GHS": "2007-07-01"},
    **{"TMT": "2009-01-01", "SSP": "2011-07-18", "ZMW": "2013-01-01", "BYN": "2016-07-01"},
    **{"MRU": "2018-01-01", "STN": "2018-01-01", "VES": "2018-08-20", "UYW": "2018-08-29"},
    **{"VED": "2021-10-01", "SLE": "2022-04-01", "ZWG": "2024-04-05", "XCG": "2025-03-31"},
    **{"XAD": "2025-05-12"},
}
# Those that are gone: decimals, and the last day on which they could be paid with.
_GONE = {
    **dict.fromkeys(("ATS", "DEM", "FIM", "FRF", "IEP", "NLG"), (2, "2002-02-28")),
    **dict.fromkeys(("ADP", "BEF", "ESP", "GRD", "ITL", "LUF", "PTE"), (0, "2002-02-28")),
    **{"SIT": (2, "2007-01-14"), "CYP": (2, "2008-01-31"), "MTL": (2, "2008-01-31")},
    **{"SKK": (2, "2009-01-16"), "EEK": (2, "2011-01-14"), "LVL": (2, "2014-01-14")},
    **{"LTL": (2, "2015-01-15"), "HRK": (2, "2023-01-14"), "BGN": (2, "2026-01-31")},
    **{"BGL": (2, "1999-12-31"), "ROL": (2, "2006-12-31"), "YUM": (2, "2003-07-02")},
    **{"CSD": (2, "2006-10-25"), "TRL": (0, "2005-12-31"), "AZM": (2, "2006-12-31")},
    **{"RUR": (2, "2003-12-31"), "BYB": (0, "2000-12-31"), "BYR": (0, "2016-12-31")},
    **{"TJR": (2, "2001-04-01"), "TMM": (2, "2009-12-31"), "AFA": (2, "2003-01-02")},
    **{"AON": (2, "2000-02-01"), "AOR": (2, "2000-02-01"), "ECS": (2, "2000-09-15")},
    **{"SRG": (2, "2004-01-31"), "MGF": (0, "2004-12-31"), "MZM": (2, "2006-12-31")},
    **{"SDD": (2, "2007-06-30"), "GHC": (2, "2007-12-31"), "ZMK": (2, "2013-06-30")},
    **{"VEB": (2, "2008-12-31"), "VEF": (2, "2018-12-05"), "TPE": (0, "2002-11-30")},
    **{"ZWD": (2, "2008-08-31"), "ZWL": (2, "2024-08-31"), "CUC": (2, "2021-06-30")},
    **{"MRO": (2, "2018-12-31"), "STD": (2, "2018-12-31"), "SLL": (2, "2024-03-31")},
    **{"ANG": (2, "2025-06-30"), "USS": (2, "2014-03-28"), "CHC": (2, "2004-11-30")},
}


class Currency(NamedTuple):
    """Decimals of the minor unit, and the first and last day on which it could be paid with."""

    digits: int
    since: date = date.min
    until: date = date.max


CURRENCIES = {
    **{
        code: Currency(digits, date.fromisoformat(_SINCE.get(code, "0001-01-01")))
        for digits, codes in _BY_DIGITS.items()
        for code in codes.split()
    },
    **{
        code: Currency(digits, until=date.fromisoformat(until))
        for code, (digits, until) in _GONE.items()
    },
}


def digits_of(code: str) -> int:
    """Decimals of its minor unit; two where nobody knows the code, which then was taken once."""
    known = CURRENCIES.get(code)
    return 2 if known is None else known.digits


def check_currency(code: str, day: date | None, field: str = "currency") -> None:
    """Refuse a code that named no money on the day; without a day, that never did."""
    known = CURRENCIES.get(code)
    if known is None:
        message = f"A currency is an ISO 4217 code, and {code[:10]!r} is none."
        raise Invalid(message, field=field)
    if day is not None and not known.since <= day <= known.until:
        bound = f"until {known.until}" if day > known.until else f"since {known.since}"
        raise Invalid(f"{code} was no money on {day}: it was {bound}.", field=field)
