"""Decoders, made one at a time.

msgspec notes what it learns of a type on that type before it knows all of it. A thread that makes
a decoder for it meanwhile would take what is half known, and the process would crash.
"""

from threading import Lock
from typing import Any

import msgspec

_one_at_a_time = Lock()


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder from JSON to this type; once made, every thread may use it."""
    with _one_at_a_time:
        return msgspec.json.Decoder(kind)


def converted(plain: object, kind: Any) -> Any:
    """Plain JSON values as this type. Raises msgspec.ValidationError."""
    with _one_at_a_time:
        return msgspec.convert(plain, kind)
