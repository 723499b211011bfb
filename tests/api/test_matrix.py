"""Every route by role and by whose object: derived from the code, so that none is forgotten.

What is not ours and what is not there are answered alike, byte for byte but for what the caller
said and the request's own id. What is ours is never answered so.
"""

import json
import re
from copy import deepcopy
from typing import Any

import httpx
import pytest

from api.scopes import NARROWED, ROLES, SCOPES, granted
from tests.api.house import House
from tests.api.requests import COMMANDS, ID
from tests.api.worlds import BY, MISSING, World, house_of

READS = {
    "list_orders": "/v1/orders?reference={0.reference}",
    "get_order": "/v1/orders/{0.order_id}",
    "list_order_lines": "/v1/orders/{0.order_id}/lines",
    "list_order_fulfilments": "/v1/orders/{0.order_id}/fulfilment-orders",
    "list_order_shipments": "/v1/orders/{0.order_id}/shipments",
    "get_timeline": "/v1/orders/{0.order_id}/timeline",
    "get_contacts": "/v1/orders/{0.order_id}/contacts",
    "list_payments": "/v1/payments?provider_ref={0.reference}",
    "list_order_payments": "/v1/orders/{0.order_id}/payments",
    "get_payment": "/v1/orders/{0.order_id}/payments/P1",
    "list_reservations": "/v1/reservations?location={0.location}",
    "list_locations": "/v1/locations?country={0.country}",
    "get_location": "/v1/locations/{0.location}",
    "get_sourcing_policy": "/v1/sourcing-policy",
    "get_order_policy": "/v1/order-policy",
    "list_fulfilment_orders": "/v1/fulfilment-orders?location={0.location}",
    "list_inventory": "/v1/inventory?location={0.location}",
    "get_stock_item": "/v1/inventory/item?location={0.location}&sku={0.sku}",
    "get_sku_inventory": "/v1/inventory/by-sku?sku={0.sku}",
    "list_movements": "/v1/inventory/movements?location={0.location}&sku={0.sku}",
    "report_daily": "/v1/reports/daily?channel={0.channel}",
    "report_skus": "/v1/reports/skus?channel={0.channel}",
    "report_fill_rate": "/v1/reports/fill-rate?channel={0.channel}",
    "report_lead_times": "/v1/reports/lead-times?channel={0.channel}",
}
BODIES = {sound.operation: sound for sound in COMMANDS}
# They take a key that is narrowed by nothing.
OFFICE = {
    "list_contact_reads": ("GET", "/v1/contact-reads"),
    "list_keys": ("GET", "/v1/keys"),
    "create_key": ("POST", "/v1/keys"),
    "rotate_key": ("POST", "/v1/keys/0123456789ab/rotate"),
    "revoke_key": ("POST", "/v1/keys/0123456789ab/revoke"),
}
PLACING = {"place_order", "place_orders"}
# What these make or change for all belongs to nobody in particular.
OF_ALL = {"set_order_policy", "set_sourcing_policy"}
ON_STOCK = {name for name, sound in BODIES.items() if sound.path.startswith("/v1/stock")}
ON_PLACES = {name for name, sound in BODIES.items() if sound.path.startswith("/v1/locations")}
ON_WORK = {
    name
    for name, sound in BODIES.items()
    if "/fulfilment-orders/" in sound.path or "/shipments/" in sound.path
} | {"dispatch_cancelled", "list_fulfilment_orders"}
# What a place holds is no channel's: it is read under any reach but a customer's.
OF_PLACES = {
    "list_inventory", "get_stock_item", "get_sku_inventory", "list_locations", "get_location",
}  # fmt: skip
OF_LEDGER = {"list_movements", "list_reservations"}
# What holds for all of the shop may be known to all who may read such things.
OF_THE_SHOP = {"get_sourcing_policy", "get_order_policy"}


def spoken(operation: str, world: World) -> tuple[str, str, Any]:
    """A request about the things of this world."""
    if operation in READS:
        return "GET", READS[operation].format(world), None
    if operation in OFFICE:
        return *OFFICE[operation], None
    sound = BODIES.get(operation) or BODIES["place_order"]
    names = {
        ID: world.order_id, "F1": world.work, "S1": world.shipment, "BER": world.location,
        "TEA/GREEN 100%": world.sku, "DE": world.country, "EUR": world.currency,
    }  # fmt: skip
    path, body = sound.path, deepcopy(sound.body)
    if operation in PLACING:
        body = {k: v for k, v in (body or {}).items() if k != "reservations"}
        body |= {"customer_id": world.customer, "reference": f"new-{world.reference}"}
    for said, meant in names.items():
        path = path.replace(said, meant)
        body = json.loads(json.dumps(body).replace(f'"{said}"', f'"{meant}"'))
    return "POST", path if operation != "place_orders" else "/v1/orders/bulk", body


def asked(house: House, operation: str, role: str, world: World) -> httpx.Response:
    method, path, body = spoken(operation, world)
    key = ",".join(granted([role], ()))
    if operation != "place_orders":
        return house.ask(method, path, key=key, json=body)
    headers = {"Content-Type": "application/x-ndjson"}
    return house.ask(method, path, key=key, content=json.dumps(body).encode(), headers=headers)


def told(response: httpx.Response, world: World) -> tuple[int, str, str]:
    """Status and body, but for what the caller said and the request's own id."""
    said = [response.headers["x-request-id"], world.order_id, world.location, world.sku]
    said += [world.reference]
    text = re.sub("|".join(map(re.escape, said)), "*", response.text)
    return response.status_code, response.headers.get("location", ""), text


def within(operation: str, by: str) -> bool:
    """Whether things of ours can be within a reach by this."""
    if operation in OF_ALL:
        return False
    if operation in ON_STOCK | OF_LEDGER:
        return by == "location"
    if operation in ON_PLACES:
        return by in ("location", "country")
    if operation in OF_PLACES:
        return by != "customer"
    if operation in ON_WORK:
        return True
    return by != "location"


def test_every_route_is_in_the_matrix() -> None:
    assert set(SCOPES) == {*READS, *BODIES, *OFFICE, "place_orders"}


CASES = [
    (operation, role, by)
    for operation in SCOPES
    for role in ROLES
    for by in ([NARROWED[role]] if role in NARROWED else BY)
]


@pytest.mark.parametrize(("operation", "role", "by"), CASES, ids=lambda value: value)
def test_what_is_not_ours_is_answered_like_what_is_not_there(
    operation: str, role: str, by: str
) -> None:
    house, worlds = house_of(by)
    own = asked(house, operation, role, worlds["web"])
    foreign = asked(house, operation, role, worlds["shop"])
    missing = asked(house, operation, role, MISSING)
    if operation in OFFICE or SCOPES[operation] not in granted([role], ()):
        assert {own.status_code, foreign.status_code, missing.status_code} == {403}
        return
    if operation in OF_THE_SHOP or (operation in OF_PLACES and by not in ("location", "customer")):
        assert foreign.status_code == 200
        return
    if operation in PLACING and by == "channel":
        # The channel is the key's own, whatever is ordered.
        return
    assert told(foreign, worlds["shop"]) == told(missing, MISSING)
    hidden = told(own, worlds["web"])[::2] == told(missing, MISSING)[::2]
    empty = SCOPES[operation] == "reports:read" or operation == "list_movements"
    assert hidden is (empty or not within(operation, by)), own.text
