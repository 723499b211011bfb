"""One order on its way through everything: HTTP, log, Kafka, read models, and back."""

import json
from collections import defaultdict

from tests.e2e.asking import Shop, await_lag_zero, read_everything
from tests.faults.system import SKU


def test_an_order_is_seen_in_every_read_model_as_soon_as_its_position_is_named(
    shop: Shop,
) -> None:
    placed = shop.place("web-1", quantity=3, customer_id="c-77")
    order_id = placed.json()["id"]
    order = shop.read(f"/v1/orders/{order_id}", placed)
    assert (order["reference"], order["customer_id"]) == ("web-1", "c-77")
    assert (order["units_ordered"], order["units_allocated"], order["total"]) == (3, 3, 750)
    assert shop.read("/v1/orders?reference=web-1&channel=web", placed)["items"] == [order]
    (line,) = shop.read(f"/v1/orders/{order_id}/lines", placed)["items"]
    assert line["allocated_at"] == {"LEEDS": 3}
    stock = shop.read(f"/v1/inventory/by-sku?sku={SKU}", placed)
    assert (stock["on_hand"], stock["allocated"], stock["available"]) == (5, 3, 2)
    (day,) = shop.read("/v1/reports/daily?channel=web", placed)["items"]
    assert (day["orders"], day["units"], day["revenue"], day["currency"]) == (1, 3, 750, "GBP")
    facts = shop.read(f"/v1/orders/{order_id}/timeline", placed)["items"]
    assert {fact["actor"] for fact in facts} == {"customers"}
    shop.system.check()


def test_a_repeat_gets_the_same_answer_and_does_nothing(shop: Shop) -> None:
    first = shop.place("web-1")
    again = shop.system.order(shop.api, "web-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.body == first.body
    assert shop.system.head() == first.json()["position"]
    other = shop.system.order(shop.api, "web-1", quantity=2)
    assert other.status == 422
    assert other.json()["type"] == "urn:ordinal:problem:key-reused"


def test_a_location_closes_when_its_work_is_done(shop: Shop) -> None:
    order_id = shop.place("web-1").json()["id"]
    paid = {"provider": "bank", "provider_ref": "b-1", "amount": 250, "currency": "GBP"}
    shop.do(f"/orders/{order_id}/payments", paid | {"payment_id": "P1"})
    shop.do(f"/orders/{order_id}/confirm", {})
    shop.do(f"/orders/{order_id}/fulfilment-orders", {})
    refused = shop.system.post(shop.api, "/locations/LEEDS/close", {"reason": "moved out"})
    assert refused.status == 409
    assert refused.json()["fulfilment_orders"] == [f"{order_id} F1"]
    shop.do(f"/orders/{order_id}/fulfilment-orders/F1/cancel", {"reason": "moved out"})
    closed = shop.do("/locations/LEEDS/close", {"reason": "moved out"})
    assert closed.json()["outcome"] == "closed"


def test_a_stranger_finds_every_event_on_the_topics_once_and_in_order(shop: Shop) -> None:
    system = shop.system
    for number in range(5):
        shop.place(f"web-{number}")
    await_lag_zero(system)
    versions = defaultdict[str, list[int]](list)
    found = {}
    for message in read_everything(system):
        if ".events." in message.topic:
            event = message.json()
            assert message.key.decode() == event["stream_id"]
            versions[event["stream_id"]].append(event["stream_version"])
            position = int(message.headers["position"])
            assert position not in found
            found[position] = event
    assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())
    stored = system.rows("SELECT notification_id, state FROM ordinal.stored_events")
    assert found == {position: json.loads(bytes(state)) for position, state in stored}
