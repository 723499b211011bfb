"""Countries and currencies that exist, today or on the day of the order."""

from datetime import date

import pytest

from domain.countries import COUNTRIES, PRESENT, check_country
from domain.currencies import CURRENCIES, check_currency, digits_of
from domain.errors import Invalid


def test_all_countries_of_the_standard_are_known() -> None:
    assert len(PRESENT) == 249
    for code in (*PRESENT, "XK", "AN", "YU", "ZZ"):
        check_country(code)


@pytest.mark.parametrize(
    ("code", "hint"), [("UK", "GB"), ("EL", "GR"), ("XI", "GB"), ("QQ", ""), ("gb", ""), ("", "")]
)
def test_a_code_that_is_no_country_is_refused_with_what_was_meant(code: str, hint: str) -> None:
    with pytest.raises(Invalid, match=f"Write {hint}" if hint else "is none.$") as refused:
        check_country(code, "lines.1.country")
    assert refused.value.details["field"] == "lines.1.country"


def test_codes_are_two_and_three_letters() -> None:
    assert {len(code) for code in COUNTRIES} == {2}
    assert {len(code) for code in CURRENCIES} == {3}


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        *(("EUR", 2), ("JPY", 0), ("ISK", 0), ("HUF", 2), ("IDR", 2), ("KWD", 3), ("BHD", 3)),
        *(("CLF", 4), ("UYW", 4), ("ITL", 0), ("DEM", 2), ("BGN", 2), ("GPB", 2)),
    ],
)
def test_a_currency_has_its_decimals(code: str, digits: int) -> None:
    assert digits_of(code) == digits


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("EUR", date(2026, 1, 1)),
        ("BGN", date(2025, 12, 31)),
        ("HRK", date(2022, 12, 31)),
        ("DEM", date(2001, 12, 31)),
        ("XCG", date(2025, 4, 1)),
    ],
)
def test_a_currency_is_taken_on_its_days(code: str, day: date) -> None:
    check_currency(code, day)


@pytest.mark.parametrize(
    ("code", "day", "why"),
    [
        ("GPB", date(2026, 1, 1), "'GPB' is none"),
        ("XTS", date(2026, 1, 1), "'XTS' is none"),
        ("eur", date(2026, 1, 1), "'eur' is none"),
        ("BGN", date(2026, 2, 1), "until 2026-01-31"),
        ("HRK", date(2024, 1, 1), "until 2023-01-14"),
        ("EUR", date(1998, 12, 31), "since 1999-01-01"),
    ],
)
def test_what_is_no_money_on_the_day_is_refused(code: str, day: date, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        check_currency(code, day, "currency")
    assert refused.value.details["field"] == "currency"


def test_without_a_day_every_currency_that_was_is_taken() -> None:
    check_currency("HRK", None)
    with pytest.raises(Invalid):
        check_currency("GPB", None)
