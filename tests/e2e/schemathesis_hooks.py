"""Loaded by schemathesis: lets well-formed commands come through to what decides about them.

Chance repeats its few favourite keys and versions, so that nearly every command would be refused
as another one's repeat, or as late.
"""

import re
from itertools import count
from typing import Any

import schemathesis

KEY = re.compile(r'"?[!#-~]{1,255}"?')
VERSION = re.compile(r'"?[0-9]{1,18}"?')
NUMBERS = count(1)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A key of its own for most commands, and most without a version; bad ones stay as they are."""
    number, headers = next(NUMBERS), case.headers
    if number % 5 and KEY.fullmatch(str(headers.get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = f"request-{number}"
    if number % 5 and VERSION.fullmatch(str(headers.get("If-Match", ""))):
        del headers["If-Match"]


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """A text of lines as it is."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else repr(value).encode()
