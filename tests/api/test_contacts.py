"""Personal data is read with a reason, and who read it is kept for auditors."""

import pytest

from api.reach import reach_of
from commands.handling import Contact
from tests.api.house import House, fields
from tests.api.requests import ID, ORDER

CONTACTS = f"{ORDER}/contacts"


def house() -> House:
    house = House(caller="desk")
    house.vault.orders[ID] = {"shipping": Contact(contact_id="c", name="Ada")}
    return house


def test_a_look_is_kept_with_who_and_why_and_nobody_may_keep_the_answer() -> None:
    shop = house()
    told = shop.get(CONTACTS, headers={"Ordinal-Reason": "lost parcel"})
    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    shop.get(CONTACTS, headers={"Ordinal-Reason": "again", "Ordinal-On-Behalf-Of": "Zora"})
    kept = shop.get("/v1/contact-reads")
    assert kept.headers["cache-control"] == "no-store"
    rows = kept.json()["items"]
    assert [(row["caller"], row["person"], row["reason"]) for row in rows] == [
        ("desk", "Zora", "again"),
        ("desk", None, "lost parcel"),
    ]
    assert {row["order_id"] for row in rows} == {ID}
    assert rows[1]["request_id"] == told.headers["x-request-id"]


@pytest.mark.parametrize("reason", ["", " ", "x" * 10_000])
def test_without_a_reason_nothing_is_told(reason: str) -> None:
    shop = house()
    refused = shop.get(CONTACTS, headers={"Ordinal-Reason": reason})
    assert (refused.status_code, fields(refused)) == (422, {"Ordinal-Reason"})
    assert shop.vault.kept == []


def test_looks_are_pages() -> None:
    shop = house()
    for number in range(3):
        shop.get(CONTACTS, headers={"Ordinal-Reason": f"reason {number}"})
    first = shop.get("/v1/contact-reads?limit=2").json()
    rest = shop.get(f"/v1/contact-reads?limit=2&before={first['next']}").json()
    assert [row["reason"] for row in rest["items"]] == ["reason 0"]
    assert rest["next"] is None
    assert shop.get("/v1/contact-reads?order_id=another").json()["items"] == []


def test_who_is_narrowed_sees_no_access_log() -> None:
    shop = House(reach=reach_of({"channel": ["web"]}))
    assert shop.get("/v1/contact-reads").status_code == 403
