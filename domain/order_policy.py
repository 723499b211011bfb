"""What the shop does with orders by itself, and what it wants to be paid first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.category import Category
from domain.decider import Decider
from domain.errors import Invalid

ORDER_POLICY_STREAM = "policy-orders"
SHORTEST_EXPIRY, LONGEST_EXPIRY = 60, 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPolicyChanged:
    """The shop decided anew what happens to its orders.

    `expire_unpaid_after` is in seconds, None for never. `complete_by_itself` closes an order whose
    last line came to its end. `dispatch_needs_payment` keeps prepaid orders until they are paid.
    """

    expire_unpaid_after: int | None = None
    complete_by_itself: bool = False
    dispatch_needs_payment: bool = False


EVENTS: tuple[type, ...] = (OrderPolicyChanged,)


@dataclass(slots=True)
class OrderPolicy:
    """The policy in force; everything is off until somebody decides otherwise."""

    expire_unpaid_after: int | None = None
    complete_by_itself: bool = False
    dispatch_needs_payment: bool = False


def _changed(policy: OrderPolicy, event: OrderPolicyChanged) -> None:
    policy.expire_unpaid_after = event.expire_unpaid_after
    policy.complete_by_itself = event.complete_by_itself
    policy.dispatch_needs_payment = event.dispatch_needs_payment


FOLDS: dict[type, Callable[[OrderPolicy, Any], None]] = {OrderPolicyChanged: _changed}
ORDER_POLICY = Decider(initial=OrderPolicy, folds=FOLDS)
POLICIES = Category(name="policy", events=EVENTS, decider=ORDER_POLICY)


def change_policy(policy: OrderPolicy, wanted: OrderPolicyChanged) -> list[object]:
    seconds = wanted.expire_unpaid_after
    if seconds is not None and not SHORTEST_EXPIRY <= seconds <= LONGEST_EXPIRY:
        raise Invalid(
            f"An order expires after {SHORTEST_EXPIRY} to {LONGEST_EXPIRY} seconds.",
            field="expire_unpaid_after",
        )
    known = OrderPolicyChanged(
        expire_unpaid_after=policy.expire_unpaid_after,
        complete_by_itself=policy.complete_by_itself,
        dispatch_needs_payment=policy.dispatch_needs_payment,
    )
    return [] if wanted == known else [wanted]
