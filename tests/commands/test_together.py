"""Several commands of one message: all of them, in their order, or none."""

import pytest

from commands.handling import Receipt
from commands.order import CancelOrder, ConfirmOrder
from commands.payment import RecordPayment
from commands.together import Together
from domain.errors import UnknownOrder
from tests.commands.memory import MemoryLog
from tests.commands.shop import ORDER_ID, STREAM, an_order, ask, order_of, trade


def together(log: MemoryLog, *commands: object) -> Receipt:
    return ask(log, Together(commands=commands))


def paid(amount: int = 50) -> RecordPayment:
    return RecordPayment(
        order_id=ORDER_ID,
        provider="psp",
        provider_ref=f"p{amount}",
        amount=amount,
        currency="GBP",
    )


def test_each_sees_what_those_before_it_did() -> None:
    log = trade(LEEDS=5)
    receipt = together(log, an_order(2), ConfirmOrder(order_id=ORDER_ID), paid())
    assert order_of(log).paid == 50
    assert (receipt.id, receipt.stream_id, receipt.outcome) == (ORDER_ID, STREAM, "placed")
    assert len(receipt.details["commands"]) == 3
    assert receipt.changed


def test_a_refusal_of_one_leaves_no_trace_of_any() -> None:
    log = trade(LEEDS=5)
    before = list(log.recorded)
    with pytest.raises(UnknownOrder):
        together(log, an_order(2), CancelOrder(order_id="nobody's", reason="x"))
    assert log.recorded == before


def test_what_they_make_has_ids_of_its_own() -> None:
    log = trade(LEEDS=5)
    together(log, an_order(2), paid(50), paid(60))
    assert order_of(log).paid == 110
