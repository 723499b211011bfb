"""What may be asked of an order before it is picked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from commands.contacts import contact_ids, keep_contacts, same_contacts
from commands.handling import Contact, Context, Handlers, Handling, Receipt, Streams
from commands.promises import StockAt, promise_stock, stock_streams
from domain.errors import ReferenceReused
from domain.order.placing import OrderRequest, demands_of, place, promise, skus_of
from domain.order.placing import RequestedLine as RequestedLine
from domain.order.state import ORDER
from domain.sourcing import eligible, source
from domain.sourcing_policy import SOURCING_POLICY
from domain.values import SOURCING_STREAM, LineQuantity, order_stream


@dataclass(slots=True, kw_only=True)
class PlaceOrder(OrderRequest):
    """Place an order and promise its stock, in one append.

    `order_id` is derived from (channel, reference) where there is a reference. `contacts` maps a
    role (billing, shipping) to personal data that goes to the vault.
    """

    order_id: str
    contacts: dict[str, Contact] | None = None


@dataclass(slots=True, kw_only=True)
class ConfirmOrder:
    """Accept the order for fulfilment."""

    order_id: str


@dataclass(slots=True, kw_only=True)
class RejectOrder:
    """Refuse the order; its stock is free again."""

    order_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CancelLines:
    """Cancel units of some lines."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    reason: str


@dataclass(slots=True, kw_only=True)
class CancelOrder:
    """Cancel everything that has not been shipped."""

    order_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class PlaceHold:
    """Block the order until a matter is cleared."""

    order_id: str
    hold_id: str
    reason: str
    scope: str = "order"


@dataclass(slots=True, kw_only=True)
class ReleaseHold:
    """Clear the matter of a hold."""

    order_id: str
    hold_id: str


@dataclass(slots=True, kw_only=True)
class SourceOrder:
    """Choose locations again for the units that have no source."""

    order_id: str
    excluded: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class CompleteOrder:
    """Close an order whose every line has come to its end."""

    order_id: str


def place_order(command: PlaceOrder, streams: Streams, context: Context, now: datetime) -> Receipt:
    stream = order_stream(command.order_id)
    order = streams.state(ORDER, stream)
    contacts = contact_ids(context.command_id, command.contacts)
    receipt = Receipt(id=command.order_id, stream_id=stream, outcome="placed")
    placed = place(order, command, contacts=contacts, now=now)
    if not placed:
        if not same_contacts(streams, order.contacts, command.contacts):
            raise ReferenceReused(reference=order.reference)
        receipt.changed = False
        return receipt
    keep_contacts(streams, contacts, command.contacts)
    _source_placed(command, streams, stream, placed, now)
    return receipt


def _source_placed(
    command: PlaceOrder, streams: Streams, stream: str, placed: list[object], now: datetime
) -> None:
    """Find stock for what was ordered; a refusal leaves nothing, the order included."""
    demands = demands_of(command.lines)
    if not demands:
        streams.append(stream, placed)
        return
    sourcing = source(
        streams.state(SOURCING_POLICY, SOURCING_STREAM),
        demands,
        StockAt(streams, now),
        channel=command.channel,
        country=command.country,
        shortage=command.shortage_policy,
        preferred=command.preferred_location,
    )
    streams.append(stream, placed + promise(sourcing, command.shortage_policy))
    order = streams.state(ORDER, stream)
    promise_stock(streams, command.order_id, order, sourcing.decided, now)


def place_needs(command: PlaceOrder, streams: Streams) -> Sequence[str]:
    """The order and the policy; and once these are known, the stock that may serve it."""
    stream = order_stream(command.order_id)
    names = [SOURCING_STREAM, stream]
    if streams.state(ORDER, stream).status == "none":
        policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
        serving, _ = eligible(policy, command.channel, command.country)
        names += stock_streams([place.location for place in serving], skus_of(command.lines))
    return names


def _target(command: PlaceOrder) -> str:
    return order_stream(command.order_id)


HANDLERS: Handlers = {
    PlaceOrder: Handling(place_order, place_needs, _target),
}
