"""What a read model is: row types, and a pure fold of one stream's events into its rows.

Law: every stored row is fed by exactly one stream, so every interleaving of streams that keeps
each stream's order gives equal rows. Sums over streams are SQL views.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from domain.categories import CATEGORIES
from domain.category import bare_id
from domain.decider import Recorded

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a read model.

    `row` is a slotted dataclass; its fields are the columns (str, int, bool, datetime, date,
    uuid-as-str, or None of them; a dict or list is stored as jsonb). `key[0]` is the owner: the
    stream's bare id (the stream id behind its first dash) or, in a read model of several
    categories, its whole id. So a stream's rows are found without looking at its events. Rows of
    an `append_only` table are never read back nor changed by the fold.
    `about` and `columns` are the table's documentation in the database. `computed` are fields that
    nobody stores: column -> SQL over the stored ones, asked when somebody reads. `partial` are
    indexes of some rows only: columns -> which rows.
    """

    name: str
    row: type
    key: tuple[str, ...]
    about: str
    columns: Mapping[str, str]
    indexes: tuple[tuple[str, ...], ...] = ()
    partial: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    append_only: bool = False


class StreamRows(Protocol):
    """The rows of one stream; what is put is stored with the batch."""

    def get(self, row: type[R], *rest_of_key: object) -> R | None: ...

    def all(self, row: type[R]) -> Sequence[R]: ...

    def put(self, row: object) -> None:
        """Insert the row, or say that it was changed in place."""
        ...


@dataclass(frozen=True, slots=True)
class DayRows:
    """Rows that sum up by days of a zone, and have a column `day` that leads the order of pages.

    `select` has `{table}` placeholders and the parameters `zone`, `from_<day>` and `to_<day>`, of
    which a bound may be null; what lies beyond may come along. `until` selects a day behind the
    latest there may be.
    """

    select: str
    day: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """By what the rows of a type may be narrowed to a caller's reach.

    `columns` say which column holds what (channel, country, location, currency, customer). By what
    a row has no column for it is narrowed like the row of type `like` that has the same `owner`,
    and else it is out of reach for whoever is narrowed by it, unless it is `open` to them.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    like: type | None = None
    open: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A read model. `version` is raised when its rows change meaning: that takes a rebuild.

    `categories` are the aggregate types it folds: each of their events is one that it `folds` or,
    on purpose, `ignores`. `views` are SQL views over its tables, name to
    (SELECT text with `{table}` placeholders, comment); `view_columns` say what their columns mean
    that are not a table's. `view_rows` holds row types of those views that are read by queries: row
    type to view, `day_rows` those that are summed up when somebody asks. A
    row type without a `reach` is not readable for a caller who has one.
    """

    name: str
    version: int
    categories: frozenset[str]
    folds: Collection[type]
    ignores: Collection[type] = ()
    tables: tuple[Table, ...]
    evolve: Callable[[StreamRows, Recorded], None]
    views: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    view_columns: Mapping[str, str] = field(default_factory=dict)
    view_rows: Mapping[type, str] = field(default_factory=dict)
    day_rows: Mapping[type, DayRows] = field(default_factory=dict)
    reach: Mapping[type, Reachable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        said = Counter([*self.folds, *self.ignores])
        said.subtract(event for name in self.categories for event in CATEGORIES[name].events)
        wrong = sorted(event.__name__ for event, count in said.items() if count)
        if wrong:
            raise IncompleteProjection(
                f"{self.name} must fold or ignore each event of its categories, and no other:"
                f" {', '.join(wrong)}"
            )

    @property
    def owner(self) -> Callable[[str], str]:
        """What stands first in the keys of a stream's rows."""
        return bare_id if len(self.categories) == 1 else str


class IncompleteProjection(Exception):
    """It does not say what it makes of some event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Having:
    """Another table of the same read model has a row like this, with the same `owner`."""

    row: type
    owner: str
    where: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A page of rows: equality and range conditions, a total order, and where to go on.

    `where` holds column -> value (equality), `ranges` column -> (from inclusive, to exclusive);
    `having` asks for rows of other tables beside it. Days are those of `zone`, an IANA name.
    `order` is a list of columns that is unique in sum, `descending` turns all of it round, and
    `after` is the order columns' values of the last row seen. `within` is the reach of who asks:
    what they are narrowed by -> to which values.
    """

    row: type
    where: Mapping[str, object] = field(default_factory=dict)
    ranges: Mapping[str, tuple[object | None, object | None]] = field(default_factory=dict)
    having: tuple[Having, ...] = ()
    order: tuple[str, ...] = ()
    descending: bool = False
    after: tuple[object, ...] | None = None
    limit: int = 50
    zone: str = "UTC"
    within: Mapping[str, Collection[str]] = field(default_factory=dict)


class Narrowing(NamedTuple):
    """One of these values stands in a column of the row, or of the row of another type that has
    the same owner.
    """

    column: str
    values: Collection[str]
    owner: str = ""
    like: type | None = None


def narrowings(query: Query, reach: Mapping[type, Reachable]) -> list[Narrowing] | None:
    """What holds for the rows that the caller reaches; None when there are no such rows."""
    found = []
    for name, values in query.within.items():
        narrowing = _narrowing(query.row, name, values, reach)
        if narrowing is None:
            return None
        if narrowing.column:
            found.append(narrowing)
    return found


def _narrowing(
    row: type, name: str, values: Collection[str], reach: Mapping[type, Reachable]
) -> Narrowing | None:
    known = reach.get(row, Reachable())
    if name in known.columns:
        return Narrowing(known.columns[name], values)
    if known.like is not None and name in reach[known.like].columns:
        return Narrowing(reach[known.like].columns[name], values, known.owner, known.like)
    return Narrowing("", values) if name in known.open else None


class Rows(Protocol):
    """Read access to the read models of this program's versions."""

    async def fetch(self, query: Query) -> Sequence[Any]: ...

    async def wait_for(self, projection: str, position: int) -> None:
        """Returns when the projection has applied the position.

        Raises ReadModelBehind after a bounded wait, PositionAhead at once when the log itself has
        not come so far.
        """
        ...

    async def catch_up(self, projection: str) -> None:
        """Returns when the projection has applied all that was stored before the call.

        Raises ReadModelBehind after a bounded wait.
        """
        ...


class NotReadable(Exception):
    """There is no answer now; ask again."""


class ReadModelBehind(NotReadable):
    """The read model has not seen this position yet; ask again."""


class DatabaseAway(NotReadable):
    """The database gives no answer; ask again."""


class AnswerTooSlow(NotReadable):
    """The answer takes too long; ask for less, as for fewer days."""


class TooManyAsk(NotReadable):
    """Others are asking for the like and it is not your turn yet; ask again."""


class UnknownZone(Exception):
    """There is no such time zone."""


class PositionAhead(Exception):
    """The log has not come to this position."""
