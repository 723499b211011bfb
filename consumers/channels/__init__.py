"""Channels: what is told us over topics, a file each; each file only translates.

`CHANNELS` is the one list of them: topics, decoders, schemas, verbs and processes follow from it.
"""

from collections.abc import Mapping

from consumers.channels.marketplace import MARKETPLACE
from consumers.channels.orders import ORDERS
from consumers.consumer import Consumer


def by_name(*consumers: Consumer) -> dict[str, Consumer]:
    """Raises ValueError when two are called alike: they would read one topic."""
    named = {consumer.name: consumer for consumer in consumers}
    if len(named) < len(consumers):
        raise ValueError("two channels share a name")
    return named


CHANNELS: Mapping[str, Consumer] = by_name(ORDERS, MARKETPLACE)
