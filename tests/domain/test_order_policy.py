"""What happens to orders by itself: nothing, until the shop decides otherwise."""

import pytest

from domain.errors import Invalid
from domain.order_policy import (
    LONGEST_EXPIRY,
    ORDER_POLICY,
    OrderPolicy,
    OrderPolicyChanged,
    change_policy,
)
from tests.domain.specification import Outcome, given

HOUR = OrderPolicyChanged(expire_unpaid_after=3_600, dispatch_needs_payment=True)


def change(wanted: OrderPolicyChanged, *history: object) -> Outcome:
    return given(ORDER_POLICY, history).when(lambda policy: change_policy(policy, wanted))


def test_everything_is_off_at_first() -> None:
    assert ORDER_POLICY.initial() == OrderPolicy(None, False, False)
    change(OrderPolicyChanged()).then_nothing()


def test_a_change_is_written_once() -> None:
    change(HOUR).then(HOUR)
    change(HOUR, HOUR).then_nothing()
    change(OrderPolicyChanged(), HOUR).then(OrderPolicyChanged())
    assert ORDER_POLICY.fold([HOUR]) == OrderPolicy(3_600, False, True)


@pytest.mark.parametrize("seconds", [-1, 0, 59, LONGEST_EXPIRY + 1])
def test_a_time_that_cannot_be_meant_is_refused(seconds: int) -> None:
    change(OrderPolicyChanged(expire_unpaid_after=seconds)).then_refused(
        Invalid, field="expire_unpaid_after"
    )
