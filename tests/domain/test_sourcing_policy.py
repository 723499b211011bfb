"""The places that stock comes from and the rules that choose among them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import AlreadyExists, Invalid, UnknownLocation, WrongStatus
from domain.sourcing_policy import (
    RULES,
    SOURCING_POLICY,
    LocationChanged,
    LocationClosed,
    LocationRegistered,
    SourcingPolicyChanged,
    change_location,
    close_location,
    register_location,
    set_policy,
)
from tests.domain.specification import given

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEEDS: dict[str, Any] = {
    "location": "LEEDS",
    "country": "GB",
    "zones": ("GB", "IE"),
    "channels": ("web",),
    "priority": 3,
}
REGISTERED = LocationRegistered(**LEEDS)
CLOSED = LocationClosed(location="LEEDS", reason="flood")


def test_a_location_is_registered() -> None:
    given(SOURCING_POLICY).when(lambda p: register_location(p, **LEEDS, now=NOW)).then(REGISTERED)


def test_registering_the_same_again_writes_nothing() -> None:
    outcome = given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: register_location(p, **LEEDS, now=NOW)
    )
    outcome.then_nothing()


def test_registering_it_with_other_content_is_refused() -> None:
    other = {**LEEDS, "priority": 9}
    outcome = given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: register_location(p, **other, now=NOW)
    )
    outcome.then_refused(AlreadyExists, location="LEEDS")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("location", "leeds"),
        ("location", "L" * 33),
        ("country", "UK1"),
        ("zones", ("GB", " ")),
        ("channels", ("a\0",)),
        ("priority", 1_000_001),
    ],
)
def test_what_is_no_location_is_refused(field: str, value: object) -> None:
    wrong = {**LEEDS, field: value}
    outcome = given(SOURCING_POLICY).when(lambda p: register_location(p, **wrong, now=NOW))
    outcome.then_refused(Invalid, field=field)


def test_a_location_is_changed_once() -> None:
    other = {**LEEDS, "zones": ("GB",)}
    changed = LocationChanged(**other)
    given(SOURCING_POLICY, [REGISTERED]).when(lambda p: change_location(p, **other, now=NOW)).then(
        changed
    )
    given(SOURCING_POLICY, [REGISTERED, changed]).when(
        lambda p: change_location(p, **other, now=NOW)
    ).then_nothing()


def test_a_closed_location_reopens_when_it_is_changed() -> None:
    given(SOURCING_POLICY, [REGISTERED, CLOSED]).when(
        lambda p: change_location(p, **LEEDS, now=NOW)
    ).then(LocationChanged(**LEEDS))
    policy = SOURCING_POLICY.fold([REGISTERED, CLOSED, LocationChanged(**LEEDS)])
    assert policy.locations["LEEDS"].active


def test_only_a_known_location_is_changed_or_closed() -> None:
    given(SOURCING_POLICY).when(lambda p: change_location(p, **LEEDS, now=NOW)).then_refused(
        UnknownLocation, location="LEEDS"
    )
    given(SOURCING_POLICY).when(
        lambda p: close_location(p, location="LEEDS", reason="flood", now=NOW)
    ).then_refused(UnknownLocation, location="LEEDS")


def test_a_change_into_what_is_no_location_is_refused() -> None:
    wrong = {**LEEDS, "country": "gb"}
    given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: change_location(p, **wrong, now=NOW)
    ).then_refused(Invalid, field="country")


def test_a_location_closes_once() -> None:
    given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: close_location(p, location="LEEDS", reason="flood", now=NOW)
    ).then(CLOSED)
    given(SOURCING_POLICY, [REGISTERED, CLOSED]).when(
        lambda p: close_location(p, location="LEEDS", reason="again", now=NOW)
    ).then_nothing()


def test_a_location_with_work_to_do_does_not_close() -> None:
    given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: close_location(p, location="LEEDS", reason="x", open_work=["A F1"], now=NOW)
    ).then_refused(WrongStatus, location="LEEDS", fulfilment_orders=["A F1"])
    given(SOURCING_POLICY, [REGISTERED, CLOSED]).when(
        lambda p: close_location(p, location="LEEDS", reason="x", open_work=["A F1"], now=NOW)
    ).then_nothing()


def test_closing_needs_a_reason() -> None:
    given(SOURCING_POLICY, [REGISTERED]).when(
        lambda p: close_location(p, location="LEEDS", reason=" ", now=NOW)
    ).then_refused(Invalid, field="reason")


def test_the_rules_are_set_once() -> None:
    changed = SourcingPolicyChanged(rules=("priority", "id"), max_splits=2)
    given(SOURCING_POLICY).when(
        lambda p: set_policy(p, rules=("priority", "id"), max_splits=2, now=NOW)
    ).then(changed)
    given(SOURCING_POLICY, [changed]).when(
        lambda p: set_policy(p, rules=("priority", "id"), max_splits=2, now=NOW)
    ).then_nothing()
    given(SOURCING_POLICY).when(
        lambda p: set_policy(p, rules=RULES, max_splits=3, now=NOW)
    ).then_nothing()


@pytest.mark.parametrize(
    ("rules", "max_splits", "field"),
    [
        (("cheapest",), 3, "rules"),
        (("id", "id"), 3, "rules"),
        (("id",), 0, "max_splits"),
        (("id",), 11, "max_splits"),
    ],
)
def test_rules_that_nobody_knows_are_refused(
    rules: tuple[str, ...], max_splits: int, field: str
) -> None:
    given(SOURCING_POLICY).when(
        lambda p: set_policy(p, rules=rules, max_splits=max_splits, now=NOW)
    ).then_refused(Invalid, field=field)


def test_every_change_counts_and_a_stray_fact_harms_nothing() -> None:
    history = [CLOSED, REGISTERED, SourcingPolicyChanged(rules=("id",), max_splits=1), object()]
    policy = SOURCING_POLICY.fold(history)
    assert policy.version == 3
    assert (policy.rules, policy.max_splits) == (("id",), 1)
    assert policy.locations["LEEDS"].active
