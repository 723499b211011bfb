"""No name stands twice in one JSON object: of two values each reader might take another one."""

import json

from api.problems import MalformedRequest


def refuse_repeated_names(raw: bytes, canonical: bytes) -> None:
    """Look through a sound body; `canonical` is what was read of it, written compactly.

    Each member has one colon. Where no colon is lost between the two, no member was lost: strings
    are the same in both, if nothing is escaped. Only other bodies are read once more.
    """
    if b"\\" in raw or raw.count(b":") != canonical.count(b":"):
        json.loads(raw, object_pairs_hook=_distinct)


def _distinct(members: list[tuple[str, object]]) -> None:
    names: set[str] = set()
    for name, _ in members:
        if name in names:
            raise MalformedRequest("This name stands twice in one object.", field=name[:100])
        names.add(name)
