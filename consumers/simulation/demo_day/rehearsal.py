"""The day in memory, before it is carried out, so that each step knows what the last one led to."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from commands import HANDLERS
from commands.handling import Contact, Context, Receipt
from domain.categories import decider_of
from domain.decider import Decider
from domain.errors import OrdinalError
from domain.order.state import ORDER, Order
from domain.stock.state import STOCK_ITEM, StockItem
from domain.values import order_stream, stock_stream

S = TypeVar("S")


class Rehearsal:
    """The streams of the day. What is refused leaves no trace here either."""

    def __init__(self) -> None:
        self._events: dict[str, list[object]] = {}
        self._states: dict[str, object] = {}
        self._appended: list[str] = []

    def carry_out(self, command: object, context: Context) -> Receipt | None:
        """The receipt, or None for a refusal."""
        assert context.occurred_at is not None
        handling = HANDLERS[type(command)]
        self._appended = []
        try:
            return handling.handle(command, self, context, context.occurred_at)
        except OrdinalError:
            self._undo()
            return None

    def order(self, order_id: str) -> Order:
        return self.state(ORDER, order_stream(order_id))

    def item(self, location: str, sku: str) -> StockItem:
        return self.state(STOCK_ITEM, stock_stream(location, sku))

    def state(self, decider: Decider[S], stream_id: str) -> S:
        if stream_id not in self._states:
            self._states[stream_id] = decider.fold(self._events.get(stream_id, ()))
        known: S = self._states[stream_id]  # type: ignore[assignment]
        return known

    def version(self, stream_id: str) -> int:
        return len(self._events.get(stream_id, ()))

    def append(
        self, stream_id: str, events: Iterable[object], *, at: datetime | None = None
    ) -> None:
        decider = decider_of(stream_id)
        for event in events:
            self._states[stream_id] = decider.evolve(self.state(decider, stream_id), event)
            self._events.setdefault(stream_id, []).append(event)
            self._appended.append(stream_id)

    def contact(self, contact_id: str) -> Contact | None:
        """Nobody asks twice on the day, so nobody is compared."""
        return None

    def keep_contact(self, contact: Contact) -> None:
        """The rehearsal needs nobody's name."""

    def _undo(self) -> None:
        for stream_id in reversed(self._appended):
            self._events[stream_id].pop()
            self._states.pop(stream_id, None)
