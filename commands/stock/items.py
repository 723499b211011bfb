"""Carrying an item: its registration, its policy, and whether it may be promised."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from commands.serving import needs_in_turn
from commands.stock.on_item import decided, needs_item, stream_of
from domain.errors import UnknownLocation
from domain.sourcing_policy import SOURCING_POLICY
from domain.stock import carrying
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import SOURCING_STREAM


@dataclass(slots=True, kw_only=True)
class RegisterStockItem:
    """Let a location carry a sku."""

    location: str
    sku: str
    title: str = ""
    codes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class SetStockCodes:
    """Say which further codes a scanner may read for an item: all of them, as from now on."""

    location: str
    sku: str
    codes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class SetStockTitle:
    """Say what an item is called from now on."""

    location: str
    sku: str
    title: str


@dataclass(slots=True, kw_only=True)
class SetStockPolicy:
    """Say how far an item may be promised and when to buy it again."""

    location: str
    sku: str
    backorder_limit: int | None = 0
    preorder: bool = False
    safety_stock: int = 0
    reorder_point: int | None = None
    reorder_quantity: int = 0


@dataclass(slots=True, kw_only=True)
class SuspendStockItem:
    """Promise nothing more from here for a while."""

    location: str
    sku: str
    reason: str


@dataclass(slots=True, kw_only=True)
class ResumeStockItem:
    """Promise from here again."""

    location: str
    sku: str


@dataclass(slots=True, kw_only=True)
class DiscontinueStockItem:
    """Never promise this from here again."""

    location: str
    sku: str
    reason: str


def register_stock_item(
    command: RegisterStockItem, streams: Streams, context: Context, now: datetime
) -> Receipt:
    if command.location not in streams.state(SOURCING_POLICY, SOURCING_STREAM).locations:
        raise UnknownLocation(location=command.location)

    def decide(item: StockItem) -> list[object]:
        return carrying.register(
            item,
            location=command.location,
            sku=command.sku,
            title=command.title,
            codes=command.codes,
        )

    return decided(command, streams, now, "registered", decide)


def set_stock_codes(
    command: SetStockCodes, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return carrying.set_codes(item, command.codes)

    return decided(command, streams, now, "codes-set", decide)


def set_stock_title(
    command: SetStockTitle, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return carrying.set_title(item, command.title)

    return decided(command, streams, now, "title-set", decide)


def set_stock_policy(
    command: SetStockPolicy, streams: Streams, context: Context, now: datetime
) -> Receipt:
    def decide(item: StockItem) -> list[object]:
        return carrying.set_policy(
            item,
            backorder_limit=command.backorder_limit,
            preorder=command.preorder,
            safety_stock=command.safety_stock,
            reorder_point=command.reorder_point,
            reorder_quantity=command.reorder_quantity,
        )

    gain = _less_safety(command, streams)
    return decided(command, streams, now, "policy-set", decide, gain=gain)


def suspend_stock_item(
    command: SuspendStockItem, streams: Streams, context: Context, now: datetime
) -> Receipt:
    return decided(
        command, streams, now, "suspended", lambda item: carrying.suspend(item, command.reason)
    )


def resume_stock_item(
    command: ResumeStockItem, streams: Streams, context: Context, now: datetime
) -> Receipt:
    return decided(command, streams, now, "resumed", carrying.resume, gain=0)


def discontinue_stock_item(
    command: DiscontinueStockItem, streams: Streams, context: Context, now: datetime
) -> Receipt:
    return decided(
        command,
        streams,
        now,
        "discontinued",
        lambda item: carrying.discontinue(item, command.reason),
    )


def _less_safety(command: SetStockPolicy, streams: Known) -> int:
    """Units that a smaller safety stock frees."""
    return streams.state(STOCK_ITEM, stream_of(command)).safety_stock - command.safety_stock


def _needs_policy(command: SetStockPolicy, streams: Known) -> Rounds:
    stream = stream_of(command)
    yield (stream,)
    yield from needs_in_turn(streams, {stream: _less_safety(command, streams)})


def _needs_resumed(command: ResumeStockItem, streams: Known) -> Rounds:
    return needs_in_turn(streams, {stream_of(command): 0})


def _needs_location(command: RegisterStockItem, streams: Known) -> Rounds:
    yield SOURCING_STREAM, stream_of(command)


HANDLERS: Handlers = {
    RegisterStockItem: Handling(register_stock_item, _needs_location, stream_of),
    SetStockCodes: Handling(set_stock_codes, needs_item, stream_of),
    SetStockTitle: Handling(set_stock_title, needs_item, stream_of),
    SetStockPolicy: Handling(set_stock_policy, _needs_policy, stream_of),
    SuspendStockItem: Handling(suspend_stock_item, needs_item, stream_of),
    ResumeStockItem: Handling(resume_stock_item, _needs_resumed, stream_of),
    DiscontinueStockItem: Handling(discontinue_stock_item, needs_item, stream_of),
}
