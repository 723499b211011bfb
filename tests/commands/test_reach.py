"""Out of reach looks as if it did not exist, whatever is asked of it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from commands import HANDLERS
from commands.fulfilment import OpenFulfilmentOrders, StartPick
from commands.handling import Concern, Context
from commands.location import ChangeLocation, CloseLocation, RegisterLocation, SetSourcingPolicy
from commands.order import CancelOrder, ConfirmOrder, PlaceOrder, RequestedLine
from commands.policy import SetOrderPolicy
from commands.stock import ReceiveStock, RegisterStockItem, ReleaseReservation
from commands.together import Together
from domain.errors import OrdinalError, UnknownLocation, UnknownOrder, UnknownStockItem
from domain.order.state import ORDER
from domain.values import order_stream
from tests.commands.memory import CONTEXT, MemoryLog
from tests.domain.stock.histories import NOW


@dataclass(frozen=True)
class Within:
    """A reach of some values in one place each."""

    allowed: dict[str, set[str]]

    def covers(self, concern: Concern) -> bool:
        return all(getattr(concern, name) in known for name, known in self.allowed.items())


def reaching(**allowed: str) -> Context:
    return replace(CONTEXT, reach=Within({name: {value} for name, value in allowed.items()}))


def place(order_id: str = "a", **given: Any) -> PlaceOrder:
    line = RequestedLine(sku="tea", quantity=1, unit_price=100)
    known: dict[str, Any] = {
        "channel": "web",
        "currency": "GBP",
        "country": "GB",
        "customer_id": "c1",
        "lines": (line,),
    }
    return PlaceOrder(order_id=order_id, **(known | given))


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog(HANDLERS)
    for command in (
        RegisterLocation(location="LEEDS", country="GB"),
        RegisterStockItem(location="LEEDS", sku="tea"),
        ReceiveStock(location="LEEDS", sku="tea", quantity=9, document="d"),
        place(),
        ConfirmOrder(order_id="a"),
        OpenFulfilmentOrders(order_id="a"),
    ):
        log.handle(command, CONTEXT, NOW)
    return log


def outcome(log: MemoryLog, command: object, context: Context) -> tuple[str, str, object]:
    try:
        receipt = log.handle(command, context, NOW)
    except OrdinalError as error:
        return type(error).__name__, str(error), dict(error.details)
    return "accepted", receipt.outcome, None


@pytest.mark.parametrize("name", ["channel", "country", "currency", "customer"])
def test_an_order_of_others_is_no_order(name: str, log: MemoryLog) -> None:
    mine = {"channel": "web", "country": "GB", "currency": "GBP", "customer": "c1"}[name]
    cancel = CancelOrder(order_id="a", reason="r")
    missing = outcome(log, CancelOrder(order_id="none", reason="r"), CONTEXT)
    assert outcome(log, cancel, reaching(**{name: "another"})) == missing
    assert (
        outcome(log, cancel, replace(reaching(**{name: "another"}), expected_version=9)) == missing
    )
    assert outcome(log, place(), reaching(**{name: "another"}))[0] == "UnknownOrder"
    assert outcome(log, cancel, reaching(**{name: mine})) == ("accepted", "cancelled", None)


def test_work_is_within_the_reach_of_its_location_alone(log: MemoryLog) -> None:
    (fulfilment_id,) = log.state(ORDER, order_stream("a")).fulfilment_orders
    pick = StartPick(order_id="a", fulfilment_id=fulfilment_id, picker="ada")
    with pytest.raises(UnknownOrder):
        log.handle(pick, reaching(location="YORK"), NOW)
    with pytest.raises(UnknownOrder):
        log.handle(CancelOrder(order_id="a", reason="r"), reaching(location="LEEDS"), NOW)
    assert log.handle(pick, reaching(location="LEEDS"), NOW).outcome == "picking"


def test_stock_and_places_are_within_the_reach_of_their_location(log: MemoryLog) -> None:
    receive = ReceiveStock(location="LEEDS", sku="tea", quantity=1, document="d")
    release = ReleaseReservation(location="LEEDS", sku="tea", reservation_id="r")
    for command in (receive, release):
        with pytest.raises(UnknownStockItem):
            log.handle(command, reaching(location="YORK"), NOW)
    with pytest.raises(UnknownLocation):
        log.handle(CloseLocation(location="LEEDS", reason="r"), reaching(country="DE"), NOW)
    with pytest.raises(UnknownLocation):
        log.handle(ChangeLocation(location="LEEDS", country="DE"), reaching(country="DE"), NOW)
    assert log.handle(receive, reaching(location="LEEDS"), NOW).outcome == "received"


def test_what_concerns_nobody_in_particular_is_out_of_reach(log: MemoryLog) -> None:
    for command in (SetSourcingPolicy(rules=("id",)), SetOrderPolicy()):
        assert outcome(log, command, CONTEXT)[0] == "accepted"
        assert outcome(log, command, reaching(location="LEEDS"))[0] in (
            "NotFound",
            "UnknownLocation",
        )


def test_commands_together_are_within_reach_when_each_is(log: MemoryLog) -> None:
    both = Together(commands=(place("b"), ConfirmOrder(order_id="a")))
    other = Together(commands=(place("c", channel="pos"), ConfirmOrder(order_id="a")))
    assert outcome(log, both, reaching(channel="web"))[0] == "accepted"
    assert outcome(log, other, reaching(channel="pos"))[0] == "UnknownOrder"


def test_all_commands_but_policies_say_whom_they_concern() -> None:
    unsaid = {
        command.__name__
        for command, handling in HANDLERS.items()
        if handling.concerns.__module__ == "commands.handling"
    }
    assert unsaid == {"SetOrderPolicy"}
