"""What has a time is over when its time is over."""

from datetime import timedelta

import pytest

from commands.order import ExpireOrder
from commands.stock import ExpireReservations
from consumers.reaction import Deadline, Sweep
from consumers.reactions.expirer import EXPIRER
from domain.order.events import OrderPlaced
from domain.order_policy import ORDER_POLICY_STREAM, OrderPolicyChanged
from domain.stock.events import ReservationExtended, ReservationReleased
from tests.consumers.reactions.specification import Case, specified
from tests.domain.order.histories import CONFIRMED, captured, placed
from tests.domain.stock.histories import LATER, NOW, REGISTERED, SOON, reserved

expirer = specified(EXPIRER)
STOCK, ORDER = "stock-LEEDS-85123A", "order-o1"
EXPIRE = ExpireReservations(location="LEEDS", sku="85123A")
HOUR = timedelta(hours=1)
AN_HOUR = OrderPolicyChanged(expire_unpaid_after=3600)


def impatient() -> Case:
    return expirer().given(ORDER_POLICY_STREAM, AN_HOUR)


def test_a_reservation_is_looked_at_when_its_time_is_over() -> None:
    made = expirer().given(STOCK, REGISTERED).when(STOCK, reserved("r1", 2))
    made.then(Deadline(STOCK, SOON))
    made.when_looked_at(STOCK, SOON - timedelta(microseconds=1)).then(Deadline(STOCK, SOON))
    made.when_looked_at(STOCK, SOON).then(EXPIRE)


def test_one_that_was_extended_lasts_longer() -> None:
    extended = ReservationExtended(reservation_id="r1", expires_at=LATER)
    made = expirer().given(STOCK, REGISTERED, reserved("r1", 2)).when(STOCK, extended)
    made.then(Deadline(STOCK, LATER))
    made.when_looked_at(STOCK, SOON).then(Deadline(STOCK, LATER))


def test_one_that_ended_needs_nothing() -> None:
    ended = ReservationReleased(reservation_id="r1", quantity=2, reason="converted")
    made = expirer().given(STOCK, REGISTERED, reserved("r1", 2), ended)
    made.when_looked_at(STOCK, SOON).then_nothing()


def test_those_behind_the_one_that_is_over_are_kept_in_mind() -> None:
    made = expirer().given(STOCK, REGISTERED, reserved("r1", 2), reserved("r2", 1, LATER))
    made.when_looked_at(STOCK, SOON).then(EXPIRE, Deadline(STOCK, LATER))


def test_orders_never_expire_unless_somebody_decided_so() -> None:
    expirer().when(ORDER, placed()).then_nothing()
    expirer().given(ORDER, placed()).when_looked_at(ORDER, NOW + 9 * HOUR).then_nothing()
    off = OrderPolicyChanged(expire_unpaid_after=None)
    impatient().given(ORDER, placed()).when(ORDER_POLICY_STREAM, off).then_nothing()


def test_an_order_that_nobody_paid_expires() -> None:
    made = impatient().when(ORDER, placed())
    made.then(Deadline(ORDER, NOW + HOUR))
    made.when_looked_at(ORDER, NOW + HOUR).then(ExpireOrder(order_id="o1"))


def test_an_order_of_the_past_may_be_paid_for_as_long_as_one_of_today() -> None:
    """Whoever tells history tells of the order first, and then of its payment."""
    ancient = placed(placed_at=NOW - 2000 * HOUR)
    impatient().when(ORDER, ancient).then(Deadline(ORDER, NOW + HOUR))


@pytest.mark.parametrize("after", [CONFIRMED, captured(1)])
def test_one_that_was_paid_or_accepted_does_not(after: object) -> None:
    impatient().given(ORDER, placed(), after).when_looked_at(ORDER, NOW + HOUR).then_nothing()


def test_a_policy_that_grants_more_time_is_heeded() -> None:
    made = impatient().given(ORDER, placed())
    longer = OrderPolicyChanged(expire_unpaid_after=7200)
    made.when(ORDER_POLICY_STREAM, longer).then(Sweep("order-"))
    made.when_looked_at(ORDER, NOW + HOUR).then(Deadline(ORDER, NOW + 2 * HOUR))


def test_orders_are_read_only_while_they_may_expire() -> None:
    assert EXPIRER.quiet(expirer()) == (OrderPlaced,)
    assert EXPIRER.quiet(impatient()) == ()
