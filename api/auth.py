"""Who may do what: the one table of routes and scopes."""

from collections.abc import Mapping
from typing import Literal, get_args

from api.ports import Caller, Keys
from api.problems import Forbidden, Unauthenticated

Scope = Literal[
    "orders:write",
    "orders:read",
    "stock:write",
    "stock:read",
    "fulfilment:write",
    "payments:write",
    "contacts:read",
    "reports:read",
    "history:write",
    "admin",
]
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)

SCOPES: Mapping[str, Scope] = {
    "place_order": "orders:write",
    "confirm_order": "orders:write",
    "reject_order": "orders:write",
    "cancel_order": "orders:write",
    "cancel_lines": "orders:write",
    "place_hold": "orders:write",
    "release_hold": "orders:write",
    "source_order": "orders:write",
    "complete_order": "orders:write",
    "list_orders": "orders:read",
    "get_order": "orders:read",
    "list_order_lines": "orders:read",
    "list_order_fulfilments": "orders:read",
    "list_order_shipments": "orders:read",
    "get_timeline": "orders:read",
    "get_contacts": "contacts:read",
    "list_fulfilment_orders": "orders:read",
    "open_fulfilment_orders": "fulfilment:write",
    "cancel_fulfilment_order": "fulfilment:write",
    "start_pick": "fulfilment:write",
    "confirm_pick": "fulfilment:write",
    "report_short": "fulfilment:write",
    "pack": "fulfilment:write",
    "verify_pack": "fulfilment:write",
    "dispatch_shipment": "fulfilment:write",
    "record_tracking": "fulfilment:write",
    "confirm_delivery": "fulfilment:write",
    "report_returned": "fulfilment:write",
    "report_lost": "fulfilment:write",
    "record_payment": "payments:write",
    "record_refund": "payments:write",
    "register_stock_item": "stock:write",
    "set_stock_policy": "stock:write",
    "suspend_stock_item": "stock:write",
    "resume_stock_item": "stock:write",
    "discontinue_stock_item": "stock:write",
    "expect_stock": "stock:write",
    "receive_stock": "stock:write",
    "adjust_stock": "stock:write",
    "count_stock": "stock:write",
    "move_stock_state": "stock:write",
    "fill_backorders": "stock:write",
    "reserve_stock": "stock:write",
    "extend_reservation": "stock:write",
    "release_reservation": "stock:write",
    "list_inventory": "stock:read",
    "get_stock_item": "stock:read",
    "get_sku_inventory": "stock:read",
    "list_movements": "stock:read",
    "report_daily": "reports:read",
    "report_skus": "reports:read",
    "report_fill_rate": "reports:read",
    "report_lead_times": "reports:read",
    "register_location": "admin",
    "change_location": "admin",
    "close_location": "admin",
    "set_sourcing_policy": "admin",
}


def authenticated(keys: Keys, authorization: bytes | None) -> Caller:
    """The holder of the bearer key in this header."""
    kind, _, secret = (authorization or b"").partition(b" ")
    if kind.lower() != b"bearer" or not secret:
        raise Unauthenticated("Send an API key: Authorization: Bearer <key>.")
    caller = keys.check(secret.decode("latin-1").strip())
    if caller is None:
        raise Unauthenticated("This API key is not known, or not in force any more.")
    return caller


def demand(caller: Caller, scope: Scope) -> None:
    """Refuse a caller whose key lacks this scope."""
    if scope not in caller.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.", scope=scope)
