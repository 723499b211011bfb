"""Any event of a class, for the laws that every aggregate obeys."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "B/1", "c-2"])
NUMBERS = st.integers(-3, 5) | st.integers(-(10**15), 10**15)
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
KNOWN: dict[Any, st.SearchStrategy[Any]] = {
    str: NAMES | st.text(max_size=20),
    int: NUMBERS,
    datetime: MOMENTS,
    str | None: st.none() | NAMES,
    int | None: st.none() | NUMBERS,
    datetime | None: st.none() | MOMENTS,
    tuple[str, ...]: st.lists(NAMES, max_size=3).map(tuple),
}


def any_event(kinds: Iterable[type]) -> st.SearchStrategy[Any]:
    """Events of these classes, sensible or not, with few names so that they meet each other."""
    return st.one_of([_any(kind) for kind in kinds])


def _any(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: _of(hints[field.name]) for field in fields(kind)})


def _of(hint: Any) -> st.SearchStrategy[Any]:
    return KNOWN[hint] if hint in KNOWN else st.from_type(hint)
