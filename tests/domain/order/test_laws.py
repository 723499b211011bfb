"""The laws that the order obeys as every aggregate does."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.history import version_of
from domain.order import events
from domain.order.cancelling import cancel_order
from domain.order.changing import complete, confirm, place_hold, reject
from domain.order.fulfilling import cancel_work, open_work, pack, start_pick, verify
from domain.order.paying import record_payment, record_refund
from domain.order.shipping import (
    confirm_delivery,
    dispatch,
    record_tracking,
    report_lost,
    report_returned,
)
from domain.order.state import ORDER, Order
from infra.store.codec import decode_data, encode_data
from tests.domain.laws import any_event
from tests.domain.order.histories import (
    CONFIRMED,
    IN_PICK,
    IN_WORK,
    ON_ITS_WAY,
    PACKED,
    PROMISED,
    VERIFIED,
    captured,
    picked,
    placed,
)
from tests.domain.stock.histories import NOW

Decision = Callable[[Order], list[object]]

HISTORIES: dict[str, list[object]] = {
    "placed": [placed()],
    "promised": PROMISED,
    "in work": IN_WORK,
    "in pick": IN_PICK,
    "picked": [*IN_PICK, picked(1, 4)],
    "packed": PACKED,
    "verified": [*PACKED, VERIFIED],
    "on its way": ON_ITS_WAY,
    "delivered": [*ON_ITS_WAY, events.ShipmentDelivered(shipment_id="S1", at=NOW), captured(400)],
    "paid": [placed(), CONFIRMED, captured(400)],
}
MONEY = {"provider": "bank", "provider_ref": "r1", "amount": 400, "currency": "GBP"}
ASKED_TWICE: dict[str, Decision] = {
    "confirm": confirm,
    "reject": lambda o: reject(o, "x"),
    "cancel": lambda o: cancel_order(o, "x"),
    "hold": lambda o: place_hold(o, "h1", "x", "order"),
    "complete": complete,
    "open": lambda o: open_work(o, None, lambda _: True),
    "take back": lambda o: cancel_work(o, "F1", "x"),
    "start": lambda o: start_pick(o, "F1", "ada"),
    "pack": lambda o: pack(o, "F1", 1, "ada"),
    "verify": lambda o: verify(o, "S1", "bob"),
    "dispatch": lambda o: dispatch(
        o, "S1", carrier="post", tracking=None, forced=False, at=NOW, now=NOW
    ),
    "track": lambda o: record_tracking(o, "S1", "x", NOW, None, NOW),
    "deliver": lambda o: confirm_delivery(o, "S1", NOW, None, NOW),
    "return": lambda o: report_returned(o, "S1", "x", NOW, NOW),
    "lose": lambda o: report_lost(o, "S1", "x", NOW, NOW),
    "pay": lambda o: record_payment(o, payment_id="p1", **MONEY),  # type: ignore[arg-type]
    "refund": lambda o: record_refund(
        o,
        refund_id="x",
        payment_id="p1",
        cause="x",
        **MONEY,  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("name", ASKED_TWICE)
def test_asking_twice_writes_nothing(name: str) -> None:
    """In every state that accepts the request; and there is such a state for each."""
    decide = ASKED_TWICE[name]
    wrote = [_ask_twice(history, decide) for history in HISTORIES.values()]
    assert any(wrote)


def _ask_twice(history: list[object], decide: Decision) -> bool:
    state = ORDER.fold(history)
    try:
        first = decide(state)
    except DomainError:
        return False
    assert decide(ORDER.fold(first, state)) == []
    return bool(first)


@given(any_event(events.EVENTS))
def test_an_event_survives_the_codec(event: object) -> None:
    name = type(event).__name__
    assert decode_data(name, version_of(name), encode_data(event)) == event


@given(st.sampled_from(list(HISTORIES.values())), st.data())
def test_a_replay_in_any_batches_is_the_live_state(
    history: list[object], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(history)))
    assert ORDER.fold(history[cut:], ORDER.fold(history[:cut])) == ORDER.fold(history)
