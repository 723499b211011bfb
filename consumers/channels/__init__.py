"""Channels: what is told us over topics, a file each; each file only translates.

`SHAPES` names each shape of message and makes its consumer for a channel.
"""

from typing import Protocol

from consumers.channels.marketplace import marketplace_consumer
from consumers.channels.orders import orders_consumer
from consumers.consumer import Consumer


class ForChannel(Protocol):
    """Makes the consumer of a shape; without a channel it is called like the shape."""

    def __call__(self, channel: str = ..., *, history: bool = False) -> Consumer: ...


SHAPES: dict[str, ForChannel] = {
    "orders": orders_consumer,
    "marketplace": marketplace_consumer,
}
