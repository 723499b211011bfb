"""The vocabulary of requests: types that several bodies and paths share."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from domain.values import LONGEST_SKU, LONGEST_TEXT, MAX_AMOUNT, MAX_QUANTITY

UUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
# No control characters, and not blank: the domain refuses both.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$"
# PostgreSQL cannot store a NUL.
FREE_TEXT = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\x00-\x20\x7f-\xa0][^\x00]*$"

DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.Zz+-]")
MAX_BIGINT = 2**63 - 1


class Body(BaseModel):
    """A request body: what is not known is refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, cache_strings="keys")


class Nothing(Body):
    """The body of a command that needs none."""


def _dated(stated: object) -> object:
    """Pydantic would take a number for seconds since 1970, also when it stands in a string."""
    if not isinstance(stated, str) or not DATED.match(stated):
        raise ValueError("A time is written as in 2024-05-01T12:00:00Z")
    return stated


def _in_reach(moment: datetime) -> datetime:
    if not 1900 <= moment.year <= 2999:
        raise ValueError("A time must lie between the years 1900 and 2999")
    return moment.astimezone(UTC)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("There is no such time in UTC") from error


Moment = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_dated),
    AfterValidator(_in_reach),
    Field(examples=["2024-05-01T12:00:00Z"]),
]
# A moment that we told, which may be one that nobody could state: in UTC, 1900 begins in 1899.
ToldMoment = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_dated), AfterValidator(_in_utc)
]
Happened = Annotated[
    Moment | None, Field(description="When it happened: never in the future. Now, unless told.")
]
OrderId = Annotated[
    str,
    Field(
        pattern=UUID_PATTERN,
        json_schema_extra={"format": "uuid"},
        examples=["7d0c9f5e-2f5b-5b7a-9d6e-0b6a4f4b9c11"],
    ),
    AfterValidator(str.lower),
]
Id = Annotated[str, Field(pattern=PRINTABLE, max_length=LONGEST_TEXT)]
Sku = Annotated[str, Field(pattern=PRINTABLE, max_length=LONGEST_SKU, examples=["TEA-GREEN-100"])]
Title = Annotated[str, Field(pattern=FREE_TEXT, max_length=LONGEST_TEXT)]
Reason = Annotated[
    str, Field(pattern=NOT_BLANK, max_length=LONGEST_TEXT, examples=["customer asked for it"])
]
LocationId = Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,32}$", examples=["BER"])]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"])]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
Count = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]
LineNumber = Annotated[int, Field(ge=1, le=1_000_000, description="The first line is 1.")]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="Minor units: 1999 is 19.99.")]
SignedAmount = Annotated[
    int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Minor units: 1999 is 19.99.")
]
