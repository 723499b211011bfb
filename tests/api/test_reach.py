"""What a caller does not reach looks as if it did not exist."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.granting import NotGrantable, granting
from api.reach import DIMENSIONS, Reach, reach_of
from api.scopes import ALL_SCOPES, NARROWED, ROLES, SCOPES, granted
from commands.handling import Contact
from projections.order_status_rows import OrderStatusRow
from projections.reporting_queries import FillRateRow
from tests.api.house import House
from tests.api.test_reads import START, fact, item, line, order, work
from verbs.access import PAGE, page

OWN, FOREIGN, MISSING = (f"00000000-0000-5000-8000-{number:012}" for number in (1, 2, 9))
READS = ("", "/lines", "/fulfilment-orders", "/shipments", "/timeline", "/contacts")


def house(**reach: str) -> House:
    """An order of channel web, one of channel shop, and their work and stock."""
    house = House(reach=reach_of({name: [value] for name, value in reach.items()}))
    parts: list[Any] = []
    for order_id in (OWN, FOREIGN):
        parts += [line(1), work(1), fact(1)]
        for part in parts[-3:]:
            part.order_id = order_id
        house.vault.orders[order_id] = {"shipping": Contact(contact_id="c", name="Ada")}
    house.rows.rows = [
        order(1, channel="web", customer_id="c1"),
        order(2, channel="shop", customer_id="c2", country="AT", currency="CHF"),
        *parts,
        item("BER", "TEA", 3),
        item("VIE", "TEA", 4),
    ]
    return house


def told(response: httpx.Response) -> tuple[int, str]:
    """All that is said, but for what the caller said and the request's own id."""
    text = re.sub(
        "|".join((OWN, FOREIGN, MISSING, response.headers["x-request-id"])), "*", response.text
    )
    return response.status_code, text


@pytest.mark.parametrize("by", ["channel", "customer", "country", "currency"])
@pytest.mark.parametrize("path", READS)
def test_an_order_of_others_reads_like_one_that_is_not_there(by: str, path: str) -> None:
    own = {"channel": "web", "customer": "c1", "country": "DE", "currency": "EUR"}[by]
    shop = house(**{by: own})
    assert shop.get(f"/v1/orders/{OWN}{path}").status_code == 200
    foreign, missing = (shop.get(f"/v1/orders/{each}{path}") for each in (FOREIGN, MISSING))
    assert foreign.status_code == 404
    assert told(foreign) == told(missing)


def test_lists_hold_only_what_is_within_reach() -> None:
    shop = house(channel="web")
    assert [row["order_id"] for row in shop.get("/v1/orders").json()["items"]] == [OWN]
    for wanted in ("channel=shop", "reference=web-2", "customer_id=c2"):
        assert shop.get(f"/v1/orders?{wanted}").json() == {"items": [], "next": None}
    found = shop.get("/v1/fulfilment-orders?location=BER").json()["items"]
    assert [row["order_id"] for row in found] == [OWN]


def test_a_place_sees_its_work_and_its_stock_and_no_order() -> None:
    berlin = house(location="BER")
    assert len(berlin.get("/v1/fulfilment-orders?location=BER").json()["items"]) == 2
    assert berlin.get("/v1/inventory").json()["items"][0]["location"] == "BER"
    assert berlin.get("/v1/inventory/by-sku?sku=TEA").json()["on_hand"] == 3
    foreign = berlin.get("/v1/inventory/item?location=VIE&sku=TEA")
    missing = berlin.get("/v1/inventory/item?location=OSL&sku=TEA")
    assert foreign.status_code == 404
    assert told(foreign)[1].replace("VIE", "OSL") == told(missing)[1]
    assert berlin.get("/v1/orders").json()["items"] == []
    assert berlin.get(f"/v1/orders/{OWN}").status_code == 404


def test_reports_sum_up_what_is_within_reach() -> None:
    shop = house(channel="web")
    sums = {"order_day": START.date(), "country": "DE", "sku": "TEA", "fill_rate": None}
    counted = {"units": 1, "units_allocated": 1, "units_backordered": 0}
    shop.rows.rows += [
        FillRateRow(channel=channel, **sums, **counted)  # type: ignore[arg-type]
        for channel in ("web", "shop")
    ]
    found = shop.get("/v1/reports/fill-rate").json()["items"]
    assert [row["channel"] for row in found] == ["web"]


def test_a_reach_of_several_values_reaches_each_of_them() -> None:
    both = House(reach=Reach({"channel": frozenset({"web", "shop"})}))
    both.rows.rows = [order(1), order(2, channel="shop"), order(3, channel="pos")]
    found: list[OrderStatusRow] = both.get("/v1/orders").json()["items"]
    assert len(found) == 2


def test_a_reach_by_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="planet"):
        reach_of({"planet": ["mars"]})
    assert reach_of({}) is None


def test_no_route_reads_around_the_reach() -> None:
    """Only a decision that nobody is told looks at all rows."""
    around = [
        file.name
        for file in Path("api").glob("*.py")
        if "rows.fetch(" in file.read_text(encoding="utf-8")
    ]
    assert sorted(around) == ["api_request.py", "locations.py"]


def test_the_page_about_access_has_the_tables_of_the_code() -> None:
    """`ordinal access --write` brings it up to date."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text
    assert len(re.findall(r"^\| `(GET|POST) ", text, re.MULTILINE)) == len(SCOPES)


def test_roles_allow_what_there_is_and_are_narrowed_by_what_there_is() -> None:
    assert {scope for scopes in ROLES.values() for scope in scopes} <= set(ALL_SCOPES)
    assert set(NARROWED.values()) <= set(DIMENSIONS)
    assert "orders:place" in granted(["service"], ())
    assert granted(["no such role"], ()) == frozenset()


def grant(**stated: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "n", "channel": "web", "caller": None, "roles": (), "scopes": (), "reach": {},
        "expires_at": None,
    }  # fmt: skip
    return granting(**given | stated)


def test_a_channels_key_is_narrowed_to_its_channel_unless_others_are_named() -> None:
    assert grant(roles=["channel"])["reach"] == (("channel", ("web",)),)
    named = grant(roles=["channel"], reach={"channel": ["web", "pos"]})
    assert named["reach"] == (("channel", ("web", "pos")),)
    assert grant(scopes=["orders:read"])["reach"] == ()


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"roles": ["king"]}, "no such role: king"),
        ({"scopes": ["orders:eat"]}, "no such scope: orders:eat"),
        ({"reach": {"planet": ["mars"]}}, "no such reach: planet"),
        ({"roles": ["customer"]}, "name the customer"),
        ({"roles": ["warehouse"], "reach": {"channel": ["web"]}}, "name the location"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(stated: dict[str, Any], why: str) -> None:
    with pytest.raises(NotGrantable, match=why):
        grant(**stated)
