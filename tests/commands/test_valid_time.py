"""When a fact happened: as it says itself, or else when it was decided."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from commands.fulfilment import (
    ConfirmDelivery,
    Dispatch,
    RecordTracking,
    ReportLost,
    ReportReturnedToSender,
)
from commands.order import ConfirmOrder
from domain.errors import Invalid
from domain.order import events as e
from domain.stock.events import StockShipped
from tests.commands.memory import CONTEXT, MemoryLog
from tests.commands.shop import ORDER_ID, an_order, ask, trade
from tests.commands.test_fulfilment import DISPATCH, PARCEL, in_pick, ready
from tests.domain.stock.histories import LATER, NOW, SOON

LATEST = LATER + timedelta(hours=1)


def at(log: MemoryLog, now: datetime, command: object) -> None:
    log.handle(command, CONTEXT, now)


def on_its_way() -> MemoryLog:
    log = ready(in_pick(trade(LEEDS=5), 5), 5)
    at(log, LATER, replace(DISPATCH, at=SOON))
    return log


def test_both_sides_of_a_dispatch_have_its_time() -> None:
    log = on_its_way()
    assert log.time_of(e.ShipmentDispatched) == log.time_of(StockShipped) == SOON
    assert next(x for _, x in log.recorded if isinstance(x, e.ShipmentDispatched)).at == SOON


def test_a_dispatch_that_states_no_time_has_that_of_the_decision() -> None:
    log = ready(in_pick(trade(LEEDS=5), 5), 5)
    at(log, LATER, DISPATCH)
    assert log.time_of(e.ShipmentDispatched) == log.time_of(StockShipped) == LATER
    assert next(x for _, x in log.recorded if isinstance(x, e.ShipmentDispatched)).at == LATER


STATED: list[tuple[type, object]] = [
    (e.TrackingUpdated, RecordTracking(**PARCEL, status="here", at=LATER)),
    (e.ShipmentDelivered, ConfirmDelivery(**PARCEL, at=LATER)),
    (e.ShipmentLost, ReportLost(**PARCEL, reason="x", at=LATER)),
    (e.ShipmentReturnedToSender, ReportReturnedToSender(**PARCEL, reason="x", at=LATER)),
]


@pytest.mark.parametrize(("kind", "command"), STATED)
def test_a_fact_has_the_time_that_it_states(kind: type, command: object) -> None:
    log = on_its_way()
    at(log, LATEST, command)
    assert log.time_of(kind) == LATER
    assert getattr(log.recorded[-1][1], "at", LATER) == LATER


@pytest.mark.parametrize(("kind", "command"), STATED)
@pytest.mark.parametrize("stated", [NOW - timedelta(days=9_000), LATEST + timedelta(days=355_000)])
def test_a_time_out_of_bounds_is_refused_with_both(
    kind: type, command: Any, stated: datetime
) -> None:
    log = on_its_way()
    before = list(log.recorded)
    with pytest.raises(Invalid) as refused:
        at(log, LATEST, replace(command, at=stated))
    earliest = NOW if kind is e.TrackingUpdated else SOON
    assert refused.value.details == {"field": "at", "earliest": earliest, "latest": LATEST}
    assert log.recorded == before


def test_what_states_no_time_has_that_of_the_decision() -> None:
    log = on_its_way()
    at(log, LATEST, ConfirmDelivery(**PARCEL))
    assert log.time_of(e.ShipmentDelivered) == LATEST
    assert log.recorded[-1][1] == e.ShipmentDelivered(shipment_id="S1", at=LATEST)


def test_nothing_is_decided_about_an_order_before_it_was_placed() -> None:
    log = trade(LEEDS=5)
    ask(log, an_order(5))
    early = replace(CONTEXT, occurred_at=NOW - timedelta(seconds=1))
    with pytest.raises(Invalid) as refused:
        log.handle(ConfirmOrder(order_id=ORDER_ID), early, NOW)
    assert refused.value.details["field"] == "occurred_at"
    assert refused.value.details["earliest"] == NOW


def test_a_dispatch_before_the_order_is_refused() -> None:
    log = ready(in_pick(trade(LEEDS=5), 5), 5)
    with pytest.raises(Invalid):
        at(log, LATER, Dispatch(**PARCEL, carrier="post", at=NOW - timedelta(seconds=1)))
