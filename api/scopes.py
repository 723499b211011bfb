"""Who may do what: the one table of routes and scopes, and what people call sets of scopes."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

Scope = Literal[
    "orders:place",
    "orders:write",
    "orders:read",
    "stock:write",
    "stock:read",
    "fulfilment:read",
    "fulfilment:write",
    "payments:write",
    "contacts:read",
    "reports:read",
    "history:write",
    "on-behalf-of",
    "keys:read",
    "keys:write",
    "admin",
]
Role = Literal[
    "channel",
    "customer",
    "service",
    "warehouse",
    "finance",
    "analyst",
    "admin",
]
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)
IMPLIED: Mapping[Scope, Scope] = {
    "orders:write": "orders:place",
    "orders:read": "fulfilment:read",
    "keys:write": "keys:read",
}
ROLES: Mapping[Role, tuple[Scope, ...]] = {
    "channel": ("orders:place", "orders:read", "stock:read", "payments:write"),
    "customer": ("orders:place", "orders:read"),
    "service": ("orders:write", "orders:read", "stock:read", "contacts:read"),
    "warehouse": (
        "on-behalf-of",
        "fulfilment:write",
        "fulfilment:read",
        "stock:write",
        "stock:read",
    ),
    "finance": ("payments:write", "orders:read", "reports:read"),
    "analyst": ("orders:read", "stock:read", "reports:read"),
    "admin": ("admin", "keys:write"),
}
# What a key with such a role must be narrowed to.
NARROWED: Mapping[Role, str] = {
    "channel": "channel",
    "customer": "customer",
    "warehouse": "location",
}


def granted(roles: Iterable[str], scopes: Iterable[str]) -> frozenset[str]:
    """All that these allow."""
    named = {*scopes, *(scope for role in roles for scope in ROLES.get(role, ()))}  # type: ignore[call-overload]
    return frozenset(named | {implied for scope, implied in IMPLIED.items() if scope in named})


SCOPES: Mapping[str, Scope] = {
    "place_order": "orders:place",
    "place_orders": "orders:place",
    "confirm_order": "orders:write",
    "reject_order": "orders:write",
    "cancel_order": "orders:place",
    "cancel_lines": "orders:place",
    "place_hold": "orders:write",
    "release_hold": "orders:write",
    "source_order": "orders:write",
    "complete_order": "orders:write",
    "expire_order": "orders:write",
    "close_order_exception": "orders:write",
    "list_orders": "orders:read",
    "get_order": "orders:read",
    "list_order_lines": "orders:read",
    "list_order_fulfilments": "orders:read",
    "list_order_shipments": "orders:read",
    "get_timeline": "orders:read",
    "list_payments": "orders:read",
    "list_order_payments": "orders:read",
    "get_payment": "orders:read",
    "get_order_policy": "orders:read",
    "list_reservations": "stock:read",
    "list_locations": "stock:read",
    "get_location": "stock:read",
    "get_sourcing_policy": "stock:read",
    "get_contacts": "contacts:read",
    "list_fulfilment_orders": "fulfilment:read",
    "open_fulfilment_orders": "fulfilment:write",
    "cancel_fulfilment_order": "fulfilment:write",
    "start_pick": "fulfilment:write",
    "confirm_pick": "fulfilment:write",
    "report_short": "fulfilment:write",
    "pack": "fulfilment:write",
    "verify_pack": "fulfilment:write",
    "dispatch_shipment": "fulfilment:write",
    "dispatch_cancelled": "fulfilment:write",
    "record_tracking": "fulfilment:write",
    "confirm_delivery": "fulfilment:write",
    "report_returned": "fulfilment:write",
    "report_lost": "fulfilment:write",
    "record_payment": "payments:write",
    "record_refund": "payments:write",
    "register_stock_item": "stock:write",
    "set_stock_title": "stock:write",
    "set_stock_codes": "stock:write",
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
    "list_keys": "keys:read",
    "create_key": "keys:write",
    "rotate_key": "keys:write",
    "revoke_key": "keys:write",
    "register_location": "admin",
    "change_location": "admin",
    "close_location": "admin",
    "set_sourcing_policy": "admin",
    "set_order_policy": "admin",
}
