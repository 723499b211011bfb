"""What may be asked of an order's money."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class RecordPayment:
    """Money of the customer reached the shop; the same (provider, ref) twice is a repeat."""

    order_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str


@dataclass(slots=True, kw_only=True)
class RecordRefund:
    """Money went back to the customer."""

    order_id: str
    refund_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: int
    currency: str
    cause: str
