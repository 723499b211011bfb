"""An order whose last line came to its end is closed, if the policy says so."""

from commands.order import CompleteOrder
from consumers.reaction import Sweep
from consumers.reactions.completion import COMPLETION
from domain.order.events import ShipmentDelivered
from domain.order_policy import ORDER_POLICY_STREAM, OrderPolicyChanged
from tests.consumers.reactions.specification import Case, specified
from tests.domain.order.histories import ON_ITS_WAY, captured
from tests.domain.stock.histories import NOW

completion = specified(COMPLETION)
ORDER = "order-o1"
ON = OrderPolicyChanged(complete_by_itself=True)
DELIVERED = ShipmentDelivered(shipment_id="S1", at=NOW)
COMPLETE = CompleteOrder(order_id="o1")


def tidy() -> Case:
    return completion().given(ORDER_POLICY_STREAM, ON)


def test_the_last_delivery_completes_an_order_that_is_paid() -> None:
    tidy().given(ORDER, *ON_ITS_WAY, captured(400)).when(ORDER, DELIVERED).then(COMPLETE)


def test_one_that_is_not_paid_is_completed_by_its_payment() -> None:
    delivered = tidy().given(ORDER, *ON_ITS_WAY).when(ORDER, DELIVERED).then_nothing()
    delivered.when(ORDER, captured(400)).then(COMPLETE)


def test_one_that_is_on_its_way_is_not() -> None:
    tidy().given(ORDER, *ON_ITS_WAY).when(ORDER, captured(400)).then_nothing()


def test_nothing_is_closed_by_itself_unless_somebody_decided_so() -> None:
    paid = completion().given(ORDER, *ON_ITS_WAY, captured(400)).when(ORDER, DELIVERED)
    paid.then_nothing()
    paid.when(ORDER_POLICY_STREAM, OrderPolicyChanged()).then_nothing()
    paid.when(ORDER_POLICY_STREAM, ON).then(Sweep("order-"))
    paid.when_looked_at(ORDER).then(COMPLETE)


def test_events_are_read_only_while_the_policy_asks_for_it() -> None:
    assert set(COMPLETION.quiet(completion())) == set(COMPLETION.events)
    assert COMPLETION.quiet(tidy()) == ()
