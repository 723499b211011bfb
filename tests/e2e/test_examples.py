"""Every example of the OpenAPI document, posted as it is printed, in the order of a shop's life."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.e2e.asking import await_ready, get
from tests.faults.system import System

FIRST = (
    ("register_location", "/locations"),
    ("change_location", "/locations/BER/change"),
    ("set_sourcing_policy", "/sourcing-policy"),
    ("set_order_policy", "/order-policy"),
    ("register_stock_item", "/stock/register"),
    ("set_stock_title", "/stock/title"),
    ("set_stock_codes", "/stock/codes"),
    ("set_stock_policy", "/stock/policy"),
    ("suspend_stock_item", "/stock/suspend"),
    ("resume_stock_item", "/stock/resume"),
    ("expect_stock", "/stock/expect"),
    ("receive_stock", "/stock/receive"),
    ("adjust_stock", "/stock/adjust"),
    ("count_stock", "/stock/count"),
    ("move_stock_state", "/stock/move-state"),
    ("fill_backorders", "/stock/fill-backorders"),
    ("reserve_stock", "/stock/reserve"),
    ("extend_reservation", "/stock/extend-reservation"),
    ("release_reservation", "/stock/release-reservation"),
)
TO_WORK = (("confirm_order", "/confirm"), ("open_fulfilment_orders", "/fulfilment-orders"))
TO_PICKED = (*TO_WORK, ("start_pick", "/fulfilment-orders/F1/start-pick"))
TO_SENT = (
    *TO_PICKED,
    ("confirm_pick", "/fulfilment-orders/F1/pick"),
    ("report_short", "/fulfilment-orders/F1/short"),
    ("pack", "/fulfilment-orders/F1/pack"),
    ("verify_pack", "/shipments/S1/verify"),
    ("dispatch_shipment", "/shipments/S1/dispatch"),
)
LIVES = (
    (
        ("record_payment", "/payments"),
        ("place_hold", "/holds"),
        ("release_hold", "/holds/address/release"),
        *TO_SENT,
        ("source_order", "/source"),
        ("record_tracking", "/shipments/S1/tracking"),
        ("confirm_delivery", "/shipments/S1/deliver"),
        ("record_refund", "/refunds"),
    ),
    (*TO_SENT, ("report_lost", "/shipments/S1/lost")),
    (*TO_SENT, ("report_returned", "/shipments/S1/returned-to-sender")),
    (*TO_WORK, ("cancel_fulfilment_order", "/fulfilment-orders/F1/cancel")),
    (
        ("cancel_lines", "/cancel-lines"),
        ("dispatch_cancelled", "/dispatch-cancelled"),
        ("close_order_exception", "/exceptions/X1/close"),
    ),
    (("cancel_order", "/cancel"),),
    (("reject_order", "/reject"),),
)


def test_every_example_works_as_it_is_printed(system: System) -> None:
    system.open_shop()
    system.start("project")
    api = system.serve()
    await_ready(system, api)
    document = msgspec.json.decode(get(system, api, "/openapi.json").body)
    examples = {
        operation["operationId"]: content.get("example") or content["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
        if media_type == "application/json"
    }
    order = document["components"]["schemas"]["PlaceOrderBody"]["examples"][0]
    posted = {"place_order"}

    def ask(path: str, body: Any, operation: str) -> Any:
        answer = system.post(api, path, body)
        assert answer.status in (200, 201), (operation, answer.body)
        posted.add(operation)
        return msgspec.json.decode(answer.body)

    for operation, path in FIRST:
        ask(path, examples[operation], operation)
    for number, life in enumerate(LIVES):
        body = order | {"reference": f"web-{number}"}
        order_id = ask("/orders", body, "place_order")["id"]
        for operation, path in life:
            example = examples.get(operation, {})
            if operation == "record_payment":
                example = example | {"provider_ref": f"ch_{number}"}
            if operation == "record_tracking":
                # What a carrier says of a parcel is as old as the parcel's way, not as this text.
                example = example | {"at": datetime.now(UTC).isoformat()}
            ask(f"/orders/{order_id}{path}", example, operation)
    key = ask("/keys", examples["create_key"], "create_key")["key_id"]
    ask(f"/keys/{key}/rotate", examples["rotate_key"], "rotate_key")
    ask("/stock/discontinue", examples["discontinue_stock_item"], "discontinue_stock_item")
    assert examples.keys() - posted == {"close_location"}
