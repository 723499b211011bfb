"""Identifiers and small values that several aggregates share. Amounts are minor units."""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from json.encoder import encode_basestring_ascii as _quoted
from typing import Literal
from unicodedata import is_normalized, normalize
from uuid import UUID

from domain.errors import Invalid

ORDINAL_NAMESPACE = UUID("6f1d7a52-0c1e-5f0e-9a53-1f6c1b8f6c11")
_NAMESPACE = ORDINAL_NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
LOCATION_ID = re.compile(r"[A-Z0-9_]{1,32}")
GTIN_LENGTHS = frozenset({8, 12, 13, 14})
MAX_LINES = 2_000
MAX_QUANTITY = 1_000_000_000
MAX_AMOUNT = 10**15
LONGEST_TEXT = 200
LONGEST_SKU = 100
UNSTORABLE = re.compile("[\0\ud800-\udfff]")

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


def named_id(namespace: bytes, name: bytes) -> str:
    """uuid5 as text, without the detour over UUID objects: this runs for every event."""
    text = sha1(namespace + name, usedforsecurity=False).hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def named_uuid(namespace: UUID, name: str) -> UUID:
    """uuid5, in two thirds of the library's time: this runs for every request."""
    space = _NAMESPACE if namespace is ORDINAL_NAMESPACE else namespace.bytes
    digest = sha1(space + name.encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


def command_id_of(caller: str, channel: str | None, key: str) -> UUID:
    """The one id of what is asked under this key: each channel of a caller has keys of its own."""
    return named_uuid(ORDINAL_NAMESPACE, f"{caller}\n{channel or ''}\n{key}")


def former_command_id_of(caller: str, key: str) -> UUID:
    """The id that this had when all channels of a caller shared their keys."""
    return named_uuid(ORDINAL_NAMESPACE, f"{caller}\n{key}")


def order_id_of(channel: str, reference: str) -> str:
    """The one order id that an external order can have, whoever sends it and how often.

    It is uuid5(namespace, json([channel, reference])).
    """
    name = f"[{_quoted(channel)}, {_quoted(reference)}]"
    return named_id(_NAMESPACE, name.encode())


SOURCING_STREAM = "sourcing"


def check_quantity(value: int, field: str = "quantity") -> None:
    """Units of something that exists: 1 to MAX_QUANTITY."""
    if not 0 < value <= MAX_QUANTITY:
        raise Invalid(f"A quantity is 1 to {MAX_QUANTITY}.", field=field)


def check_count(value: int, field: str) -> None:
    """Units that may be none: 0 to MAX_QUANTITY."""
    if not 0 <= value <= MAX_QUANTITY:
        raise Invalid(f"A count is 0 to {MAX_QUANTITY}.", field=field)


def check_text(value: str, field: str, *, longest: int = LONGEST_TEXT) -> None:
    """Something said: not blank, not endless, and nothing that a database cannot keep."""
    if value.isprintable() and len(value) <= longest and value.strip():
        return  # as most are, in half of the time
    if not value.strip():
        raise Invalid("This must not be blank.", field=field)
    if len(value) > longest:
        raise Invalid(f"This must not be longer than {longest} characters.", field=field)
    if UNSTORABLE.search(value):
        raise Invalid("This holds a character that cannot be stored.", field=field)


def check_name(value: str, field: str, *, longest: int = LONGEST_TEXT) -> None:
    """What something is called: two names that look alike are one."""
    check_text(value, field, longest=longest)
    if value != value.strip():
        raise Invalid("This must not begin or end with a blank.", field=field)
    if not is_normalized("NFC", value):
        raise Invalid("This must be in Unicode's normal form C.", field=field)


def same_person(one: str, other: str) -> bool:
    """Names of people are compared without case and blanks."""
    return _person(one) == _person(other)


def _person(name: str) -> str:
    return "".join(normalize("NFC", normalize("NFC", name).casefold()).split())


def check_sku(value: str, field: str = "sku") -> None:
    """A sku that may be known: some were taken that a new one must not be like."""
    check_text(value, field, longest=LONGEST_SKU)
    if not value.isprintable():
        raise Invalid("A sku consists of printable characters.", field=field)


def check_new_sku(value: str, field: str = "sku") -> None:
    check_sku(value, field)
    check_name(value, field, longest=LONGEST_SKU)


def same_item_code(code: str) -> str:
    """The code as it is compared: GTINs as 14 digits, since scanners read some with more zeros."""
    is_gtin = len(code) in GTIN_LENGTHS and code.isascii() and code.isdigit()
    return code.zfill(14) if is_gtin else code


def check_location(value: str, field: str = "location") -> None:
    if not LOCATION_ID.fullmatch(value):
        raise Invalid("A location id is 1 to 32 of A-Z, 0-9 and _.", field=field)


def check_moment(value: datetime, field: str) -> None:
    """Without a zone a time means another moment to every reader."""
    if value.tzinfo is None:
        raise Invalid("A time needs its zone.", field=field)


def check_happened(value: datetime, field: str, *, since: datetime | None, now: datetime) -> None:
    """A fact lies behind us, and not before the one that it follows, as far as that is known."""
    check_moment(value, field)
    if value > now or (since is not None and value < since):
        first = "" if since is None else f" and not before {since.isoformat()}"
        raise Invalid(
            f"This happened not after {now.isoformat()}{first}.",
            field=field,
            earliest=since,
            latest=now,
        )
