"""What a channel may ask for, what is agreed, and what a repeat is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st

from domain.errors import (
    CurrencyMismatch,
    InsufficientStock,
    Invalid,
    NoEligibleLocation,
    ReferenceReused,
    TotalMismatch,
)
from domain.order.events import OrderLine, OrderPlaced, Totals
from domain.order.placing import (
    OrderRequest,
    RequestedLine,
    demands_of,
    fingerprint_of,
    place,
    promise,
    skus_of,
)
from domain.order.state import ORDER
from domain.sourcing import Demand, Sourcing
from domain.values import MAX_AMOUNT, MAX_LINES, MAX_QUANTITY
from tests.domain.order.histories import cancelled, placed, share, sourced
from tests.domain.specification import Outcome, given
from tests.domain.stock.histories import NOW

LANTERN = RequestedLine(sku="85123A", quantity=2, unit_price=250, title="Lantern", tax=100)
POSTAGE = RequestedLine(sku="POST", quantity=1, unit_price=300, kind="charge")


def request(*lines: RequestedLine, **more: Any) -> OrderRequest:
    facts: dict[str, Any] = {"channel": "web", "currency": "GBP", "country": "GB", **more}
    return OrderRequest(lines=lines or (LANTERN,), **facts)


def asked(wanted: OrderRequest, *history: object) -> Outcome:
    return given(ORDER, history).when(lambda order: place(order, wanted, contacts=None, now=NOW))


def test_what_was_agreed_is_frozen_with_its_totals() -> None:
    discount = replace(POSTAGE, sku="VOUCHER", unit_price=-50)
    wanted = request(LANTERN, POSTAGE, discount, total=850, reference="R1", priority=3)
    asked(wanted).then(
        OrderPlaced(
            channel="web",
            reference="R1",
            customer_id=None,
            country="GB",
            postal_area=None,
            currency="GBP",
            lines=(
                OrderLine(
                    line=1, sku="85123A", quantity=2, unit_price=250, title="Lantern", tax=100
                ),
                OrderLine(line=2, sku="POST", quantity=1, unit_price=300, kind="charge"),
                OrderLine(line=3, sku="VOUCHER", quantity=1, unit_price=-50, kind="charge"),
            ),
            totals=Totals(goods=500, charges=250, discount=0, tax=100, total=850),
            payment_mode="prepaid",
            shortage_policy="reject",
            fingerprint=fingerprint_of(wanted),
            placed_at=NOW,
            priority=3,
        )
    )


@pytest.mark.parametrize("country", ["XK", "GB", "YU"])
def test_countries_that_are_and_were_are_taken(country: str) -> None:
    asked(request(country=country)).accepted()


def test_an_old_order_keeps_the_money_of_its_day() -> None:
    bought = datetime(2022, 6, 1, tzinfo=UTC)
    assert place(ORDER.initial(), request(currency="HRK"), contacts=None, now=bought)


def test_an_accented_sku_is_taken_in_one_form() -> None:
    asked(request(replace(LANTERN, sku="thé"))).accepted()


def test_contacts_are_named_by_their_ids_alone() -> None:
    (event,) = place(ORDER.initial(), request(), contacts={"shipping": "c1"}, now=NOW)
    assert isinstance(event, OrderPlaced)
    assert event.contacts == {"shipping": "c1"}


def test_a_repeat_writes_nothing() -> None:
    asked(request(), placed(fingerprint=fingerprint_of(request()))).then_nothing()


def test_other_content_under_an_old_reference_is_refused() -> None:
    asked(request(), placed(fingerprint="other")).then_refused(ReferenceReused, reference="R1")


CHANGES: dict[str, Any] = {
    "channel": "shop",
    "lines": (LANTERN, LANTERN),
    "currency": "EUR",
    "country": "FR",
    "reference": "R2",
    "customer_id": "c1",
    "postal_area": "LS",
    "total": 600,
    "payment_mode": "on_account",
    "shortage_policy": "partial",
    "priority": 1,
    "ship_method": "express",
    "promised_by": NOW,
    "preferred_location": "LEEDS",
    "reservations": ("cart-7",),
}


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_was_asked_for_is_in_the_fingerprint(field: str) -> None:
    assert set(CHANGES) == set(OrderRequest.__slots__)
    changed = replace(request(), **{field: CHANGES[field]})
    assert fingerprint_of(changed) != fingerprint_of(request())


def test_orders_of_old_are_known_by_the_same_fingerprint() -> None:
    """It lies in the log: who sends an order again must find it, whatever may be asked by now."""
    digest = "bb0643f2390e95cd9f4ae2ae23b9de38de5e4ada6f57c6e1c6663524e177347a"
    assert fingerprint_of(request()) == digest


@pytest.mark.parametrize("field", RequestedLine.__slots__)
def test_whatever_a_line_says_is_in_the_fingerprint(field: str) -> None:
    other = RequestedLine(
        sku="x",
        quantity=3,
        unit_price=7,
        title="x",
        tax=1,
        discount=1,
        kind="charge",
        currency="GBP",
    )
    changed = replace(LANTERN, **{field: getattr(other, field)})
    assert fingerprint_of(request(changed)) != fingerprint_of(request())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lines", ()),
        ("lines", (LANTERN,) * (MAX_LINES + 1)),
        ("country", "gb"),
        ("country", "GBR"),
        ("country", "UK"),
        ("country", "EL"),
        ("country", "QQ"),
        ("currency", "pound"),
        ("currency", "GPB"),
        ("currency", "HRK"),
        ("channel", ""),
        ("channel", "w\0b"),
        ("reference", ""),
        ("reference", "r" * 201),
        ("reference", "W "),
        ("reference", "\u00a0W"),
        ("reference", "e\u0301"),
        ("customer_id", " c"),
        ("customer_id", "\ud800"),
        ("postal_area", " "),
        ("ship_method", "a\0"),
        ("preferred_location", "leeds"),
        ("reservations", ("",)),
        ("promised_by", datetime(2026, 3, 1)),  # noqa: DTZ001
        ("priority", 10**7),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(field: str, value: Any) -> None:
    asked(replace(request(), **{field: value})).then_refused(Invalid, field=field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", ""),
        ("sku", " "),
        ("sku", "a\nb"),
        ("sku", "S "),
        ("sku", " S"),
        ("sku", "te\u0301"),
        ("sku", "s" * 101),
        ("title", "a\0b"),
        ("title", "t" * 501),
        ("quantity", 0),
        ("quantity", -1),
        ("quantity", MAX_QUANTITY + 1),
        ("unit_price", -1),
        ("unit_price", MAX_AMOUNT),
        ("tax", MAX_AMOUNT + 1),
        ("tax", -1),
        ("discount", -1),
        ("discount", 501),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(field: str, value: Any) -> None:
    bad = replace(LANTERN, **{field: value})
    asked(request(LANTERN, bad)).then_refused(Invalid, field=f"lines.2.{field}")


def test_a_charge_may_be_negative_but_not_endless() -> None:
    asked(request(LANTERN, replace(POSTAGE, unit_price=-1))).accepted()
    endless = replace(POSTAGE, unit_price=-MAX_AMOUNT - 1)
    asked(request(endless)).then_refused(Invalid, field="lines.1.unit_price")


def test_all_lines_together_have_a_limit_too() -> None:
    huge = replace(LANTERN, quantity=1, unit_price=MAX_AMOUNT, tax=0)
    asked(request(huge)).accepted()
    asked(request(huge, huge)).then_refused(Invalid, field="lines")
    asked(request(replace(huge, tax=1))).then_refused(Invalid, field="lines")
    credit = replace(POSTAGE, unit_price=-MAX_AMOUNT)
    asked(request(huge, credit)).then_refused(Invalid, field="lines")


def test_nothing_is_worth_less_than_nothing() -> None:
    asked(request(replace(LANTERN, discount=500, tax=0))).accepted()
    credit = replace(POSTAGE, unit_price=-300, tax=-50)
    asked(request(LANTERN, credit)).accepted()
    asked(request(credit)).then_refused(Invalid, field="lines", sum=-350)
    asked(request(LANTERN, replace(credit, tax=1))).then_refused(Invalid, field="lines.2.tax")
    asked(request(LANTERN, replace(credit, discount=1))).then_refused(
        Invalid, field="lines.2.discount", worth=-300
    )


def test_a_line_of_another_currency_is_refused() -> None:
    asked(request(replace(LANTERN, currency="GBP"))).accepted()
    asked(request(LANTERN, replace(LANTERN, currency="EUR"))).then_refused(
        CurrencyMismatch, field="lines.2.currency"
    )


def test_a_stated_total_must_be_the_sum() -> None:
    asked(request(total=600)).accepted()
    asked(request(total=601)).then_refused(TotalMismatch, field="total", stated=601, sum=600)


def test_a_title_may_have_lines_and_any_script() -> None:
    asked(request(replace(LANTERN, title="Lampe\n灯笼 \u00a0" + "x" * 300))).accepted()


def test_only_goods_want_stock() -> None:
    lines = (LANTERN, POSTAGE, replace(LANTERN, quantity=1))
    assert demands_of(lines) == [Demand(1, "85123A", 2), Demand(3, "85123A", 1)]
    assert skus_of(lines) == {"85123A"}


def test_a_sku_that_is_none_never_becomes_a_stream() -> None:
    with pytest.raises(Invalid) as refused:
        skus_of((POSTAGE, replace(LANTERN, sku="\0")))
    assert refused.value.details["field"] == "lines.2.sku"
    with pytest.raises(Invalid):
        skus_of((LANTERN,) * (MAX_LINES + 1))


NOTHING = sourced()
SOME = sourced(share(1, 1))
NOWHERE = replace(NOTHING, candidates=())


def test_an_order_is_bound_to_its_sources() -> None:
    assert promise(Sourcing(SOME, {}, {}), "reject") == [SOME]


def test_partial_cancels_what_is_not_there() -> None:
    assert promise(Sourcing(SOME, {1: 3}, {"a": 1}), "partial") == [
        SOME,
        cancelled(1, 3, "shortage", unsourced=3),
    ]


@pytest.mark.parametrize(
    ("decided", "policy"), [(SOME, "reject"), (SOME, "backorder"), (NOTHING, "partial")]
)
def test_a_shortage_is_refused_with_what_there_is(decided: Any, policy: Any) -> None:
    with pytest.raises(InsufficientStock) as refused:
        promise(Sourcing(decided, {1: 3}, {"a": 1}), policy)
    assert refused.value.details["available"] == {"a": 1}


@pytest.mark.parametrize("policy", ["reject", "partial", "backorder"])
def test_without_a_location_there_is_no_order(policy: Any) -> None:
    with pytest.raises(NoEligibleLocation):
        promise(Sourcing(NOWHERE, {1: 3}, {}), policy)


SKUS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=9).map(
    lambda sku: normalize("NFC", sku)
)


@whatever(
    st.lists(
        st.builds(
            RequestedLine,
            sku=SKUS,
            quantity=st.integers(1, MAX_QUANTITY),
            unit_price=st.integers(10**3, 10**5),
            tax=st.integers(0, 10**6),
            discount=st.integers(0, 10**3),
            kind=st.sampled_from(["stock", "charge"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_totals_are_the_sums_of_the_lines(lines: list[RequestedLine]) -> None:
    (event,) = place(ORDER.initial(), request(*lines), contacts=None, now=NOW)
    assert isinstance(event, OrderPlaced)
    totals = event.totals
    assert totals.total == sum(line.total for line in event.lines)
    assert totals.total == totals.goods + totals.charges - totals.discount + totals.tax
    assert [line.line for line in event.lines] == list(range(1, len(lines) + 1))


def test_the_business_time_is_the_place_in_the_queue() -> None:
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    (event,) = place(ORDER.initial(), request(), contacts=None, now=earlier)
    assert ORDER.fold([event]).placed_at == earlier
