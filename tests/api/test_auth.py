"""Who may do what: every route against no key, and against every scope."""

import pytest

from api.openapi import openapi
from api.scopes import ALL_SCOPES, SCOPES, granted
from tests.api.house import House, kind, problem
from tests.api.requests import COMMANDS, ID, PLACE

OPEN = {"health", "ready", "metrics"}
BODIES = {sound.operation: sound for sound in COMMANDS}


def routes() -> list[tuple[str, str, str]]:
    """Operation, method and path of every documented route."""
    paths = openapi(House().app)["paths"]
    return [
        (operation["operationId"], method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


GUARDED = [route for route in routes() if route[0] not in OPEN]


def concrete(operation: str, path: str) -> tuple[str, object]:
    sound = BODIES.get(operation)
    if sound is not None:
        return sound.path, sound.body
    names = {"payment_id": "P1", "location": "BER", "key_id": "0123456789ab"}
    return path.format(order_id=ID, **names), None


def needed(operation: str) -> str:
    return SCOPES[operation]


def test_every_route_has_a_scope_and_every_scope_in_the_table_a_route() -> None:
    assert {operation for operation, _, _ in GUARDED} == set(SCOPES)


@pytest.mark.parametrize(("operation", "method", "path"), GUARDED, ids=lambda value: value)
def test_a_route_opens_to_its_scope_only(operation: str, method: str, path: str) -> None:
    house = House()
    url, body = concrete(operation, path)
    for scope in ALL_SCOPES:
        response = house.ask(method, url, key=scope, json=body)
        refused = response.status_code == 403
        assert refused == (needed(operation) not in granted((), [scope])), (scope, response.text)
        if refused:
            assert problem(response)["scope"] == needed(operation)


@pytest.mark.parametrize(("operation", "method", "path"), GUARDED, ids=lambda value: value)
def test_a_route_is_shut_without_a_key(operation: str, method: str, path: str) -> None:
    house = House()
    url, body = concrete(operation, path)
    others = ",".join(s for s in ALL_SCOPES if needed(operation) not in granted((), [s]))
    assert house.ask(method, url, key=others, json=body).status_code == 403
    for key in (None, "unknown", ""):
        response = house.ask(method, url, key=key, json=body)
        assert (response.status_code, kind(response)) == (401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert house.bus.asked == []


@pytest.mark.parametrize(
    "authorization", ["Basic b3JkZXJzOndyaXRl", "orders:write", "Bearer", "Bearer \xff", "bearer"]
)
def test_what_is_no_bearer_key_is_no_key(authorization: str) -> None:
    response = House().post("/v1/orders", PLACE, key=None, headers={"Authorization": authorization})
    assert response.status_code == 401


def test_the_kind_of_the_key_is_written_as_one_likes() -> None:
    headers = {"Authorization": "bEARER orders:write"}
    assert House().post("/v1/orders", PLACE, key=None, headers=headers).status_code == 201


def test_the_key_is_checked_before_the_body_is_read() -> None:
    house = House(max_body_bytes=10)
    assert house.post("/v1/orders", PLACE, key=None).status_code == 401
    assert house.post("/v1/orders", PLACE, key="orders:read").status_code == 403


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/docs", "/openapi.json"])
def test_what_operators_and_readers_need_is_open(path: str) -> None:
    assert House().get(path, key=None).status_code == 200
