"""Pages of rows: a cursor says where the last one ended, so none is missed and none comes twice."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

from fastapi import Query as Parameter
from pydantic import BaseModel, Field, TypeAdapter

from api.api_request import Asked
from api.fields import FREE_TEXT, MAX_BIGINT, ToldMoment
from api.problems import InvalidField
from projections.projection import Query

R = TypeVar("R")

MAX_PAGE = 200
Limit = Annotated[int, Parameter(ge=1, le=MAX_PAGE, description="How many rows at most.")]
Cursor = Annotated[
    str | None, Parameter(max_length=2_000, description="`next` of the page before.")
]
# A cursor comes back from outside, so what it holds is checked like any other input.
PLACES: dict[object, object] = {
    str: Annotated[str, Field(pattern=FREE_TEXT)],
    int: Annotated[int, Field(ge=-MAX_BIGINT, le=MAX_BIGINT)],
    datetime: ToldMoment,
    date: date,
}


class Page(BaseModel, Generic[R]):
    """Some rows, and the cursor of the next page if there is one."""

    items: list[R]
    next: str | None


async def page_of(asked: Asked, query: Query, cursor: str | None) -> Page[Any]:
    """The rows behind the cursor. One more is asked for than shown: it tells of a next page."""
    after = query.after if cursor is None else _place(query, cursor)
    found = await asked.rows(replace(query, after=after, limit=query.limit + 1))
    shown: Sequence[Any] = found[: query.limit]
    further = _cursor(query, shown[-1]) if len(found) > query.limit else None
    return Page(items=list(shown), next=further)


def _cursor(query: Query, row: object) -> str:
    place = tuple(getattr(row, column) for column in query.order)
    text = _places(query.row, query.order).dump_json(place)
    return urlsafe_b64encode(text).decode().rstrip("=")


def _place(query: Query, cursor: str) -> tuple[object, ...]:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return _places(query.row, query.order).validate_json(text)
    except ValueError as error:
        raise InvalidField("This is no cursor of this list.", field="cursor") from error


@cache
def _places(row: type, order: tuple[str, ...]) -> TypeAdapter[tuple[object, ...]]:
    columns = get_type_hints(row)
    kinds: Any = tuple(PLACES[columns[name]] for name in order)
    return TypeAdapter(tuple[kinds])
