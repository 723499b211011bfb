"""Identifiers and small values that several aggregates share. Amounts are minor units."""

import json
import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

ORDINAL_NAMESPACE = UUID("6f1d7a52-0c1e-5f0e-9a53-1f6c1b8f6c11")
LOCATION_ID = re.compile(r"[A-Z0-9_]{1,32}")
CURRENCY = re.compile(r"[A-Z]{3}")
COUNTRY = re.compile(r"[A-Z]{2}")
MAX_LINES = 2_000
MAX_QUANTITY = 1_000_000_000
MAX_AMOUNT = 10**15

LineKind = Literal["stock", "charge"]
ShortagePolicy = Literal["reject", "partial", "backorder"]
PaymentMode = Literal["prepaid", "on_account", "cash_on_delivery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuantity:
    """So many units of one order line."""

    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    """So many units of one order line, promised by one location."""

    line: int
    location: str
    quantity: int


def order_stream(order_id: str) -> str:
    return f"order-{order_id}"


def stock_stream(location: str, sku: str) -> str:
    return f"stock-{location}-{sku}"


def stock_item_of(stream_id: str) -> tuple[str, str]:
    """Location and sku of a stock stream: locations have no dash, so the id is unambiguous."""
    _, location, sku = stream_id.split("-", 2)
    return location, sku


def order_id_of(channel: str, reference: str) -> str:
    """The one order id that an external order can have, whoever sends it and how often."""
    return str(uuid5(ORDINAL_NAMESPACE, json.dumps([channel, reference])))


SOURCING_STREAM = "sourcing"
