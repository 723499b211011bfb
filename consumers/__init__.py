"""Consumers: what the world tells us, translated into our commands.

`CONSUMERS` names each intake shape and makes its consumer for a channel.
"""

from typing import Protocol

from consumers.consumer import Consumer
from consumers.marketplace import marketplace_consumer
from consumers.orders import orders_consumer


class ForChannel(Protocol):
    """Makes the consumer of a shape; without a channel it is called like the shape."""

    def __call__(self, channel: str = ..., *, history: bool = False) -> Consumer: ...


CONSUMERS: dict[str, ForChannel] = {
    "orders": orders_consumer,
    "marketplace": marketplace_consumer,
}

__all__ = ["CONSUMERS", "Consumer", "ForChannel"]
