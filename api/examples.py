"""A body for each command, which a shop that has come so far accepts as it stands here."""

from collections.abc import Mapping
from typing import Any

ITEM = {"location": "BER", "sku": "TEA-GREEN-100"}
WHY = {"reason": "customer asked for it"}
LATER, LATEST = "2030-05-01T12:00:00Z", "2030-06-01T12:00:00Z"
LINE = {"line": 1, "quantity": 1}
MONEY = {"provider": "stripe", "currency": "EUR"}

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "register_location": {"location": "BER", "country": "DE", "zones": ["DE"], "priority": 1},
    "change_location": {"country": "DE", "zones": ["DE", "AT"], "priority": 1},
    "close_location": {"reason": "moved to Hamburg"},
    "set_sourcing_policy": {"rules": ["fewest_splits", "zone", "priority", "id"], "max_splits": 2},
    "set_order_policy": {"expire_unpaid_after": 86_400, "complete_by_itself": True},
    "register_stock_item": {**ITEM, "title": "Green tea", "codes": ["4006381333931"]},
    "set_stock_title": {**ITEM, "title": "Green tea, 100 g"},
    "set_stock_codes": {**ITEM, "codes": ["4006381333931", "TEA-G"]},
    "set_stock_policy": {
        **ITEM,
        "backorder_limit": 100,
        "safety_stock": 1,
        "reorder_point": 10,
        "reorder_quantity": 50,
    },
    "suspend_stock_item": {**ITEM, "reason": "recalled"},
    "resume_stock_item": ITEM,
    "discontinue_stock_item": {**ITEM, "reason": "no longer made"},
    "expect_stock": {**ITEM, "document": "PO-7", "quantity": 50, "eta": LATER},
    "receive_stock": {
        **ITEM,
        "document": "PO-7",
        "quantity": 40,
        "unit_cost": 450,
        "currency": "EUR",
        "lot": "L-2024-05",
    },
    "adjust_stock": {**ITEM, "delta": -1, "reason": "broken", "reference": "A-17"},
    "count_stock": {**ITEM, "counted": 38},
    "move_stock_state": {
        **ITEM,
        "from_state": "sellable",
        "to_state": "damaged",
        "quantity": 1,
        "reason": "torn",
    },
    "fill_backorders": ITEM,
    "reserve_stock": {
        **ITEM,
        "owner": "cart-7",
        "quantity": 2,
        "expires_at": LATER,
        "reservation_id": "R-7",
    },
    "extend_reservation": {**ITEM, "reservation_id": "R-7", "expires_at": LATEST},
    "release_reservation": {**ITEM, "reservation_id": "R-7", "reason": "cart emptied"},
    "place_hold": {"reason": "odd address", "hold_id": "address"},
    "source_order": {"excluded": ["HAM"]},
    "record_payment": {**MONEY, "provider_ref": "ch_1", "amount": 3_998, "payment_id": "P1"},
    "record_refund": {
        **MONEY,
        "payment_id": "P1",
        "provider_ref": "re_1",
        "amount": 500,
        "cause": "goodwill",
    },
    "reject_order": {"reason": "fraud"},
    "cancel_order": WHY,
    "cancel_lines": {"lines": [LINE], **WHY},
    "open_fulfilment_orders": {"fulfil_by": LATER},
    "cancel_fulfilment_order": {"reason": "the shelf is blocked"},
    "start_pick": {"picker": "Ada"},
    "confirm_pick": {**LINE, "codes": ["4006381333931"]},
    "report_short": LINE,
    "pack": {"parcels": 1, "packer": "Ada"},
    "verify_pack": {"verifier": "Ben"},
    "dispatch_shipment": {"carrier": "DHL", "tracking": "JD014600001"},
    "dispatch_cancelled": {"location": "BER", "lines": [LINE], "carrier": "DHL"},
    "record_tracking": {"status": "in transit", "at": "2024-05-01T12:00:00Z", "location": "Erfurt"},
    "confirm_delivery": {"proof": "put into the parcel box"},
    "report_returned": {"reason": "nobody at home"},
    "report_lost": {"reason": "the carrier says so"},
    "close_order_exception": {"reason": "asked the warehouse"},
    "create_key": {
        "name": "packing table 1",
        "roles": ["warehouse"],
        "reach": {"location": ["BER"]},
        "expires_at": LATEST,
    },
    "rotate_key": {"overlap_hours": 24},
}
