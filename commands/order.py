"""What may be asked of an order before it is picked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from commands.contacts import contact_ids, keep_contacts, same_contacts
from commands.handling import (
    Contact,
    ContactId,
    Context,
    Handlers,
    Handling,
    Known,
    Receipt,
    Rounds,
    Streams,
    derived_id,
)
from commands.on_order import (
    candidates,
    decided,
    gains_of,
    needs_order,
    stream_of,
)
from commands.promises import StockAt, StockSide
from commands.serving import needs_in_turn
from domain.errors import ReferenceReused, UnknownSku
from domain.fast_init import maker
from domain.order import cancelling, changing, exceptions
from domain.order.placing import OrderRequest, demands_of, place, promise, skus_of
from domain.order.placing import RequestedLine as RequestedLine
from domain.order.state import ORDER, Order
from domain.order_policy import ORDER_POLICY, ORDER_POLICY_STREAM
from domain.sourcing import Sourcing, eligible, source
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock.state import STOCK_ITEM
from domain.values import SOURCING_STREAM, LineQuantity, order_stream, stock_stream

_receipt = maker(Receipt)


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
class ExpireOrder:
    """Give up an order that was unpaid for as long as the policy says; its stock is free again."""

    order_id: str


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
    """Block the order until a matter is cleared. A hold without an id gets one."""

    order_id: str
    reason: str
    scope: str = "order"
    hold_id: str | None = None


@dataclass(slots=True, kw_only=True)
class ReleaseHold:
    """Clear the matter of a hold."""

    order_id: str
    hold_id: str


@dataclass(slots=True, kw_only=True)
class CloseOrderException:
    """Somebody looked at what went against the plan, and says what was done."""

    order_id: str
    exception_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CompleteOrder:
    """Close an order whose every line has come to its end."""

    order_id: str


def place_order(command: PlaceOrder, streams: Streams, context: Context, now: datetime) -> Receipt:
    stream = stream_of(command)
    order = streams.state(ORDER, stream)
    contacts = contact_ids(context.command_id, command.contacts)
    receipt = _receipt(id=command.order_id, stream_id=stream, outcome="placed")
    placed = place(order, command, contacts=contacts, now=now)
    if not placed:
        if not same_contacts(streams, order.contacts, command.contacts):
            raise ReferenceReused(reference=order.reference)
        receipt.changed = False
        return receipt
    keep_contacts(streams, contacts, command.contacts)
    _source_placed(command, streams, order, placed, now)
    return receipt


def _source_placed(
    command: PlaceOrder, streams: Streams, order: Order, placed: list[object], now: datetime
) -> None:
    """Find stock for what was ordered; a refusal leaves nothing, the order included."""
    stream = order_stream(command.order_id)
    demands = demands_of(command.lines)
    if not demands:
        streams.append(stream, placed)
        return
    sourcing = source(
        streams.state(SOURCING_POLICY, SOURCING_STREAM),
        demands,
        StockAt(streams, now, command.reservations),
        channel=command.channel,
        country=command.country,
        shortage=command.shortage_policy,
        preferred=command.preferred_location,
        has_reserved=bool(command.reservations),
    )
    _check_skus(command, streams, sourcing)
    streams.append(stream, placed + promise(sourcing, command.shortage_policy))
    side = StockSide(streams, command.order_id, order, now)
    if command.reservations:
        side.convert(command.reservations, sourcing.decided)
    side.follow([sourcing.decided])
    side.finish({})


def _check_skus(command: PlaceOrder, streams: Streams, sourcing: Sourcing) -> None:
    """What no location in question knows is not lacking: it is no sku of ours."""
    if not sourcing.missing:
        return
    policy = streams.state(SOURCING_POLICY, SOURCING_STREAM)
    serving, _ = eligible(policy, command.channel, command.country)
    for line in sourcing.missing if serving else ():
        sku = command.lines[line - 1].sku
        names = (stock_stream(place.location, sku) for place in serving)
        if all(streams.state(STOCK_ITEM, name).status == "none" for name in names):
            message = f"No location that serves this order knows the sku {sku}."
            raise UnknownSku(message, field=f"lines.{line}.sku", sku=sku)


def _needs_place(command: PlaceOrder, streams: Known) -> Rounds:
    """The stock that may serve it, as if it were new; then what a repeat is compared with."""
    stream, skus = stream_of(command), skus_of(command.lines)
    yield from candidates(streams, command.channel, command.country, skus, also=(stream,))
    known = streams.state(ORDER, stream).contacts
    if known:
        yield tuple(map(ContactId, known.values()))


def confirm_order(
    command: ConfirmOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    return decided(command, streams, now, "confirmed", changing.confirm)


def reject_order(
    command: RejectOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return changing.reject(order, command.reason)

    return decided(command, streams, now, "rejected", decide, gains=_gains(command, streams))


def expire_order(
    command: ExpireOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    after = streams.state(ORDER_POLICY, ORDER_POLICY_STREAM).expire_unpaid_after

    def decide(order: Order) -> list[object]:
        return changing.expire(order, after, now)

    return decided(command, streams, now, "expired", decide, gains=_gains(command, streams))


def cancel_order(
    command: CancelOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return cancelling.cancel_order(order, command.reason)

    return decided(command, streams, now, "cancelled", decide, gains=_gains(command, streams))


def cancel_lines(
    command: CancelLines, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return cancelling.cancel_lines(order, command.lines, command.reason)

    gains = _gains(command, streams)
    return decided(command, streams, now, "lines-cancelled", decide, gains=gains)


def place_hold(command: PlaceHold, streams: Streams, context: Context, now: datetime) -> Receipt:
    hold_id = command.hold_id or derived_id(context, "hold")

    def decide(order: Order) -> list[object]:
        return changing.place_hold(order, hold_id, command.reason, command.scope)

    receipt = decided(command, streams, now, "held", decide)
    receipt.details["hold_id"] = hold_id
    return receipt


def release_hold(
    command: ReleaseHold, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return changing.release_hold(order, command.hold_id)

    return decided(command, streams, now, "released", decide)


def close_order_exception(
    command: CloseOrderException, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(order: Order) -> list[object]:
        return exceptions.close_exception(order, command.exception_id, command.reason)

    return decided(command, streams, now, "closed", decide)


def complete_order(
    command: CompleteOrder, streams: Streams, context: Context, now: datetime
) -> Receipt:
    return decided(command, streams, now, "completed", changing.complete)


Cancelling = RejectOrder | ExpireOrder | CancelOrder | CancelLines


def _gains(command: Cancelling, streams: Known) -> dict[str, int]:
    order = streams.state(ORDER, stream_of(command))
    return gains_of(order, _concerned(command, order))


def _concerned(command: Cancelling, order: Order) -> Iterable[int]:
    if isinstance(command, CancelLines):
        return dict.fromkeys(part.line for part in command.lines)
    return order.lines


def _needs_freed(command: Cancelling, streams: Known) -> Rounds:
    """The order, its stock, and who is next in turn for it."""
    yield (stream_of(command),)
    yield from needs_in_turn(streams, _gains(command, streams), command.order_id)


def _needs_expired(command: ExpireOrder, streams: Known) -> Rounds:
    yield (ORDER_POLICY_STREAM,)
    yield from _needs_freed(command, streams)


HANDLERS: Handlers = {
    PlaceOrder: Handling(place_order, _needs_place, stream_of, creates=True),
    ConfirmOrder: Handling(confirm_order, needs_order, stream_of),
    RejectOrder: Handling(reject_order, _needs_freed, stream_of),
    CancelOrder: Handling(cancel_order, _needs_freed, stream_of),
    CancelLines: Handling(cancel_lines, _needs_freed, stream_of),
    PlaceHold: Handling(place_hold, needs_order, stream_of),
    ReleaseHold: Handling(release_hold, needs_order, stream_of),
    ExpireOrder: Handling(expire_order, _needs_expired, stream_of),
    CloseOrderException: Handling(close_order_exception, needs_order, stream_of),
    CompleteOrder: Handling(complete_order, needs_order, stream_of),
}
