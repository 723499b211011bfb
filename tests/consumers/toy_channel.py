"""A channel of a partner who does more than order: what CONTRIBUTING says a new channel takes."""

from dataclasses import dataclass

from commands.order import CancelOrder, PlaceOrder, RequestedLine
from commands.payment import RecordPayment
from commands.stock import CountStock
from consumers.consumer import Consumer, Unreadable
from domain.values import order_id_of


@dataclass(slots=True, kw_only=True)
class Count:
    """How many units somebody counted of an article."""

    article: str
    pieces: int
    place: str = "LEEDS"


@dataclass(slots=True, kw_only=True)
class PartnerNote:
    """What the partner noted under one number: a sale that is paid, a cancellation, counts."""

    number: str
    sold: str | None = None
    cancels: str | None = None
    counts: tuple[Count, ...] = ()


def to_commands(note: PartnerNote, channel: str) -> tuple[object, ...]:
    order_id = order_id_of(channel, note.cancels or note.number)
    if note.cancels is not None:
        return (CancelOrder(order_id=order_id, reason="partner"),)
    if note.sold is not None:
        return _sale(note.number, note.sold, order_id, channel)
    return tuple(
        CountStock(location=each.place, sku=each.article, counted=each.pieces)
        for each in note.counts
    )


def _sale(number: str, article: str, order_id: str, channel: str) -> tuple[object, ...]:
    if not number.strip():
        raise Unreadable("The note has no number.")
    order = PlaceOrder(
        order_id=order_id,
        channel=channel,
        reference=number,
        lines=(RequestedLine(sku=article, quantity=1, unit_price=250),),
        currency="GBP",
        country="GB",
    )
    paid = RecordPayment(
        order_id=order_id, provider="partner", provider_ref=number, amount=250, currency="GBP"
    )
    return order, paid


PARTNER = Consumer(name="partner", message=PartnerNote, to_commands=to_commands, reference="number")
