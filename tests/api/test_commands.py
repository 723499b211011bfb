"""Every command route: what it asks of the bus, and how it answers."""

from hashlib import sha256
from typing import Any
from uuid import uuid5

import pytest

from api.placing import PlaceOrderBody
from api.routing import CommandRoute
from api.scopes import SCOPES
from commands.handling import Context
from domain.values import ORDINAL_NAMESPACE
from tests.api.house import House, MemoryBus, Recorder, fields, kind, problem
from tests.api.requests import COMMANDS, ITEM, LINE, ORDER, PLACE, WHY, Sound


def context_of(house: House, body: object = PLACE, **headers: str) -> Context:
    """What the bus is told about an order that was placed with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    assert house.post("/v1/orders", body, headers=named).status_code == 201
    context: Context = house.bus.context
    return context


@pytest.mark.parametrize("sound", COMMANDS, ids=lambda sound: sound.operation)
def test_a_sound_request_becomes_its_command(sound: Sound) -> None:
    house = House()
    response = house.post(sound.path, sound.body)
    assert response.is_success, response.text
    assert house.bus.command == sound.command
    assert house.operator.errors == []


def test_every_command_route_is_tried() -> None:
    routes = {route.name for route in House().app.routes if isinstance(route, CommandRoute)}
    assert routes == {sound.operation for sound in COMMANDS}


def test_a_new_order_is_created_somewhere() -> None:
    response = House().post("/v1/orders", PLACE)
    assert response.status_code == 201
    assert response.headers["location"] == "/v1/orders/A1"
    assert response.headers["ordinal-position"] == "42"
    assert response.headers["etag"] == '"3"'
    assert "idempotent-replayed" not in response.headers
    assert response.json()["outcome"] == "done"


def test_an_order_that_was_there_already_is_not_created() -> None:
    response = House(Recorder(changed=False)).post("/v1/orders", PLACE)
    assert response.status_code == 200
    assert "location" not in response.headers


def test_a_repeat_says_so() -> None:
    response = House(Recorder(replayed=True)).post("/v1/orders", PLACE)
    assert response.headers["idempotent-replayed"] == "true"


def test_the_context_says_who_asks_and_for_which_channel() -> None:
    context = context_of(House(), x_request_id="r-1")
    assert (context.actor, context.channel, context.correlation_id) == ("key-1", "web", "r-1")
    assert (context.occurred_at, context.expected_version, context.traceparent) == (None,) * 3


def test_a_trace_is_handed_on_and_names_the_request() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    context = context_of(House(), traceparent=trace)
    assert context.traceparent == trace
    assert context.correlation_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_quoted_and_bare_keys_are_the_same_key() -> None:
    bare = context_of(House(), idempotency_key="first-order")
    quoted = context_of(House(), idempotency_key='"first-order"')
    other = context_of(House(), idempotency_key="second-order")
    assert bare.command_id == quoted.command_id != other.command_id
    assert bare.command_id.version == 5


def test_callers_have_keys_of_their_own() -> None:
    mine = context_of(House(), idempotency_key="first-order")
    theirs = context_of(House(caller="key-2"), idempotency_key="first-order")
    assert mine.command_id != theirs.command_id


def test_channels_of_one_caller_have_keys_of_their_own() -> None:
    web = context_of(House(channel="web"), idempotency_key="first-order")
    shop = context_of(House(channel="shop"), idempotency_key="first-order")
    assert web.command_id != shop.command_id


@pytest.mark.parametrize("spelled", [{}, {"priority": 0}], ids=["usual", "spelled"])
def test_a_key_is_looked_up_by_its_former_id_while_receipts_of_that_time_are_kept(
    spelled: dict[str, Any],
) -> None:
    """The id and the fingerprint are those of the version before channels had keys."""
    asked = PLACE | spelled
    context = context_of(House(former_keys=True), asked, idempotency_key="first-order")
    assert context.former_id == uuid5(ORDINAL_NAMESPACE, "key-1\nfirst-order")
    body = PlaceOrderBody.model_validate(asked).model_dump_json(exclude_unset=True)
    assert ('"priority":0' in body) == bool(spelled)
    assert context.former_fingerprint == sha256(f"POST /v1/orders\n{body}".encode()).digest()
    assert context_of(House(), idempotency_key="first-order").former_id is None
    assert context_of(House(former_keys=True)).former_id is None


def test_without_a_key_every_command_is_a_new_one() -> None:
    house = House()
    assert context_of(house).command_id != context_of(house).command_id


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, '"', '""', "käse", '"a"b'])
def test_a_bad_idempotency_key_is_refused(key: str) -> None:
    response = House().ask("POST", "/v1/orders", json=PLACE, headers={"Idempotency-Key": key})
    assert (response.status_code, fields(response)) == (400, {"Idempotency-Key"})


def test_the_fingerprint_is_that_of_the_request_and_not_of_its_writing() -> None:
    first = context_of(House())
    other_way_round = dict(reversed(PLACE.items()))
    assert context_of(House(), other_way_round).fingerprint == first.fingerprint
    assert len(first.fingerprint) == 32


@pytest.mark.parametrize(
    "changed", [{"reference": "web-2"}, {"lines": [LINE | {"quantity": 3}]}, {"priority": 1}]
)
def test_another_request_has_another_fingerprint(changed: dict[str, object]) -> None:
    first = context_of(House())
    assert context_of(House(), PLACE | changed).fingerprint != first.fingerprint


def test_a_default_that_is_spelled_out_changes_no_fingerprint() -> None:
    spelled = PLACE | {"priority": 0, "customer_id": None, "lines": [LINE | {"tax": 0}]}
    assert context_of(House(), spelled).fingerprint == context_of(House()).fingerprint


def test_the_fingerprint_tells_routes_apart() -> None:
    house = House()
    house.post(f"{ORDER}/cancel", WHY)
    cancelled = house.bus.context
    house.post(f"{ORDER}/reject", WHY)
    assert house.bus.context.fingerprint != cancelled.fingerprint


@pytest.mark.parametrize("stated", ['"7"', "7"])
def test_a_version_can_be_demanded(stated: str) -> None:
    assert context_of(House(), if_match=stated).expected_version == 7


@pytest.mark.parametrize("stated", ["*", "", '"', "-1", '"a"', "7, 8", 'W/"7"', "9" * 30])
def test_a_bad_version_is_refused(stated: str) -> None:
    response = House().post("/v1/orders", PLACE, headers={"If-Match": stated})
    assert (response.status_code, fields(response)) == (400, {"If-Match"})


def test_history_can_be_written_with_its_scope() -> None:
    context = context_of(House(), ordinal_occurred_at="2010-12-01T08:26:00Z")
    assert context.occurred_at is not None
    assert context.occurred_at.isoformat() == "2010-12-01T08:26:00+00:00"


def test_history_cannot_be_written_without_its_scope() -> None:
    response = House().post(
        "/v1/orders",
        PLACE,
        key="orders:write",
        headers={"Ordinal-Occurred-At": "2010-12-01T08:26:00Z"},
    )
    assert response.status_code == 403
    assert problem(response)["scope"] == "history:write"


@pytest.mark.parametrize(
    "stated", ["", "yesterday", "0.5", "2010-12-01T08:26:00", "0001-01-01T00:00:00Z"]
)
def test_a_bad_time_is_refused(stated: str) -> None:
    response = House().post("/v1/orders", PLACE, headers={"Ordinal-Occurred-At": stated})
    assert (response.status_code, fields(response)) == (400, {"Ordinal-Occurred-At"})


def test_a_key_without_a_channel_places_no_orders() -> None:
    response = House(channel=None).post("/v1/orders", PLACE)
    assert (response.status_code, kind(response)) == (403, "forbidden")


def test_an_order_without_a_reference_is_named_after_its_command() -> None:
    house = House()
    body = {name: value for name, value in PLACE.items() if name != "reference"}
    for _ in range(2):
        house.post("/v1/orders", body, headers={"Idempotency-Key": "k"})
    (first, context), (second, _) = house.bus.asked
    assert first.order_id == second.order_id
    assert context.command_id.hex not in (ORDINAL_NAMESPACE.hex, first.order_id)


def test_every_write_route_and_only_they_are_commands() -> None:
    commands = {sound.operation for sound in COMMANDS} | {"place_orders"}
    commands |= {"create_key", "rotate_key", "revoke_key"}
    for operation, scope in SCOPES.items():
        assert (operation in commands) == (not scope.endswith(":read"))


def test_an_order_goes_all_the_way_through_the_real_handlers() -> None:
    house = House(MemoryBus())
    house.post("/v1/locations", {"location": "BER", "country": "DE"})
    house.post("/v1/stock/register", ITEM)
    house.post("/v1/stock/receive", ITEM | {"quantity": 3, "document": "PO-1"})
    placed = house.post("/v1/orders", PLACE, headers={"Idempotency-Key": "k"})
    assert (placed.status_code, placed.json()["outcome"]) == (201, "placed")
    again = house.post("/v1/orders", PLACE, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.content) == (201, placed.content)
    assert again.headers["idempotent-replayed"] == "true"
    under_another_key = house.post("/v1/orders", PLACE)
    assert (under_another_key.status_code, under_another_key.json()["changed"]) == (200, False)


def test_the_domain_refuses_in_its_own_words() -> None:
    house = House(MemoryBus())
    house.post("/v1/locations", {"location": "BER", "country": "DE"})
    house.post("/v1/stock/register", ITEM)
    short = house.post("/v1/orders", PLACE)
    assert (short.status_code, kind(short)) == (409, "insufficient-stock")
    assert problem(short)["available"] == {ITEM["sku"]: 0}
    unknown = house.post("/v1/stock/receive", ITEM | {"sku": "?", "quantity": 1, "document": "d"})
    assert (unknown.status_code, kind(unknown)) == (404, "unknown-stock-item")
    stale = house.post("/v1/stock/resume", ITEM, headers={"If-Match": '"9"'})
    assert (stale.status_code, kind(stale)) == (412, "stale-version")
    house.post("/v1/stock/resume", ITEM, headers={"Idempotency-Key": "k"})
    reused = house.post("/v1/stock/suspend", ITEM | WHY, headers={"Idempotency-Key": "k"})
    assert (reused.status_code, kind(reused)) == (422, "key-reused")
