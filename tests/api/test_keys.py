"""An administrator makes, lists, rotates and revokes keys over HTTP."""

from typing import Any

import pytest

from api.reach import reach_of
from tests.api.house import House, fields, kind

NEW: dict[str, Any] = {"name": "shop", "channel": "shop", "roles": ["channel"]}


def test_a_key_is_made_shown_rotated_and_revoked() -> None:
    house = House(caller="ada")
    made = house.post("/v1/keys", NEW | {"expires_at": "2099-01-01T00:00:00Z"})
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    key_id, secret = made.json()["key_id"], made.json()["secret"]
    listed = house.get("/v1/keys")
    assert listed.headers["cache-control"] == "no-store"
    (shown,) = listed.json()["items"]
    assert (shown["roles"], shown["reach"]) == (["channel"], {"channel": ["shop"]})
    assert secret not in listed.text
    other = house.post(f"/v1/keys/{key_id}/rotate", {"overlap_hours": 1}).json()
    assert other["secret"] != secret
    assert house.post(f"/v1/keys/{key_id}/revoke").json() == {"key_id": key_id}
    assert house.key_office.done == [
        ("created", key_id, "ada"),
        ("created", other["key_id"], "ada"),
        ("revoked", key_id, "ada"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "shop"}, "roles"),
        (NEW | {"roles": ["king"]}, "roles"),
        (NEW | {"scopes": ["orders:eat"]}, "scopes"),
        (NEW | {"roles": ["customer"]}, "reach"),
        (NEW | {"reach": {"planet": ["mars"]}}, "reach"),
        (NEW | {"secret": "mine"}, "secret"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(body: dict[str, Any], field: str) -> None:
    house = House()
    refused = house.post("/v1/keys", body)
    assert refused.status_code == 422
    assert any(named.startswith(field) for named in fields(refused))
    assert house.key_office.keys == {}


@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_a_key_that_is_not_there_is_not_found(what: str) -> None:
    refused = House().post(f"/v1/keys/0123456789ab/{what}", {})
    assert (refused.status_code, kind(refused)) == (404, "unknown-key")


def test_who_is_narrowed_manages_no_keys() -> None:
    house = House(reach=reach_of({"channel": ["web"]}))
    assert house.get("/v1/keys").status_code == 403
    assert house.post("/v1/keys", NEW).status_code == 403
