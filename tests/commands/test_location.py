"""The places where stock is kept, and the rules that choose among them."""

import pytest

from commands.location import (
    HANDLERS,
    ChangeLocation,
    CloseLocation,
    RegisterLocation,
    SetSourcingPolicy,
)
from domain.errors import Invalid, UnknownLocation, WrongStatus
from domain.sourcing_policy import (
    LocationChanged,
    LocationClosed,
    LocationRegistered,
    SourcingPolicyChanged,
)
from domain.values import SOURCING_STREAM
from tests.commands.memory import CONTEXT, MemoryLog
from tests.domain.stock.histories import NOW

REGISTERED = LocationRegistered(location="LEEDS", country="GB", zones=("GB",))


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(HANDLERS)


def test_a_location_is_registered(log: MemoryLog) -> None:
    command = RegisterLocation(location="LEEDS", country="GB", zones=("GB",))
    receipt = log.handle(command, CONTEXT, NOW)
    assert log.events(SOURCING_STREAM) == [REGISTERED]
    assert (receipt.id, receipt.outcome, receipt.changed) == ("LEEDS", "registered", True)
    assert not log.handle(command, CONTEXT, NOW).changed


@pytest.mark.parametrize(
    ("command", "event", "subject", "outcome"),
    [
        (
            ChangeLocation(location="LEEDS", country="GB", priority=2),
            LocationChanged(location="LEEDS", country="GB", priority=2),
            "LEEDS",
            "changed",
        ),
        (
            CloseLocation(location="LEEDS", reason="flood"),
            LocationClosed(location="LEEDS", reason="flood"),
            "LEEDS",
            "closed",
        ),
        (
            SetSourcingPolicy(rules=("id",), max_splits=1),
            SourcingPolicyChanged(rules=("id",), max_splits=1),
            "sourcing",
            "changed",
        ),
    ],
)
def test_what_is_asked_is_recorded_once(
    log: MemoryLog, command: object, event: object, subject: str, outcome: str
) -> None:
    log.given(SOURCING_STREAM, REGISTERED)
    receipt = log.handle(command, CONTEXT, NOW)
    assert log.events(SOURCING_STREAM) == [REGISTERED, event]
    assert (receipt.id, receipt.outcome, receipt.changed) == (subject, outcome, True)
    assert not log.handle(command, CONTEXT, NOW).changed


def test_a_location_with_work_to_do_does_not_close(log: MemoryLog) -> None:
    log.given(SOURCING_STREAM, REGISTERED)
    busy = CloseLocation(location="LEEDS", reason="flood", open_work=("A F1",))
    with pytest.raises(WrongStatus, match="finish or cancel them first"):
        log.handle(busy, CONTEXT, NOW)
    assert log.events(SOURCING_STREAM) == [REGISTERED]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (RegisterLocation(location="leeds", country="GB"), Invalid),
        (ChangeLocation(location="YORK", country="GB"), UnknownLocation),
        (CloseLocation(location="YORK", reason="flood"), UnknownLocation),
        (SetSourcingPolicy(rules=("cheapest",)), Invalid),
    ],
)
def test_a_refusal_records_nothing(log: MemoryLog, command: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        log.handle(command, CONTEXT, NOW)
    assert log.recorded == []
